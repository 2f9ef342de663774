package policy

import (
	"fmt"
	"slices"

	"ddcos/protocol"
)

// Policy is who may do what. What no rule allows is refused, and a rule that
// denies wins over all that allow, wherever they stand and however they are
// written. It is never changed once it is made.
type Policy struct {
	roles       []grant
	deny, allow []rule
}

// grant gives a role to principals.
type grant struct {
	role string
	to   []who
	line int
}

// rule is one of a file's, or built in where line is 0.
type rule struct {
	who   []who
	may   uint32 // a bit for each Verb
	rooms []pattern
	line  int
	text  string // of what is built in
}

// Decision is an answer, with its reason for people who may read the policy.
type Decision struct {
	Allowed bool
	Why     string
	Line    int // of the rule that decided; 0 where none of a file did
}

// Allows decides whether the subject may do that, in that room; room is "" for
// verbs that are not about one. It is the only place where that is decided.
func (p *Policy) Allows(s Subject, verb Verb, room string) Decision {
	if err := CheckPrincipal(s.Principal); err != nil {
		return Decision{Why: err.Error()}
	}
	if verb >= verbs || verb.OfRoom() != (room != "") {
		return Decision{Why: fmt.Sprintf("%s in the room %.140q: there is no such thing", verb, room)}
	}
	if room != "" {
		if err := protocol.CheckName(room); err != nil {
			return Decision{Why: err.Error()}
		}
	}
	roles := p.Roles(s)
	for i := range p.deny {
		if r := &p.deny[i]; r.fits(s.Principal, roles, verb, room) {
			return Decision{Why: "denied by " + r.String(), Line: r.line}
		}
	}
	for i := range p.allow {
		if r := &p.allow[i]; r.fits(s.Principal, roles, verb, room) {
			return Decision{Allowed: true, Why: "allowed by " + r.String(), Line: r.line}
		}
	}
	return Decision{Why: "nothing allows it"}
}

func (r *rule) fits(principal string, roles []string, verb Verb, room string) bool {
	return r.may&(1<<verb) != 0 &&
		slices.ContainsFunc(r.rooms, func(p pattern) bool { return p.fits(room) }) &&
		slices.ContainsFunc(r.who, func(w who) bool { return w.fits(principal, roles) })
}

// String says where the rule is.
func (r *rule) String() string {
	if r.line == 0 {
		return "what is built in: " + r.text
	}
	return fmt.Sprintf("the rule in line %d", r.line)
}

// Roles are all that the subject has, in order: by its token, by its certificate, and by the
// policy. Nobody has Broker but by a certificate. Parse sees to it that they fit protocol.MaxRoles.
func (p *Policy) Roles(s Subject) []string {
	if CheckPrincipal(s.Principal) != nil {
		return nil
	}
	var roles []string
	if role := RoleOf(s.Principal); role != "" {
		roles = append(roles, role)
	}
	for _, role := range append([]string{s.Role}, s.Vouched...) {
		if role != "" && role != protocol.RoleBroker && CheckRole(role) == nil {
			roles = append(roles, role)
		}
	}
	for i := range p.roles {
		g := &p.roles[i]
		if slices.ContainsFunc(g.to, func(w who) bool { return w.fits(s.Principal, nil) }) {
			roles = append(roles, g.role)
		}
	}
	slices.Sort(roles)
	return slices.Compact(roles)
}

// Everything are all verbs.
const everything = 1<<verbs - 1

// Default is what holds where nobody wrote a file: whoever is on this host, or comes
// where the operator insisted on no credentials, may do everything but end the broker;
// certificates and tokens may what their role says.
func Default() *Policy {
	all := []pattern{{any: true}}
	set := func(may ...Verb) (bits uint32) {
		for _, v := range may {
			bits |= 1 << v
		}
		return bits
	}
	return &Policy{allow: []rule{
		{who: []who{{pattern: pattern{text: uidPrefix, any: true}}, {pattern: pattern{text: userPrefix, any: true}}, {address: true}}, may: everything &^ set(Drain), rooms: all, text: "users of this host and of HTTP, and addresses without credentials, may do everything but drain"},
		{who: []who{{role: protocol.RoleAdmin}}, may: everything, rooms: all, text: "an admin may do everything"},
		{who: []who{{role: protocol.RoleClient}}, may: set(Join, Call, Send, Publish, Offer, Claim, Watch, Status, Read), rooms: all, text: "a client may do all but manage, drain and read_args"},
		{who: []who{{role: protocol.RoleAgent}}, may: set(Join, Claim), rooms: all, text: "an agent may join and claim"},
	}}
}
