package policy

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"ddcos/protocol"
)

// subjects and places are few, so that random rules meet them.
func subjects() []Subject {
	return []Subject{
		{Principal: "uid 0"},
		{Principal: "uid 1"},
		{Principal: "uid 10"},
		{Principal: "spiffe://ddcos/agent/web-1"},
		{Principal: "spiffe://ddcos/admin/web-1"},
		{Principal: "spiffe://ddcos/broker/b"},
		{Principal: "spiffe://other/admin/web-1"},
		{Principal: "token ci", Role: "client"},
		{Principal: "token ci-2", Role: "agent"},
		{Principal: "10.0.0.1"},
		{Principal: "10.0.0.10"},
		{Principal: "::1"},
	}
}

func places() []string { return []string{"a", "ab", "abc", "b", "a*", "k2i"} }

// written is a rule as text, for a file and for a judge of its own.
type written struct{ who, may, rooms []string }

func randomRules(r *rand.Rand) []written {
	whos := []string{
		"*", "uid *", "uid 1", "uid 10", "token *", "token ci*", "token ci", "spiffe://ddcos/*", "spiffe://ddcos/agent/*", "spiffe://ddcos/agent/web*",
		"10.0.0.*", "10.*", "10.0.0.1", "::1", "address *", "role agent", "role admin", "role ops", "role client",
	}
	mays := []string{"*", "join", "call", "send", "watch", "claim", "manage"}
	rooms := []string{"*", "a*", "a", "ab", "ab*", "b", "k2i", "k*"}
	some := func(of []string) []string {
		picked := make([]string, 1+r.IntN(2))
		for i := range picked {
			picked[i] = of[r.IntN(len(of))]
		}
		return picked
	}
	rules := make([]written, r.IntN(4))
	for i := range rules {
		rules[i] = written{some(whos), some(mays), some(rooms)}
	}
	return rules
}

func textOf(section string, rules []written) string {
	if len(rules) == 0 {
		return section + ": []\n"
	}
	b := section + ":\n"
	for _, r := range rules {
		b += fmt.Sprintf("  - who: ['%s']\n    may: ['%s']\n    rooms: ['%s']\n", strings.Join(r.who, "','"), strings.Join(r.may, "','"), strings.Join(r.rooms, "','"))
	}
	return b
}

const givenRoles = "roles:\n  ops: [uid 10, 'token ci*']\n"

func parse(t *testing.T, text string) *Policy {
	t.Helper()
	p, err := Parse([]byte(text))
	if err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	return p
}

// judge is the same decision, made another way: by the texts of the rules.
func judge(allow, deny []written, s Subject, verb Verb, room string) bool {
	text := func(pattern, s string) bool {
		if begin, star := strings.CutSuffix(pattern, "*"); star {
			return len(s) >= len(begin) && s[:len(begin)] == begin
		}
		return pattern == s
	}
	has := func(role string) bool {
		switch role {
		case "ops":
			return s.Principal == "uid 10" || strings.HasPrefix(s.Principal, "token ci")
		}
		return s.Role == role || strings.HasPrefix(s.Principal, "spiffe://ddcos/"+role+"/")
	}
	fits := func(w written) bool {
		return slices.ContainsFunc(w.who, func(who string) bool {
			if role, ok := strings.CutPrefix(who, "role "); ok {
				return has(role)
			}
			if who == "address *" {
				return !strings.Contains(s.Principal, " ") && !strings.Contains(s.Principal, "/")
			}
			return text(who, s.Principal)
		}) && slices.ContainsFunc(w.may, func(may string) bool { return may == "*" || may == verb.String() }) &&
			slices.ContainsFunc(w.rooms, func(p string) bool { return text(p, room) })
	}
	return slices.ContainsFunc(allow, fits) && !slices.ContainsFunc(deny, fits)
}

