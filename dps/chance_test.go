package dps_test

import (
	"flag"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"ddcos/dps"
)

var (
	chanceSeed  = flag.Uint64("chance.seed", 1, "what the random command lines are made from")
	chanceLines = flag.Int("chance.lines", 200, "how many random command lines are compared with ps")
)

// Words of the grammar, by dialect. Letters stand alone or in groups.
const (
	unixLetters = "fFlyjcPMZLTmHwN"
	bsdLetters  = "uljsvXcenSfhHmwgMZkr"
)

var longWords = []string{
	"--forest", "--headers", "--no-headers", "--cumulative", "--context", "--cols=90", "--cols", "--width=200", "--rows=5",
	"--deselect", "--lines", "--heading", "--noheader", "--columns=60", "--nosuch", "--sort=-pid", "--format=pid,comm",
}

// line makes a command line about the processes of pids.
type line struct {
	*rand.Rand
	keys     []string
	unsorted []string // keys by which ps does not sort
	pids     string
}

func (l line) pick(words []string) string { return words[l.IntN(len(words))] }

// letters is a group of a few letters.
func (l line) letters(from string) string {
	var b strings.Builder
	for range 1 + l.IntN(3) {
		b.WriteByte(from[l.IntN(len(from))])
	}
	return b.String()
}

// format is what stands behind -o.
func (l line) format() string {
	var cells []string
	for range 1 + l.IntN(4) {
		cell := l.pick(l.keys)
		switch l.IntN(8) {
		case 0:
			cell += "=Header"
		case 1:
			cell += ":12"
		case 2:
			cell += "="
		}
		cells = append(cells, cell)
		if strings.Contains(cell, "=") {
			break // a header runs on to the end
		}
	}
	return strings.Join(cells, ",")
}

// sorting is what stands behind --sort.
func (l line) sorting() string {
	var keys []string
	for range 1 + l.IntN(2) {
		key := l.pick(l.keys)
		for slices.Contains(l.unsorted, key) {
			key = l.pick(l.keys)
		}
		keys = append(keys, l.pick([]string{"", "-", "+"})+key)
	}
	return strings.Join(append(keys, "pid"), ",")
}

func (l line) words() []string {
	switch l.IntN(12) {
	case 0, 1, 2:
		return []string{"-" + l.letters(unixLetters)}
	case 3, 4, 5:
		return []string{l.letters(bsdLetters)}
	case 6:
		return []string{l.pick(longWords)}
	case 7, 8:
		return []string{l.pick([]string{"-o", "o", "--format"}), l.format()}
	case 9:
		return []string{l.pick([]string{"--sort", "k"}), l.sorting()}
	case 10:
		return []string{l.pick([]string{"-O", "O"}), l.format()}
	}
	return []string{"--cols", l.pick([]string{"20", "40", "80", "100", "132"})}
}

func (l line) make() []string {
	groups := [][]string{{l.pick([]string{"-p", "p", "--pid", "-q", "q", "-p", "-p"}), l.pids}}
	for range l.IntN(4) {
		groups = append(groups, l.words())
	}
	l.Shuffle(len(groups), func(i, j int) { groups[i], groups[j] = groups[j], groups[i] })
	return slices.Concat(groups...)
}

// Random command lines are accepted or refused alike, and print the same bytes.
func TestByChanceAgainstPS(t *testing.T) {
	p := startPeers(t)
	l := line{Rand: rand.New(rand.NewPCG(*chanceSeed, 0)), keys: shared(t), unsorted: differences(t, "sorted-by-value"), pids: p.list()} //nolint:gosec // not a secret
	t.Logf("seed %d, %d lines", *chanceSeed, *chanceLines)
	for range *chanceLines {
		p.alike(t, l.make())
	}
}

// alike compares one command line; of a refusal only that it is one.
func (p *peers) alike(t *testing.T, args []string) {
	t.Helper()
	line := strings.Join(args, " ")
	if c, err := dps.Parse(args, dps.DefaultEnv(func(string) string { return "" })); err == nil && flawed(t, c) {
		return
	}
	want, wantStatus := genuine(t, args...)
	if strings.Contains(want, "please report this bug") || strings.Contains(want, "internal error") || strings.Contains(want, "caught by ps") {
		return // ps itself fell
	}
	if wantStatus == 1 && !strings.Contains(want, "\n  ") && (strings.HasPrefix(want, "error:") || strings.HasPrefix(want, "q/-q")) {
		if got, status := p.ours(t, args...); status != 1 || !strings.HasPrefix(got, "error:") && !strings.HasPrefix(got, "q/-q") {
			t.Errorf("%s\n  ps refuses it: %s", line, want)
		}
		return
	}
	if slices.ContainsFunc(args, func(arg string) bool {
		return arg == "--deselect" || len(arg) > 1 && arg[0] == '-' && arg[1] != '-' && strings.Contains(arg, "N")
	}) {
		p.equal(t, firstLine, args...) // what else runs here does not stand still
		return
	}
	if strings.Count(want, "\n") > manyLines {
		p.equal(t, firstLine, args...)
		return
	}
	p.equal(t, same, args...)
}

// manyLines are more than the peers have: everything that runs is shown then.
const manyLines = 70

// flawed are listings in which ps 4.0.2 is known to be wrong, with threads: it
// leaves them out where it sorts, and tells no CPU for them below their process.
func flawed(t *testing.T, c *dps.Command) bool {
	t.Helper()
	unread := differences(t, "unread-below")
	unsorted := differences(t, "sorted-by-value")
	return (c.ThreadsAlike || c.ThreadsBelow) && len(c.Sort) > 0 ||
		slices.ContainsFunc(c.Sort, func(k dps.SortKey) bool { return slices.Contains(unsorted, k.Column.Key) }) ||
		c.ThreadsBelow && slices.ContainsFunc(c.Cells, func(cell dps.Cell) bool {
			return slices.Contains(unread, cell.Key)
		})
}

func firstLine(s string) string { return strings.SplitN(s, "\n", 2)[0] }
