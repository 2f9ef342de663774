package dps_test

import (
	"flag"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"ddcos/dps"
	"ddcos/k2i"
)

var (
	chanceSeed  = flag.Uint64("chance.seed", 1, "what the random command lines are made from; 0 for a new one, which is told")
	chanceBPF   = flag.Bool("chance.bpf", false, "dps reads by BPF instead of /proc")
	chanceLines = flag.Int("chance.lines", 200, "how many random command lines are compared with ps")

	chanceProgram = flag.String("chance.program", "", "a dps that is run on pipes and terminals, instead of the library in this test")
	chanceUser    = flag.Uint("chance.uid", 0, "who runs that program and ps")
)

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

// Random command lines are accepted or refused alike, and print the same bytes.
func TestByChanceAgainstPS(t *testing.T) {
	p := startPeers(t)
	if *chanceBPF && hasBPF(t) {
		p.mode = k2i.ModeBPF
	}
	seed := *chanceSeed
	if seed == 0 {
		seed = rand.Uint64() //nolint:gosec // not a secret
	}
	g := newGrammar(t, seed, p)
	p.program = *chanceProgram
	t.Logf("%d lines; to have them again: go test ./dps -run ByChance -chance.lines %d -chance.seed %d", *chanceLines, *chanceLines, seed)
	for range *chanceLines {
		line := g.line()
		undo := g.environment(t)
		if p.program != "" {
			p.stage = g.stage(uint32(*chanceUser)) //nolint:gosec // a user id
		}
		p.alike(t, line)
		undo()
	}
	if rare := g.rare(); *chanceLines >= 2000 && len(rare) > 0 {
		t.Errorf("in %d lines these came up less than three times: %v", *chanceLines, rare)
	}
}

// Every option of ps and every keyword, format, code and personality is in the grammar, and
// comes up at least three times in the lines that are compared in CI.
func TestGrammarIsWhole(t *testing.T) {
	g := newGrammar(t, 22, &peers{pids: []string{"1"}})
	for range 2000 {
		g.line()
		g.environment(t)()
	}
	if rare := g.rare(); len(rare) > 0 {
		t.Errorf("in 2000 lines these came up less than three times: %v", rare)
	}
	for _, o := range dps.Options() {
		for _, spelling := range spellings(o) {
			if !o.Own() && !slices.Contains(differences(t, "later-options"), spelling) && g.deckOf(spelling) == nil {
				t.Errorf("%s is not in the grammar", spelling)
			}
		}
	}
}

// alike compares one command line; of a refusal its words.
func (p *peers) alike(t *testing.T, args []string) {
	t.Helper()
	line := strings.Join(args, " ")
	c, refusal, err := p.judged(t, args)
	switch {
	case c != nil && flawed(t, c), fell(refusal):
		return
	case refusal != "" && err == nil:
		t.Errorf("%s %s\n  ps refuses it: %s", variables(), line, refusal)
		return
	case refusal != "" && words(err.Error()) != words(refusal):
		t.Errorf("%s %s\n  dps %s\n  ps  %s", variables(), line, err, refusal)
		return
	case refusal != "":
		return
	case err != nil:
		t.Errorf("%s %s\n  dps refuses it, and ps does not: %v", variables(), line, err)
		return
	case c.Show != dps.ShowProcesses, c.Select.Fleeting():
		return // both tell of themselves
	}
	shown := same
	switch { // what else runs here does not stand still
	case c.Select.Open() && (c.Headless() || c.Repeat):
		shown = p.ofPeers
	case c.Select.Open():
		shown = func(out string) string { return firstLine(out) + "\n" + p.ofPeers(out) }
	}
	p.equal(t, shown, args...)
}

// judged is what dps makes of a command line and what ps refuses it with, "" where
// it does not. Where they differ both are asked again: a terminal that is named may
// have come or gone.
func (p *peers) judged(t *testing.T, args []string) (c *dps.Command, refusal string, err error) {
	t.Helper()
	for range 3 {
		c, err = dps.Parse(args, dps.DefaultEnv(psOwn))
		if err != nil {
			c = nil
		} else if flawed(t, c) {
			return c, "", nil
		}
		said, status := p.genuine(t, args...)
		refusal = ""
		for _, begins := range []string{"error:", "q/-q", "List of process"} {
			if status == 1 && strings.HasPrefix(said, begins) || fell(said) {
				refusal = said
			}
		}
		if (refusal == "") == (err == nil) && (err == nil || words(err.Error()) == words(refusal)) {
			break
		}
	}
	return c, refusal, err
}

// fell tells that ps itself came to an end that it did not mean.
func fell(said string) bool {
	return strings.Contains(said, "please report this bug") || strings.Contains(said, "internal error") || strings.Contains(said, "caught by ps")
}

// flawed are listings in which ps 4.0.2 is known to be wrong: see DIFFERENCES.md.
func flawed(t *testing.T, c *dps.Command) bool {
	t.Helper()
	unread := differences(t, "unread-below")
	unsorted := differences(t, "sorted-by-value")
	return c.LosesThreads() ||
		slices.ContainsFunc(c.Sort, func(k dps.SortKey) bool { return slices.Contains(unsorted, k.Column.Key) }) ||
		c.Tree != dps.NoTree && len(c.Sort) > 0 ||
		c.ThreadsBelow && slices.ContainsFunc(c.Cells, func(cell dps.Cell) bool {
			return slices.Contains(unread, cell.Key)
		}) ||
		slices.ContainsFunc(c.Cells, func(cell dps.Cell) bool { return cell.Key == "fname" && cell.Width > 8 })
}

func firstLine(s string) string { return strings.SplitN(s, "\n", 2)[0] }
