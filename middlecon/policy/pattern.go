package policy

import (
	"errors"
	"fmt"
	"net/netip"
	"strings"

	"ddcos/protocol"
)

// pattern is one text, or with any all that begin with it. Nothing else in it
// has a meaning of its own.
type pattern struct {
	text string
	any  bool
}

func (p pattern) fits(s string) bool {
	return s == p.text || p.any && strings.HasPrefix(s, p.text)
}

// parsePattern takes one trailing star off.
func parsePattern(s string) (pattern, error) {
	text, star := strings.CutSuffix(s, "*")
	if strings.Contains(text, "*") {
		return pattern{}, fmt.Errorf("%.80q: a star may stand at the end alone", s)
	}
	return pattern{text: text, any: star}, nil
}

// parseRoom reads a room's name, or how names of rooms begin.
func parseRoom(s string) (pattern, error) {
	p, err := parsePattern(s)
	if err != nil {
		return p, err
	}
	name := p.text
	if p.any {
		name += "x" // a beginning may end in a space, or be empty
	}
	var told *protocol.Error
	if err := protocol.CheckName(name); errors.As(err, &told) && (!p.any || len(p.text) >= protocol.MaxName || !beginsName(p.text)) {
		return p, fmt.Errorf("%.80q is no room's name: want 1 to %d bytes of printable UTF-8, no space at either end", s, protocol.MaxName)
	}
	return p, nil
}

func beginsName(text string) bool {
	return protocol.CheckName(text+"x") == nil
}

// who is a pattern of principals, or a role.
type who struct {
	pattern
	role    string // else ""
	address bool   // every address
}

// rolePrefix begins who is known by a role.
const rolePrefix = "role "

// parseWho reads a principal, how principals begin, a role, or a star for
// everyone. What would fit more than it seems to is refused: numbers and
// addresses are not cut in the middle.
func parseWho(s string) (who, error) {
	if role, ok := strings.CutPrefix(s, rolePrefix); ok {
		return who{role: role}, CheckRole(role)
	}
	if s == "address *" {
		return who{address: true}, nil
	}
	p, err := parsePattern(s)
	if err != nil {
		return who{}, err
	}
	if !p.any {
		return who{pattern: p}, CheckPrincipal(s)
	}
	if !begins(p.text) {
		return who{}, fmt.Errorf("%.80q: want all (*, 'uid *', 'token *', 'user *', 'address *'), or how names begin: spiffe://DOMAIN/..., token ..., or an IPv4 address up to a dot", s)
	}
	return who{pattern: p}, nil
}

// begins tells whether a star may follow.
func begins(text string) bool {
	switch {
	case text == "", text == uidPrefix:
		return true
	case strings.HasPrefix(text, spiffePrefix): // the trust domain is whole
		return strings.Count(text, "/") > 2 && CheckPrincipal(text+"x") == nil
	case text == userPrefix, strings.HasPrefix(text, tokenPrefix):
		return CheckPrincipal(text+"x") == nil
	case strings.HasSuffix(text, "."): // of an IPv4 address
		missing := 4 - strings.Count(text, ".")
		if missing < 1 {
			return false
		}
		full := text + strings.Repeat("0.", missing-1) + "0"
		a, err := netip.ParseAddr(full)
		return err == nil && a.String() == full
	}
	return false
}

// fits tells whether the subject, with those roles, is meant.
func (w *who) fits(principal string, roles []string) bool {
	switch {
	case w.role != "":
		for _, role := range roles {
			if role == w.role {
				return true
			}
		}
		return false
	case w.address:
		_, err := netip.ParseAddr(principal)
		return err == nil
	}
	return w.pattern.fits(principal)
}
