package dps_test

import (
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"

	"ddcos/dps"
)

// grammar makes command lines about some processes, from decks that the tables of
// options and columns fill.
type grammar struct {
	*rand.Rand
	pids []string

	unix, bsd, long  *deck // options that stand alone and change what is shown
	selecting        *deck // and which processes
	telling          *deck // what tells of ps itself
	valued           *deck // options with arguments
	keys, sorts      *deck // keywords
	names, codes     *deck // formats by name, letters of AIX
	letters, systems *deck // sort letters, personalities
}

// What the grammar knows of options that the table does not tell: which are not
// about the looks of a listing.
var (
	selects = strings.Fields("-A -e -a -d a x g r T -N --deselect")
	tells   = strings.Fields("-V V --version L --help --info")
)

// systemNames are what PS_PERSONALITY may be.
const systemNames = "390 aix bsd compaq debian default digital gnu hp hpux irix linux old os390 posix s390 sco sgi solaris2 sunos4 svr4 " +
	"sysv tru64 unix unix95 unix98 unknown junk Linux a_name_that_is_too_long"

// formatNames are the formats that have names.
const formatNames = "DFMT DefBSD DefSysV END_BSD END_SYS5 F5FMT FB_ FB_j FB_l FB_u FB_v FD_ FD_f FD_fj FD_j FD_l FD_lj FL5FMT FLASK_context " +
	"HP_ HP_f HP_fl HP_l J390 JFMT L5FMT LFMT OL_X OL_j OL_l OL_m OL_s OL_u OL_v RD_ RD_f RD_fj RD_j RD_l RD_lj RUSAGE SCHED SFMT Std_f " +
	"Std_fl Std_l THREAD UFMT VFMT"

func newGrammar(t *testing.T, seed uint64, p *peers) *grammar {
	t.Helper()
	r := rand.New(rand.NewPCG(seed, 0)) //nolint:gosec // not a secret
	keys := shared(t)
	unsorted := differences(t, "sorted-by-value")
	later := differences(t, "later-options")
	var unix, bsd, long, valued []string
	for _, o := range dps.Options() {
		for _, spelling := range spellings(o) {
			switch {
			case o.Own(), slices.Contains(later, spelling), slices.Contains(selects, spelling), slices.Contains(tells, spelling):
			case o.Arg != "":
				valued = append(valued, spelling)
			case strings.HasPrefix(spelling, "--"):
				long = append(long, spelling)
			case spelling[0] == '-':
				unix = append(unix, spelling[1:])
			default:
				bsd = append(bsd, spelling)
			}
		}
	}
	sorts := slices.DeleteFunc(slices.Clone(keys), func(key string) bool { return slices.Contains(unsorted, key) })
	return &grammar{
		Rand: r, pids: p.pids, unix: newDeck(r, append(unix, "x", "-", "Q")), bsd: newDeck(r, append(bsd, "W", "-", "Q")), long: newDeck(r, append(long, "--nosuch", "--forest=x")),
		selecting: newDeck(r, selects), telling: newDeck(r, tells), valued: newDeck(r, valued),
		keys: newDeck(r, keys), sorts: newDeck(r, sorts), names: newDeck(r, strings.Fields(formatNames)),
		codes: newDeck(r, strings.Split("CGPUacgnprtuxyzQ", "")), letters: newDeck(r, strings.Split("CGJKMNPRSTUcfgjkmnoprtuyz", "")),
		systems: newDeck(r, strings.Fields(systemNames)),
	}
}

// spellings are the ways to give an option.
func spellings(o dps.Option) []string {
	var all []string
	if o.Unix != 0 {
		all = append(all, "-"+string(o.Unix))
	}
	if o.BSD != 0 {
		all = append(all, string(o.BSD))
	}
	for _, name := range o.Long {
		all = append(all, "--"+name)
	}
	return all
}

func (g *grammar) decks() []*deck {
	return []*deck{g.unix, g.bsd, g.long, g.selecting, g.telling, g.valued, g.keys, g.sorts, g.names, g.codes, g.letters, g.systems}
}

