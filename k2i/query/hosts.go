package query

import (
	"fmt"
	"maps"
	"path"
	"slices"
	"strconv"
	"strings"
)

// Limits of a pattern of hosts.
const (
	MaxOn    = 4096    // bytes of the pattern
	MaxHosts = 100_000 // names that it may stand for
	maxGlobs = 1000    // of those, the ones with * or ?
)

// Expand gives the names that a pattern of hosts stands for, in its order:
// commas between names, and in brackets numbers with commas and dashes between,
// so that web[01-40,99].eu is web01.eu to web40.eu and web99.eu. A number has as
// many digits as the first of its range is written with. What is a * or a ? is
// left as it is; see Hosts.
func Expand(pattern string) ([]string, error) {
	if len(pattern) > MaxOn {
		return nil, fmt.Errorf("hosts: a pattern of %d bytes, %d are allowed", len(pattern), MaxOn)
	}
	var names []string
	for _, part := range outsideBrackets(pattern) {
		if part == "" {
			return nil, fmt.Errorf("hosts %.64q: a name is missing beside a comma", pattern)
		}
		more, err := expandName(part, MaxHosts-len(names))
		if err != nil {
			return nil, fmt.Errorf("hosts %.64q: %w", part, err)
		}
		names = append(names, more...)
	}
	return names, nil
}

// outsideBrackets splits at the commas that are in no brackets.
func outsideBrackets(pattern string) []string {
	var parts []string
	start, depth := 0, 0
	for i := range len(pattern) {
		switch pattern[i] {
		case '[':
			depth++
		case ']':
			depth--
		case ',':
			if depth <= 0 {
				parts = append(parts, pattern[start:i])
				start = i + 1
			}
		}
	}
	return append(parts, pattern[start:])
}

// expandName is one part without commas outside of brackets, at most most names.
func expandName(part string, most int) ([]string, error) {
	names := []string{""}
	for part != "" {
		text, rest, ranged := strings.Cut(part, "[")
		if strings.ContainsAny(text, `]\`) || strings.ContainsFunc(text, func(r rune) bool { return r <= ' ' }) {
			return nil, fmt.Errorf("a bracket, a backslash or a blank where none can be")
		}
		endings := []string{text}
		if ranged {
			inside, after, closed := strings.Cut(rest, "]")
			if !closed {
				return nil, fmt.Errorf("a bracket is not closed")
			}
			numbers, err := expandRanges(inside, most)
			if err != nil {
				return nil, err
			}
			for i := range numbers {
				numbers[i] = text + numbers[i]
			}
			endings, rest = numbers, after
		}
		if len(names)*len(endings) > most {
			return nil, errTooManyHosts
		}
		longer := make([]string, 0, len(names)*len(endings))
		for _, name := range names {
			for _, ending := range endings {
				longer = append(longer, name+ending)
			}
		}
		names, part = longer, rest
	}
	return names, nil
}

var errTooManyHosts = fmt.Errorf("more than %d names", MaxHosts)

// expandRanges is what stands in one pair of brackets.
func expandRanges(inside string, most int) ([]string, error) {
	var numbers []string
	for part := range strings.SplitSeq(inside, ",") {
		from, to, ranged := strings.Cut(part, "-")
		if !ranged {
			to = from
		}
		first, err := strconv.ParseUint(from, 10, 32)
		last, err2 := strconv.ParseUint(to, 10, 32)
		switch {
		case err != nil || err2 != nil:
			return nil, fmt.Errorf("[%.32s]: want numbers and ranges of them, as [01-40,99]", inside)
		case last < first:
			return nil, fmt.Errorf("[%.32s]: a range that runs backwards", inside)
		case last-first >= uint64(max(most-len(numbers), 0)):
			return nil, errTooManyHosts
		}
		for n := first; n <= last; n++ {
			numbers = append(numbers, fmt.Sprintf("%0*d", len(from), n))
		}
	}
	return numbers, nil
}

// Hosts is a pattern of hosts, ready to be asked. The nil Hosts is every host.
type Hosts struct {
	names set[string]
	globs []string
}

// ParseHosts reads a pattern as Expand does; in its names * stands for any
// text and ? for one character. The empty pattern is every host.
func ParseHosts(pattern string) (*Hosts, error) {
	if pattern == "" {
		return nil, nil
	}
	names, err := Expand(pattern)
	if err != nil {
		return nil, err
	}
	h := &Hosts{names: set[string]{}}
	for _, name := range names {
		if !strings.ContainsAny(name, "*?") {
			h.names[name] = struct{}{}
			continue
		}
		if h.globs = append(h.globs, name); len(h.globs) > maxGlobs {
			return nil, fmt.Errorf("hosts: more than %d names with * or ?", maxGlobs)
		}
	}
	return h, nil
}

// Names are those that the pattern names without * or ?, in no order.
func (h *Hosts) Names() []string {
	if h == nil {
		return nil
	}
	return slices.Collect(maps.Keys(h.names))
}

// Match tells whether the pattern has a host of that name.
func (h *Hosts) Match(name string) bool {
	if h == nil || h.names.has(name) {
		return true
	}
	for _, glob := range h.globs {
		if ok, err := path.Match(glob, name); ok && err == nil {
			return true
		}
	}
	return false
}

// Asks tells whether a query that has passed Check is meant for a host, too.
func (q Query) Asks(host *Host) bool {
	for name, value := range q.Labels {
		if has, ok := host.Labels[name]; !ok || has != value {
			return false
		}
	}
	hosts, err := ParseHosts(q.On)
	return err == nil && hosts.Match(host.Name)
}
