// Package policy decides who may do what: one function on one normal form of
// who asks, what for and where. It reads a file's bytes and nothing else.
package policy

import (
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"ddcos/protocol"
)

// Verb is something that can be asked for. Append-only.
type Verb uint8

// The verbs. Those of a broker, but for Status and Drain, are about a room; those of an
// agent's answers are about the host that it is on.
const (
	Join     Verb = iota // be a member, and show a state
	Call                 // call the members that labels and state select
	Send                 // call one member by its name or id
	Publish              // send what nobody replies to
	Offer                // offer work
	Claim                // bid for work, and be bound to it
	Watch                // see the members
	Manage               // have lost members forgotten
	Status               // read a broker's counts
	Read                 // read an agent's processes, containers and host
	ReadArgs             // with the arguments of processes
	Drain                // make a broker go away
	verbs
)

var verbNames = [verbs]string{"join", "call", "send", "publish", "offer", "claim", "watch", "manage", "status", "read", "read_args", "drain"}

// String is the verb in a policy's file.
func (v Verb) String() string {
	if v < verbs {
		return verbNames[v]
	}
	return fmt.Sprintf("verb %d", uint8(v))
}

// OfRoom tells whether the verb is about a room.
func (v Verb) OfRoom() bool { return v <= Manage }

// Verbs are all of them.
func Verbs() []Verb {
	all := make([]Verb, verbs)
	for i := range all {
		all[i] = Verb(i)
	}
	return all
}

// ParseVerb reads a verb's name.
func ParseVerb(s string) (Verb, error) {
	for i, name := range verbNames {
		if s == name {
			return Verb(i), nil
		}
	}
	return 0, fmt.Errorf("%.40q is no verb: want one of %s", s, strings.Join(verbNames[:], ", "))
}

// MaxRole is how many bytes a role has at most.
const MaxRole = 32

// CheckRole refuses what is not 1 to MaxRole lower-case letters, digits, - and _.
func CheckRole(s string) error {
	if s == "" || len(s) > MaxRole || strings.Trim(s, "abcdefghijklmnopqrstuvwxyz0123456789-_") != "" {
		return fmt.Errorf("%.40q is no role: want 1 to %d of a-z, 0-9, - and _", s, MaxRole)
	}
	return nil
}

// Subject is who asks, as the asked one has found out by itself.
type Subject struct {
	Principal string // in normal form: see CheckPrincipal
	Role      string // that a token has; "" for other principals, since a certificate's stands in its name

	Vouched []string // roles that a broker says the principal has, for who believes that broker
}

// How principals begin. What has none of these is an address.
const (
	uidPrefix    = "uid "
	spiffePrefix = protocol.IdentityScheme
	tokenPrefix  = "token "
	userPrefix   = "user "
)

// UID is the principal of a user of a host.
func UID(uid uint32) string { return uidPrefix + strconv.FormatUint(uint64(uid), 10) }

// User is the principal of a user of HTTP, whose password was checked.
func User(name string) string { return userPrefix + name }

// CheckPrincipal refuses what is not in the one normal form: "uid N" with N in
// decimal, "spiffe://TRUSTDOMAIN/PATH", "token NAME", "user NAME" of HTTP, or an IP address as netip
// writes it. Two texts are two principals.
func CheckPrincipal(s string) error {
	if len(s) > protocol.MaxPrincipal {
		return fmt.Errorf("a principal of %d bytes; %d are allowed", len(s), protocol.MaxPrincipal)
	}
	var ok bool
	switch {
	case strings.HasPrefix(s, uidPrefix):
		n, err := strconv.ParseUint(s[len(uidPrefix):], 10, 32)
		ok = err == nil && UID(uint32(n)) == s
	case strings.HasPrefix(s, spiffePrefix):
		ok = protocol.CheckIdentity(s) == nil
	case strings.HasPrefix(s, tokenPrefix):
		ok = CheckTokenName(s[len(tokenPrefix):]) == nil
	case strings.HasPrefix(s, userPrefix):
		ok = CheckTokenName(s[len(userPrefix):]) == nil
	default:
		a, err := netip.ParseAddr(s)
		ok = err == nil && a.Unmap().String() == s
	}
	if !ok {
		return fmt.Errorf("%.80q is no principal: want uid N, spiffe://DOMAIN/PATH, token NAME or an IP address", s)
	}
	return nil
}

// MaxTokenName is how many bytes a token's name has at most.
const MaxTokenName = 64

const (
	lower = "abcdefghijklmnopqrstuvwxyz0123456789"
	upper = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
)

// CheckTokenName refuses what is not 1 to MaxTokenName letters, digits, -, _ and dots.
func CheckTokenName(s string) error {
	if s == "" || len(s) > MaxTokenName || !made(s, lower+upper+"-_.") {
		return fmt.Errorf("%.80q is no name of a token: want 1 to %d of a-z, A-Z, 0-9, -, _ and dots", s, MaxTokenName)
	}
	return nil
}

// made tells whether all of s is of those characters.
func made(s, of string) bool { return strings.Trim(s, of) == "" }

// RoleOf is the role that our own authority gave a principal: that of
// spiffe://ddcos/ROLE/HOST, else "".
func RoleOf(principal string) string {
	role, _, ok := protocol.OwnIdentity(principal)
	if !ok || !slices.Contains(protocol.Roles(), role) {
		return ""
	}
	return role
}
