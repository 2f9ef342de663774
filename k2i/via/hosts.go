package via

import (
	"bufio"
	"fmt"
	"os"
	"strings"

	"ddcos/k2i/query"
)

// Limits of a list of hosts.
const (
	MaxHosts    = 10_000
	maxHostName = 253 // bytes, as in DNS
	maxHostFile = 4 << 20
)

// Hosts reads a list: names with a comma or a blank between, written as
// query.Expand understands them, and @FILE for the lists in a file's lines,
// where # begins a comment. A name that comes twice counts once.
func Hosts(list string) ([]string, error) {
	var hosts []string
	seen := map[string]bool{}
	for _, item := range split(list) {
		var names []string
		var err error
		if path, ok := strings.CutPrefix(item, "@"); ok {
			names, err = fromFile(path)
		} else {
			names, err = query.Expand(item)
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
			names, err := query.Expand(item)
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
