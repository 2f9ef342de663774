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

// deck is dealt to its end and shuffled again, so that everything in it comes up.
type deck struct {
	*rand.Rand
	cards []string
	next  int
	dealt map[string]int
}

func newDeck(r *rand.Rand, cards []string) *deck {
	return &deck{Rand: r, cards: slices.Clone(cards), dealt: map[string]int{}}
}

func (d *deck) deal() string {
	if d.next == 0 {
		d.Shuffle(len(d.cards), func(i, j int) { d.cards[i], d.cards[j] = d.cards[j], d.cards[i] })
	}
	card := d.cards[d.next]
	d.next = (d.next + 1) % len(d.cards)
	d.dealt[card]++
	return card
}

// grammar makes command lines about the processes of pids.
type grammar struct {
	*rand.Rand
	unix, bsd, long, keys, sorts *deck
	pids                         string
}

func newGrammar(t *testing.T, seed uint64, pids string) *grammar {
	t.Helper()
	r := rand.New(rand.NewPCG(seed, 0)) //nolint:gosec // not a secret
	keys := shared(t)
	unsorted := differences(t, "sorted-by-value")
	sorts := slices.DeleteFunc(slices.Clone(keys), func(key string) bool { return slices.Contains(unsorted, key) })
	return &grammar{
		Rand: r, pids: pids, long: newDeck(r, longWords), keys: newDeck(r, keys), sorts: newDeck(r, sorts),
		unix: newDeck(r, strings.Split(unixLetters, "")), bsd: newDeck(r, strings.Split(bsdLetters, "")),
	}
}

// rare is what came up less than three times.
func (g *grammar) rare() []string {
	var rare []string
	for _, d := range []*deck{g.unix, g.bsd, g.long, g.keys} {
		for _, card := range d.cards {
			if d.dealt[card] < 3 {
				rare = append(rare, card)
			}
		}
	}
	return rare
}

func (g *grammar) pick(words ...string) string { return words[g.IntN(len(words))] }

// letters is a group of a few letters.
func (g *grammar) letters(from *deck) string {
	var b strings.Builder
	for range 1 + g.IntN(3) {
		b.WriteString(from.deal())
	}
	return b.String()
}

// format is what stands behind -o.
func (g *grammar) format() string {
	var cells []string
	for range 1 + g.IntN(4) {
		cell := g.keys.deal()
		switch g.IntN(8) {
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
func (g *grammar) sorting() string {
	var keys []string
	for range 1 + g.IntN(2) {
		keys = append(keys, g.pick("", "-", "+")+g.sorts.deal())
	}
	return strings.Join(append(keys, "pid"), ",")
}

func (g *grammar) words() []string {
	switch g.IntN(12) {
	case 0, 1, 2:
		return []string{"-" + g.letters(g.unix)}
	case 3, 4, 5:
		return []string{g.letters(g.bsd)}
	case 6:
		return []string{g.long.deal()}
	case 7, 8:
		return []string{g.pick("-o", "o", "--format"), g.format()}
	case 9:
		return []string{g.pick("--sort", "k"), g.sorting()}
	case 10:
		return []string{g.pick("-O", "O"), g.format()}
	}
	return []string{"--cols", g.pick("40", "60", "80", "100", "132")}
}

func (g *grammar) line() []string {
	groups := [][]string{{g.pick("-p", "p", "--pid", "-q", "q", "-p", "-p"), g.pids}}
	for range g.IntN(4) {
		groups = append(groups, g.words())
	}
	g.Shuffle(len(groups), func(i, j int) { groups[i], groups[j] = groups[j], groups[i] })
	return slices.Concat(groups...)
}

// Random command lines are accepted or refused alike, and print the same bytes.
func TestByChanceAgainstPS(t *testing.T) {
	p := startPeers(t)
	g := newGrammar(t, *chanceSeed, p.list())
	t.Logf("seed %d, %d lines", *chanceSeed, *chanceLines)
	for range *chanceLines {
		p.alike(t, g.line())
	}
	if rare := g.rare(); *chanceLines >= 2000 && len(rare) > 0 {
		t.Errorf("in %d lines these came up less than three times: %v", *chanceLines, rare)
	}
}

// selectsMine finds the option g in a group of letters.
func selectsMine(arg string) bool {
	return strings.Contains(arg, "g") && strings.Trim(arg, bsdLetters) == ""
}

// alike compares one command line; of a refusal only that it is one.
func (p *peers) alike(t *testing.T, args []string) {
	t.Helper()
	line := strings.Join(args, " ")
	if c, err := dps.Parse(args, dps.DefaultEnv(func(string) string { return "" })); err == nil && flawed(t, c) {
		return
	}
	if slices.ContainsFunc(args, selectsMine) {
		return // and so what else runs on a terminal here
	}
	want, wantStatus := genuine(t, args...)
	if strings.Contains(want, "please report this bug") || strings.Contains(want, "internal error") || strings.Contains(want, "caught by ps") ||
		strings.HasPrefix(want, "  PID TTY      MAJFLT MINFLT") {
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
		}) ||
		slices.ContainsFunc(c.Cells, func(cell dps.Cell) bool { return cell.Key == "fname" && cell.Fixed })
}

func firstLine(s string) string { return strings.SplitN(s, "\n", 2)[0] }