// Whatever the rules are: the decision is another judge's, it does not depend on
// their order, a denial more allows nobody anything, and a permission more takes
// nothing from anybody and undoes no denial.
func TestDecisions(t *testing.T) {
	for seed := range uint64(400) {
		r := rand.New(rand.NewPCG(seed, 1))
		allow, deny, more := randomRules(r), randomRules(r), randomRules(r)
		p := parse(t, givenRoles+textOf("allow", allow)+textOf("deny", deny))
		turned := slices.Clone(allow)
		slices.Reverse(turned)
		upside := parse(t, textOf("deny", slices.Concat(deny[min(1, len(deny)):], deny[:min(1, len(deny))]))+textOf("allow", turned)+givenRoles)
		stricter := parse(t, givenRoles+textOf("allow", allow)+textOf("deny", append(slices.Clone(deny), more...)))
		looser := parse(t, givenRoles+textOf("allow", append(slices.Clone(allow), more...))+textOf("deny", deny))
		for _, s := range subjects() {
			for _, verb := range []Verb{Join, Call, Send, Watch, Claim, Manage, Publish} {
				for _, room := range places() {
					got := p.Allows(s, verb, room)
					if want := judge(allow, deny, s, verb, room); got.Allowed != want {
						t.Fatalf("seed %d: %v %s %s: %+v, want %v\n%s%s", seed, s, verb, room, got, want, textOf("allow", allow), textOf("deny", deny))
					}
					if upside.Allows(s, verb, room).Allowed != got.Allowed {
						t.Fatalf("seed %d: %v %s %s: the order of the rules matters", seed, s, verb, room)
					}
					if stricter.Allows(s, verb, room).Allowed && !got.Allowed {
						t.Fatalf("seed %d: %v %s %s: allowed by a denial", seed, s, verb, room)
					}
					more := looser.Allows(s, verb, room)
					denied := strings.HasPrefix(got.Why, "denied")
					if got.Allowed && !more.Allowed || denied && more.Allowed {
						t.Fatalf("seed %d: %v %s %s: %+v, with more permissions %+v", seed, s, verb, room, got, more)
					}
				}
			}
		}
	}
}

// W21: however an allow and a deny overlap, the deny wins; and what looks like
// another room is another room.
func TestW21DenyWins(t *testing.T) {
	for _, allow := range []string{"'*'", "'sec*'", "secret", "[other, secret]"} {
		for _, deny := range []string{"'*'", "'s*'", "'secret*'", "secret"} {
			for _, who := range []string{"uid 7", "'uid *'", "'*'", "role ops"} {
				file := fmt.Sprintf("roles: {ops: uid 7}\nallow:\n - {who: uid 7, may: '*', rooms: %s}\n - {who: '*', may: [join, call], rooms: %s}\ndeny:\n - {who: %s, may: [join, call, send, publish, offer, claim, watch], rooms: %s}\n", allow, allow, who, deny)
				p := parse(t, file)
				for _, v := range []Verb{Join, Call, Send, Publish, Offer, Claim, Watch} {
					if d := p.Allows(Subject{Principal: "uid 7"}, v, "secret"); d.Allowed {
						t.Errorf("%s in secret: %+v\n%s", v, d, file)
					}
				}
			}
		}
	}
	p := parse(t, "allow:\n - {who: uid 7, may: join, rooms: 'team-a*'}\n")
	for _, room := range []string{
		"team-b", "team-", "team", "Team-a", "TEAM-A", "x team-a", "../team-a", "team-a/../team-b\x00", "", "team-a\n", " team-a", "team-a ",
		"team-\u0430", "te\u200bam-a", strings.Repeat("team-a", 30), "team-a\xff",
	} {
		if d := p.Allows(Subject{Principal: "uid 7"}, Join, room); d.Allowed {
			t.Errorf("%q: %+v", room, d)
		}
	}
}

