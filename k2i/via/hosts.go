package via

import (
	"bufio"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
)

// Limits of a list of hosts.
const (
	MaxHosts    = 10_000
	maxHostName = 253 // bytes, as in DNS
	maxHostFile = 4 << 20
)

// Hosts reads a list: names with a comma between, of which [a,b] and [01-40]
// stand for several, and @FILE for the lists in a file's lines, where # begins a
// comment. Leading zeros are kept, and a name that comes twice counts once.
func Hosts(list string) ([]string, error) {
	var hosts []string
	seen := map[string]bool{}
	for _, item := range split(list) {
		var names []string
		var err error
		if path, ok := strings.CutPrefix(item, "@"); ok {
			names, err = fromFile(path)
		} else {
			names, err = expand(item)
		}
		if err != nil {
			return nil, err
		}
		for _, name := range names {
			if err := checkHost(name); err != nil {
				return nil, err
			}
			if !seen[name] {
				seen[name], hosts = true, append(hosts, name)
			}
		}
		if len(hosts) > MaxHosts {
			return nil, fmt.Errorf("more than %d hosts", MaxHosts)
		}
	}
	return hosts, nil
}

// checkHost takes what can be part of a shell's command without meaning anything
// to it, and cannot be taken for an option: names, addresses, user@host.
func checkHost(name string) error {
	switch {
	case name == "" || len(name) > maxHostName:
		return fmt.Errorf("a host's name of %d bytes, want 1 to %d", len(name), maxHostName)
	case name[0] == '-':
		return fmt.Errorf("host %q begins with a dash and would be taken for an option", name)
	}
	for _, r := range name {
		if !plainRune(r) {
			return fmt.Errorf("host %q: a name has letters, digits and any of . _ - : @ %% / +, not %q", name, r)
		}
	}
	return nil
}

func plainRune(r rune) bool {
	return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("._-:@%/+", r)
}

// split parts a list at commas and white space outside of brackets.
func split(list string) []string {
	depth := 0
	return strings.FieldsFunc(list, func(r rune) bool {
		switch r {
		case '[':
			depth++
		case ']':
			depth--
		}
		return depth <= 0 && strings.ContainsRune(", \t\r\n", r)
	})
}

func fromFile(path string) ([]string, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }()
	if info, err := f.Stat(); err == nil && info.Size() > maxHostFile {
		return nil, fmt.Errorf("%s has %d bytes: want %d at most", path, info.Size(), maxHostFile)
	}
	var hosts []string
	lines := bufio.NewScanner(f)
	for n := 1; lines.Scan(); n++ {
		line, _, _ := strings.Cut(lines.Text(), "#")
		for _, item := range split(line) {
			names, err := expand(item)
			if err != nil {
				return nil, fmt.Errorf("%s, line %d: %w", path, n, err)
			}
			if hosts = append(hosts, names...); len(hosts) > MaxHosts {
				return nil, fmt.Errorf("%s: more than %d hosts", path, MaxHosts)
			}
		}
	}
	return hosts, lines.Err()
}

// expand writes a pattern's first brackets out, and those behind them.
func expand(pattern string) ([]string, error) {
	before, rest, ok := strings.Cut(pattern, "[")
	if !ok {
		return []string{pattern}, nil
	}
	inside, after, ok := strings.Cut(rest, "]")
	if !ok {
		return nil, fmt.Errorf("host %q: a [ without its ]", pattern)
	}
	ends, err := expand(after)
	if err != nil {
		return nil, err
	}
	var names []string
	for choice := range strings.SplitSeq(inside, ",") {
		middles, err := span(choice)
		if err != nil {
			return nil, fmt.Errorf("host %q: %w", pattern, err)
		}
		if len(names)+len(middles)*len(ends) > MaxHosts {
			return nil, fmt.Errorf("host %q: more than %d hosts", pattern, MaxHosts)
		}
		for _, middle := range middles {
			for _, end := range ends {
				names = append(names, before+middle+end)
			}
		}
	}
	return names, nil
}

// span writes 08-11 out as 08, 09, 10, 11; anything without a dash is itself.
func span(choice string) ([]string, error) {
	first, last, ok := strings.Cut(choice, "-")
	if !ok {
		return []string{choice}, nil
	}
	from, err := strconv.ParseUint(first, 10, 32)
	to, err2 := strconv.ParseUint(last, 10, 32)
	if err != nil || err2 != nil || to < from || to-from >= MaxHosts {
		return nil, fmt.Errorf("[%s]: want two numbers such as 01-40, the smaller one first, at most %d hosts", choice, MaxHosts)
	}
	names := make([]string, 0, to-from+1)
	for n := from; n <= to; n++ {
		names = append(names, fmt.Sprintf("%0*d", len(first), n))
	}
	return slices.Clip(names), nil
}
