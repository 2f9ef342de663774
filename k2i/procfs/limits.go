package procfs

import (
	"bytes"
	"errors"
	"strings"

	"ddcos/k2i"
)

var errLimits = errors.New("limits: no line of NAME SOFT HARD UNIT")

// Where the columns of /proc/PID/limits begin: the kernel prints every name in
// 25 bytes and both values in 20.
const (
	limitSoft = 26
	limitHard = limitSoft + 21
	limitUnit = limitHard + 21
)

// ParseLimits reads the text of /proc/PID/limits. Names are the kernel's in
// lower case, their words joined: "max_open_files".
func ParseLimits(b []byte) ([]k2i.Limit, error) {
	var list []k2i.Limit
	for line := range bytes.Lines(b) {
		text := strings.TrimRight(string(line), " \n")
		if len(text) <= limitHard || strings.HasPrefix(text, "Limit ") {
			continue
		}
		l := k2i.Limit{
			Name: strings.Join(strings.Fields(strings.ToLower(text[:limitSoft])), "_"),
			Soft: parseLimit(text[limitSoft:limitHard]), Hard: parseLimit(text[limitHard:min(len(text), limitUnit)]),
		}
		if len(text) > limitUnit {
			l.Unit = strings.TrimSpace(text[limitUnit:])
		}
		list = append(list, l)
	}
	if len(list) == 0 {
		return nil, errLimits
	}
	return list, nil
}

// parseLimit reads a value; "unlimited", and more than a Count holds, is Unread.
func parseLimit(s string) k2i.Count { return parseCount([]byte(strings.TrimSpace(s))) }