// deckOf is the deck that has an option.
func (g *grammar) deckOf(spelling string) *deck {
	for _, d := range []*deck{g.long, g.selecting, g.telling, g.valued, g.bsd} {
		if slices.Contains(d.cards, spelling) {
			return d
		}
	}
	if letter, dashed := strings.CutPrefix(spelling, "-"); dashed && slices.Contains(g.unix.cards, letter) {
		return g.unix
	}
	return nil
}

// rare is what came up less than three times.
func (g *grammar) rare() []string {
	var rare []string
	for _, d := range g.decks() {
		for _, card := range d.cards {
			if d.dealt[card] < 3 {
				rare = append(rare, card)
			}
		}
	}
	return rare
}

func (g *grammar) pick(words ...string) string { return words[g.IntN(len(words))] }

// often is true once in n times.
func (g *grammar) often(n int) bool { return g.IntN(n) == 0 }

// group is a group of a few letters.
func (g *grammar) group(from *deck) string {
	var b strings.Builder
	for range 1 + g.IntN(3) {
		b.WriteString(from.deal())
	}
	return b.String()
}

// format is what stands behind -o.
func (g *grammar) format() string {
	if g.often(12) {
		return g.aix()
	}
	var cells []string
	for range 1 + g.IntN(4) {
		cell := g.keys.deal()
		if g.often(4) {
			cell = g.names.deal()
		}
		switch g.IntN(10) {
		case 0:
			cell += "=Header"
		case 1:
			cell += ":" + g.pick("1", "3", "12", "30", "200", "0", "x")
		case 2:
			cell += "="
		case 3:
			cell += ":7=long_header"
		}
		cells = append(cells, cell)
	}
	return strings.Join(cells, g.pick(",", ",", ",", " ")) + g.pick("", "", "", "", ",", ",,")
}

// aix is a format of AIX.
func (g *grammar) aix() string {
	text := g.pick("%", "%", " %", "x%")
	for n := 1 + g.IntN(4); n > 0; n-- {
		text += g.codes.deal()
		if n > 1 {
			text += g.pick("%", " %", " - %", ",%", "%%")
		}
	}
	return text + g.pick("", "", " end")
}

// sorting is what stands behind --sort.
func (g *grammar) sorting() string {
	var keys []string
	for range 1 + g.IntN(3) {
		keys = append(keys, g.pick("", "-", "+")+g.sorts.deal())
	}
	return strings.Join(append(keys, "pid"), ",")
}

// some is a few of words, as a list.
func (g *grammar) some(words ...string) string {
	list := make([]string, 0, 3)
	for range 1 + g.IntN(3) {
		list = append(list, g.pick(words...))
	}
	return strings.Join(list, g.pick(",", ",", ",", " ", ",,"))
}

// value is an argument by what the table calls it.
func (g *grammar) value(spelling, arg string) string {
	switch arg {
	case "PIDS":
		return g.some(append(slices.Clone(g.pids), "4194303", "0x7fffff", "0", "1x")...)
	case "SIDS", "LIST":
		return g.some(append(slices.Clone(g.pids), "4194303", "daemon")...)
	case "NAMES":
		return g.some("sleep", threadsName, "with threads", "a (strange) n\x1bme", "nosuch", "kthreadd")
	case "USERS":
		return g.some("65534", "daemon", "2000000000", "bin", "0x1", "nosuch", "4294967295")
	case "GROUPS":
		return g.some("65534", "daemon", "1999999999", "3", "sys", "nosuch")
	case "TTYS", "[TTYS]":
		return g.some("pts/0", "0", "pts/999", "-", "null", "/dev/null", "/dev/ptmx", "nosuch", "/")
	case "KEYS":
		return g.sorting()
	case "N":
		return g.pick("30", "40", "60", "80", "100", "132", "0x50", "07", "0", "x", "12", "9")
	case "[SECTION]":
		return g.pick("s", "list", "all")
	}
	if spelling == "O" && g.often(2) {
		return g.pick("", "-", "+") + g.group(g.letters)
	}
	return g.format()
}

// argument is an option with its argument.
func (g *grammar) argument(spelling string) []string {
	var arg string
	for _, o := range dps.Options() {
		if slices.Contains(spellings(o), spelling) {
			arg = g.value(spelling, o.Arg)
		}
	}
	switch {
	case g.often(30):
		return []string{spelling}
	case g.often(3) && strings.HasPrefix(spelling, "--"):
		return []string{spelling + g.pick("=", ":") + arg}
	case g.often(3) && !strings.HasPrefix(spelling, "--"):
		return []string{spelling + arg}
	}
	return []string{spelling, arg}
}

