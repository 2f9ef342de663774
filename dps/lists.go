package dps

import (
	"math"
	"strconv"
	"strings"

	"ddcos/k2i"
	"ddcos/k2i/query"
)

// split takes a list apart, at commas and blanks; an empty member is an error.
func split(list string) ([]string, error) {
	members := strings.FieldsFunc(list, isSeparator)
	separators := 0
	for _, r := range list {
		if isSeparator(r) {
			separators++
		}
	}
	if len(members) == 0 || separators != len(members)-1 {
		return nil, usage("improper list")
	}
	return members, nil
}

func isSeparator(r rune) bool { return r == ',' || r == ' ' || r == '\t' }

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
	if p.out.Select.quick {
		return &UsageError{Text: "q/-q/--quick-pid can only be used once.", plain: true, final: true}
	}
	p.out.Select.quick = true
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
	n, err := strconv.ParseInt(s, 10, 64)
	switch {
	case err != nil && !isNumeric(strings.TrimPrefix(s, "-")):
		return 0, usage("process ID list syntax error")
	case err != nil || n < 1 || n > math.MaxInt32:
		return 0, usage("process ID out of range")
	}
	return int32(n), nil
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
			return s, p.mustExist(s, p.env.UserExists, "user name does not exist")
		})
	}
}

func groups(to func(*query.Selection) *[]string) func(*parser, string) error {
	return func(p *parser, list string) error {
		return listed(p, list, to(&p.out.Select.lists), func(s string) (string, error) {
			return s, p.mustExist(s, p.env.GroupExists, "group name does not exist")
		})
	}
}

func (p *parser) mustExist(name string, exists func(string) bool, otherwise string) error {
	if p.anyNames || isNumeric(name) || exists != nil && exists(name) {
		return nil
	}
	return usage(otherwise)
}

// sessionsOrGroups is -g: sessions where every member is a number, else groups.
func sessionsOrGroups(p *parser, list string) error {
	members, err := split(list)
	if err != nil {
		return err
	}
	for _, m := range members {
		if !isNumeric(m) {
			return listed(p, list, &p.out.Select.lists.Groups, func(s string) (string, error) {
				return s, p.mustExist(s, p.env.GroupExists, "list of session leaders OR effective group IDs was invalid")
			})
		}
	}
	return listed(p, list, &p.out.Select.lists.SIDs, func(s string) (int32, error) {
		if s == "0" { // kernel threads have no session; -s 0 is refused all the same
			return 0, nil
		}
		return readPID(s)
	})
}

// terminals are named as ps shows them, with /dev/ before it, or without tty.
func terminals(p *parser, list string) error {
	return listed(p, list, &p.out.Select.lists.TTYs, func(s string) (uint32, error) {
		for _, name := range []string{s, "tty" + s, "pts/" + s} {
			if dev, ok := k2i.TTYNumber(name); ok {
				return dev, nil
			}
		}
		return 0, usage("TTY could not be found")
	})
}

func isNumeric(s string) bool {
	return s != "" && strings.Trim(s, "0123456789") == ""
}