// W24: what means something in a regular expression, a glob or a template means
// itself here, in rooms and in principals.
func TestW24NoMetacharacters(t *testing.T) {
	for _, c := range []struct{ pattern, not string }{
		{"a.c", "abc"}, {"a?c", "abc"}, {"[ab]", "a"}, {"a+", "aa"}, {"(a|b)", "a"}, {"^a$", "a"}, {"a{2}", "aa"}, {"{{user}}", "uid 7"}, {"$1", "a"}, {"%h", "h"}, {`\w`, "w"}, {"a.*", "abc"},
	} {
		p := parse(t, fmt.Sprintf("allow:\n - {who: uid 7, may: join, rooms: %q}\n", c.pattern))
		s := Subject{Principal: "uid 7"}
		if p.Allows(s, Join, c.not).Allowed {
			t.Errorf("%q fits %q", c.pattern, c.not)
		}
		if itself := strings.TrimSuffix(c.pattern, "*"); !p.Allows(s, Join, itself).Allowed {
			t.Errorf("%q does not fit itself", c.pattern)
		}
	}
	for _, bad := range []string{"a*b", "**", "a**", "*a", "*a*", "uid 1*", "1*", "10.0.0.1*", "10.0*", "spiffe://ddcos*", "spiffe://d*", "spiffe:*", "t*", "fd00:*", "10.0.0.0.*", "10.00.*", "uid -*"} {
		if _, err := Parse([]byte(fmt.Sprintf("allow:\n - {who: %q, may: join}\n", bad))); err == nil {
			t.Errorf("who: %q was read", bad)
		}
	}
}

// Nobody is who is not in normal form, even where everyone may everything.
func TestNormalForm(t *testing.T) {
	p := parse(t, "allow:\n - {who: '*', may: '*'}\n")
	for _, good := range []string{"uid 0", "uid 4294967295", "spiffe://ddcos/agent/h1", "spiffe://example.org/ns/x/sa/y", "token a-b_c.D", "user prometheus", "10.0.0.1", "::1", "fe80::1%eth0"} {
		if err := CheckPrincipal(good); err != nil || !p.Allows(Subject{Principal: good}, Join, "r").Allowed {
			t.Errorf("%q: %v", good, err)
		}
	}
	for _, bad := range []string{
		"", "uid", "uid ", "uid 00", "uid 01", "uid +1", "uid -1", "uid 4294967296", "UID 0", "uid 0 ", " uid 0", "uid 0\n", "root", "role admin", "*",
		"spiffe://", "spiffe://ddcos", "spiffe://ddcos/", "spiffe:///admin/h", "spiffe://DDCOS/admin/h", "spiffe://ddcos/admin/../admin", "spiffe://ddcos/admin//h", "spiffe://ddcos/admin/h/",
		"spiffe://ddcos/admin/h?x", "spiffe://ddcos/admin/h#x", "spiffe://ddcos/admin/%68", "spiffe://ddcos:1/admin/h", "spiffe://ddcos./admin/h", "spiffe://.ddcos/admin/h", "spiffe://u@ddcos/admin/h", "SPIFFE://ddcos/admin/h", "spiffe://ddcos/ädmin/h",
		"token ", "token a b", "token a/b", "token " + strings.Repeat("a", 65), "10.0.0.01", "10.0.0.1:80", "::ffff:10.0.0.1", "::0001", "[::1]", "spiffe://ddcos/" + strings.Repeat("a", 255),
	} {
		if d := p.Allows(Subject{Principal: bad, Role: protocol.RoleAdmin}, Join, "r"); d.Allowed || CheckPrincipal(bad) == nil || p.Roles(Subject{Principal: bad, Role: protocol.RoleAdmin}) != nil {
			t.Errorf("%q is somebody: %+v", bad, d)
		}
	}
}