func (g *grammar) words() []string {
	switch g.IntN(30) {
	case 0, 1, 2, 3, 4:
		return []string{"-" + g.group(g.unix)}
	case 5, 6, 7, 8, 9:
		return []string{g.group(g.bsd)}
	case 10:
		if g.often(6) {
			return []string{g.long.deal() + g.pick("=x", ":3", "=")}
		}
		return []string{g.long.deal()}
	case 11:
		return []string{g.selecting.deal()}
	case 12, 13, 14, 15, 16, 17, 18:
		return []string{g.pick("-o", "o", "--format"), g.format()}
	case 19, 20, 21, 22, 23:
		return []string{g.pick("--sort", "k"), g.sorting()}
	case 24:
		return []string{"--cols", g.pick("20", "40", "60", "80", "100", "132")}
	case 25:
		return []string{"O", g.pick("", "-", "+") + g.group(g.letters)}
	}
	return g.argument(g.valued.deal())
}

// line is a command line: what stands still, and up to three words or groups more.
func (g *grammar) line() []string {
	if g.often(40) {
		return slices.Concat([]string{g.telling.deal() + g.pick("", "", "", "", "=x")}, slices.Repeat([]string{"x"}, g.IntN(2)))
	}
	all := strings.Join(g.pids, ",")
	var groups [][]string
	if !g.often(8) {
		groups = append(groups, []string{g.pick("-p", "p", "--pid", "-q", "q", "-p", "-p"), all})
	}
	for range g.IntN(4) {
		groups = append(groups, g.words())
	}
	g.Shuffle(len(groups), func(i, j int) { groups[i], groups[j] = groups[j], groups[i] })
	if len(groups) == 0 || g.often(20) {
		groups = append(groups, []string{g.pick("", "", "-", "+", "0") + g.pick(g.pids...), g.pick(g.pids...)})
	}
	return slices.Concat(groups...)
}

// environment sets what ps reads of it, sometimes, and gives how to undo it.
func (g *grammar) environment(t *testing.T) (undo func()) {
	t.Helper()
	set := map[string]string{}
	if g.often(6) {
		set["PS_PERSONALITY"] = g.systems.deal()
	}
	if g.often(25) {
		set["CMD_ENV"] = g.systems.deal()
	}
	if g.often(25) {
		set["PS_FORMAT"] = g.format()
	}
	if g.often(25) {
		set["COLUMNS"] = strconv.Itoa(20 + g.IntN(150))
	}
	if g.often(60) {
		set["COLUMNS"] = g.pick("0x50", "0120", "080", " 70", "+60", "-1", "0", "70x", "", "131071", "131072", "99999999999999999999")
	}
	if g.often(40) {
		set["LINES"] = g.pick("2", "5", "0x9", "011", "x", "0", "-3", "")
	}
	if g.often(40) {
		set["LIBPROC_HIDE_KERNEL"] = "1"
	}
	if g.often(100) {
		set["I_WANT_A_BROKEN_PS"] = "1"
	}
	if g.often(40) {
		set["_XPG"] = "4"
	}
	for name, value := range set {
		if err := os.Setenv(name, value); err != nil { //nolint:usetesting // undone after one line of many
			t.Fatal(err)
		}
	}
	return func() {
		for name := range set {
			if err := os.Unsetenv(name); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// stage is where a line is run: by a user, in a locale, on a pipe or on a terminal
// of any size.
func (g *grammar) stage(uid uint32) stage {
	s := stage{uid: uid, locale: g.pick("C.UTF-8", "C.UTF-8", "C.utf8", "C", "POSIX", "")}
	if g.often(2) {
		s.screen = &size{uint16(g.IntN(150)), uint16(g.IntN(40))} //nolint:gosec // small
	}
	return s
}

// variables are those of the environment, for messages.
func variables() string {
	var set []string
	for _, name := range psVariables {
		if value, there := os.LookupEnv(name); there {
			set = append(set, name+"="+strconv.Quote(value))
		}
	}
	return strings.Join(set, " ")
}
