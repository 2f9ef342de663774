package dps

import (
	"errors"
	"math"
	"strconv"
	"strings"

	"ddcos/k2i"
	"ddcos/k2i/query"
)

// split takes a list apart, at commas and blanks; an empty member is an error.
func split(list string) ([]string, error) {
	members := strings.FieldsFunc(list, isListSeparator)
	separators := 0
	for _, r := range list {
		if isListSeparator(r) {
			separators++
		}
	}
	if len(members) == 0 || separators != len(members)-1 {
		return nil, usage("improper list")
	}
	return members, nil
}

func isListSeparator(r rune) bool { return r == ',' || r == ' ' || r == '\t' }

// listed reads a list into one of the selection's.
func listed[T any](p *parser, list string, to *[]T, read func(string) (T, error)) error {
	members, err := split(list)
	if err != nil {
		return err
	}
	for _, m := range members {
		v, err := read(m)
		if err != nil {
			return err
		}
		*to = append(*to, v)
	}
	p.out.Select.listed = true
	return nil
}

// listPIDs reads process ids.
func listPIDs(p *parser, list string) error {
	return listed(p, list, &p.out.Select.lists.PIDs, readPID)
}

// quickPIDs are process ids whose order is that of the lines.
func quickPIDs(p *parser, list string) error {
	p.out.Select.quick = true
	p.out.Select.quickly++
	members, err := split(list)
	if err != nil {
		return err
	}
	for _, m := range members {
		pid, err := readPID(m)
		if err != nil {
			return err
		}
		p.out.Select.order = append(p.out.Select.order, pid)
	}
	return nil
}

func readPID(s string) (int32, error) {
	n, ok := numeral(s)
	switch {
	case !ok:
		return 0, usage("process ID list syntax error")
	case n < 1 || n > math.MaxInt32:
		return 0, usage("process ID out of range")
	}
	return int32(n), nil
}

// numeral reads a number as C does: in hexadecimal behind 0x, in octal behind 0;
// what is negative or too large is larger than any limit.
func numeral(s string) (uint64, bool) {
	digits := strings.TrimPrefix(strings.TrimLeft(s, " \t\n\v\f\r"), "+")
	positive, negative := strings.CutPrefix(digits, "-")
	base := 10
	switch {
	case len(positive) > 2 && positive[0] == '0' && positive[1]|0x20 == 'x':
		positive, base = positive[2:], 16
	case len(positive) > 1 && positive[0] == '0':
		base = 8
	}
	n, err := strconv.ParseUint(positive, base, 64)
	switch {
	case s == "":
		return 0, true
	case errors.Is(err, strconv.ErrRange), err == nil && negative && n > 0:
		return math.MaxUint64, true
	}
	return n, err == nil
}

func numbers(to func(*query.Selection) *[]int32) func(*parser, string) error {
	return func(p *parser, list string) error { return listed(p, list, to(&p.out.Select.lists), readPID) }
}

func texts(to func(*query.Selection) *[]string) func(*parser, string) error {
	return func(p *parser, list string) error {
		return listed(p, list, to(&p.out.Select.lists), func(s string) (string, error) { return s, nil })
	}
}

func users(to func(*query.Selection) *[]string) func(*parser, string) error {
	return func(p *parser, list string) error {
		return listed(p, list, to(&p.out.Select.lists), func(s string) (string, error) {
			return p.mustExist(s, p.env.UserExists, "user")
		})
	}
}

func groups(to func(*query.Selection) *[]string) func(*parser, string) error {
	return func(p *parser, list string) error {
		return listed(p, list, to(&p.out.Select.lists), func(s string) (string, error) {
			return p.mustExist(s, p.env.GroupExists, "group")
		})
	}
}

// mustExist is a name of this host, or a number in decimal. What is not known
// may be left out of a selection that is turned round.
func (p *parser) mustExist(name string, exists func(string) bool, what string) (string, error) {
	n, ok := numeral(name)
	switch {
	case ok && n >= math.MaxUint32 && !p.out.Select.lists.Negate:
		return "", usage(what + " ID out of range")
	case ok:
		return strconv.FormatUint(n&math.MaxUint32, 10), nil
	case p.anyNames || exists != nil && exists(name) || p.out.Select.lists.Negate:
		return name, nil
	}
	return "", usage(what + " name does not exist")
}

// sessionsOrGroups is -g: sessions where every member is a number that may be
// one, else groups.
func sessionsOrGroups(p *parser, list string) error {
	if numbers(func(s *query.Selection) *[]int32 { return &s.SIDs })(p, list) == nil {
		return nil
	}
	if groups(func(s *query.Selection) *[]string { return &s.Groups })(p, list) == nil {
		return nil
	}
	return usage("list of session leaders OR effective group IDs was invalid")
}

// terminals are named as this host has them below /dev; of other hosts as ps
// shows them.
func terminals(p *parser, list string) error {
	if list == "" {
		return ownTerminal(p, "")
	}
	return listed(p, list, &p.out.Select.lists.TTYs, func(s string) (uint32, error) {
		if p.env.Terminal != nil {
			dev, err := p.env.Terminal(s)
			if err == nil || !p.anyNames {
				return dev, err
			}
		}
		for _, name := range []string{s, "tty" + s, "pts/" + s} {
			if dev, ok := k2i.TTYNumber(name); ok {
				return dev, nil
			}
		}
		return 0, usage("TTY could not be found")
	})
}

// ownTerminal selects this terminal.
func ownTerminal(p *parser, _ string) error {
	p.out.Select.thisTerminal, p.out.Select.listed = true, true
	return nil
}

func isNumeric(s string) bool {
	return s != "" && strings.Trim(s, "0123456789") == ""
}