// Roles come from our own authority's names, from tokens and from the file, and
// no other way; that of brokers by a certificate alone.
func TestRoles(t *testing.T) {
	p := parse(t, givenRoles+"allow: []\n")
	for _, c := range []struct {
		s    Subject
		want string
	}{
		{Subject{Principal: "spiffe://ddcos/admin/h"}, "admin"},
		{Subject{Principal: "spiffe://ddcos/admin"}, ""},
		{Subject{Principal: "spiffe://ddcos/admin/h/x"}, ""},
		{Subject{Principal: "spiffe://ddcos/root/h"}, ""},
		{Subject{Principal: "spiffe://ddcos.example/admin/h"}, ""},
		{Subject{Principal: "spiffe://other/ddcos/admin/h"}, ""},
		{Subject{Principal: "spiffe://ddcos/broker/h"}, "broker"},
		{Subject{Principal: "token x", Role: "client"}, "client"},
		{Subject{Principal: "token x", Role: "broker"}, ""},
		{Subject{Principal: "token x", Role: "a b"}, ""},
		{Subject{Principal: "token ci", Role: "client"}, "client ops"},
		{Subject{Principal: "token ci", Role: "ops"}, "ops"},
		{Subject{Principal: "uid 10"}, "ops"},
		{Subject{Principal: "uid 1"}, ""},
	} {
		if got := strings.Join(p.Roles(c.s), " "); got != c.want {
			t.Errorf("%+v: %q, want %q", c.s, got, c.want)
		}
	}
	if _, err := Parse([]byte("roles: {broker: 'uid 0'}\nallow: []\n")); err == nil {
		t.Error("a file made brokers")
	}
	many := "allow: []\nroles:\n"
	for i := range 20 {
		many += fmt.Sprintf("  role-number-%d: uid 0\n", i)
	}
	if _, err := Parse([]byte(many)); err == nil || !strings.Contains(err.Error(), "at once") {
		t.Errorf("more roles than a frame has room for: %v", err)
	}
}

// What verbs of no room have to do with rooms.
func TestVerbsWithoutRoom(t *testing.T) {
	s := Subject{Principal: "uid 1"}
	p := parse(t, "allow:\n - {who: uid 1, may: '*', rooms: a}\n - {who: uid 2, may: '*'}\n")
	for _, v := range Verbs() {
		if !v.OfRoom() && (p.Allows(s, v, "").Allowed || !p.Allows(Subject{Principal: "uid 2"}, v, "").Allowed || p.Allows(Subject{Principal: "uid 2"}, v, "a").Allowed) {
			t.Errorf("%s", v)
		}
		if v.OfRoom() && (!p.Allows(s, v, "a").Allowed || p.Allows(s, v, "").Allowed) {
			t.Errorf("%s", v)
		}
		if got, err := ParseVerb(v.String()); err != nil || got != v {
			t.Errorf("%s is read as %v, %v", v, got, err)
		}
	}
	if p.Allows(Subject{Principal: "uid 2"}, verbs, "").Allowed || p.Allows(Subject{Principal: "uid 2"}, 200, "a").Allowed {
		t.Error("a verb that there is not")
	}
}

// What holds without a file: each role has the verbs that README tells.
func TestDefault(t *testing.T) {
	may := func(s Subject) string {
		var all []string
		for _, v := range Verbs() {
			room := ""
			if v.OfRoom() {
				room = "deploy"
			}
			if Default().Allows(s, v, room).Allowed {
				all = append(all, v.String())
			}
		}
		return strings.Join(all, " ")
	}
	every := "join call send publish offer claim watch manage status read read_args"
	everyAndDrain := every + " drain" // which a user of the host may not do to all others
	for _, c := range []struct {
		s    Subject
		want string
	}{
		{Subject{Principal: "uid 0"}, every},
		{Subject{Principal: "uid 1000"}, every},
		{Subject{Principal: "user prometheus"}, every},
		{Subject{Principal: "127.0.0.1"}, every},
		{Subject{Principal: "fe80::1%eth0"}, every},
		{Subject{Principal: "spiffe://ddcos/admin/h"}, everyAndDrain},
		{Subject{Principal: "token t", Role: "admin"}, everyAndDrain},
		{Subject{Principal: "spiffe://ddcos/client/h"}, "join call send publish offer claim watch status read"},
		{Subject{Principal: "spiffe://ddcos/agent/h"}, "join claim"},
		{Subject{Principal: "token t", Role: "agent"}, "join claim"},
		{Subject{Principal: "spiffe://ddcos/broker/h"}, ""},
		{Subject{Principal: "spiffe://other/admin/h"}, ""},
		{Subject{Principal: "token t"}, ""},
	} {
		if got := may(c.s); got != c.want {
			t.Errorf("%+v may %q, want %q", c.s, got, c.want)
		}
	}
	if protocol.MaxRoles < len(strings.Join([]string{protocol.RoleAgent, protocol.RoleClient, protocol.RoleBroker, protocol.RoleAdmin}, " ")) {
		t.Error("the roles that are built in have no room in a frame")
	}
}
