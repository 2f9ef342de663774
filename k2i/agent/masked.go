package agent

import (
	"slices"

	"ddcos/k2i"
	"ddcos/k2i/mask"
)

// maskedLine is what a process's command line became.
type maskedLine struct {
	key        k2i.Key
	raw, shown []string
}

// maskedLines remembers the last sample's command lines with what masking made of
// each: masking is a function of the line alone, so that a line that is the same,
// of the same process, needs it only once, and all its rows share one list. It
// holds secrets, as whoever read them does, and gives none away.
type maskedLines struct {
	known []maskedLine // in the sample's order: by pid
	spare []maskedLine // room for the next
}

// mask hides the secrets in the command lines of a sample that nobody else has yet;
// those of rows that it shares with the one before are hidden.
func (l *maskedLines) mask(sample *k2i.Sample) {
	now := slices.Grow(l.spare[:0], len(sample.Processes))
	at := 0
	for i, p := range sample.Processes {
		for at < len(l.known) && l.known[at].key.PID < p.PID {
			at++
		}
		line := maskedLine{key: p.Key(), raw: p.Args}
		known := at < len(l.known) && l.known[at].key == line.key
		switch {
		case known && i < len(sample.Shared) && sample.Shared[i]:
			now = append(now, l.known[at])
			continue
		case known && sameLine(l.known[at].raw, p.Args):
			line = l.known[at]
		default:
			line.shown = mask.Arguments(p.Args)
		}
		sample.Own(i).Args = line.shown
		now = append(now, line)
	}
	clear(l.known) // lines of those that have ended are not held on to
	l.known, l.spare = now, l.known
}

// sameLine compares two command lines, which mostly are one and the same list.
func sameLine(a, b []string) bool {
	return len(a) == len(b) && (len(a) == 0 || &a[0] == &b[0] || slices.Equal(a, b))
}
