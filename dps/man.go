package dps

import (
	"io"
	"maps"
	"slices"
	"strings"

	"ddcos/k2i/query"
	"ddcos/manual"
)

// manIntro is the part of the manual page that no table holds.
const manIntro = `dps reads the options of ps(1) in all three dialects: UNIX, after a dash and grouped;
BSD, without a dash and grouped; GNU, after two dashes. Told nothing about hosts, it
shows this host's own processes, without any agent: those of the same user on the same
terminal. With a broker or a list of agents it shows every process of every host, HOST
first, unless something is selected; "mine" and "this terminal" mean nothing there.

A host that did not answer, or that the room remembers and has lost, is named on standard
error with the reason. Start times are shown in the time zone of the viewer. Control and
bidirectional characters in names are shown as question marks.`

// manLanguage is the part about conditions.
const manLanguage = `What --where takes, and the agents' REST as /v1/proc?where=, and dtop behind its key /:
comparisons (==, !=, <, <=, >, >=) of a name with a value, in [a, b] or 1..9, contains,
startsWith, endsWith, matches (a regular expression, RE2), and and, or, not, parentheses.
Texts stand in quotes. Sizes and times have a unit: B K M G T, KiB MiB GiB TiB, kB MB GB
TB, ns us ms s m h d w, 1h30m; a share is a number and %, of one CPU or of the memory;
rates may end with /s. What is not known, as the rate of a process that was seen once, is
neither true nor false and selects nothing, also behind not; == nil asks for it. The names:`

// entry is one of the manual that no table holds.
type entry struct{ term, meaning string }

var manEnvironment = []entry{
	{"DDCOS_BROKER", "the broker, where neither --broker nor --agents is given"},
	{"DDCOS_TLS_CA, DDCOS_TLS_CERT, DDCOS_TLS_KEY, DDCOS_TOKEN_FILE", "as the options of these names, where those are not given"},
	{"DDCOS_AGENTS", "the agents, where nor is that"},
	{"DDCOS_CONFIG", "the config file, else ~/.config/ddcos/config.yaml (YAML): broker, agents, on, deadline, color, " +
		"format for the columns where no option asks for any, and formats: names and columns for --as"},
	{"PS_FORMAT", "the columns where no option asks for any"},
	{"PS_PERSONALITY, CMD_ENV, I_WANT_A_BROKEN_PS, _XPG", "the system whose ps the options are read as, in this order: bsd, linux, digital, hp, ...; see --info"},
	{"LIBPROC_HIDE_KERNEL", "no threads of the kernel, whatever is selected"},
	{"COLUMNS, LINES", "columns and lines of the screen"},
	{"LC_ALL, LC_CTYPE, LANG", "without UTF-8 in the first that is set, what is not ASCII is shown as question marks"},
	{"NO_COLOR", "no color, whatever it holds"},
}

var manStatus = []entry{
	{"0", "complete"},
	{"1", "nothing was selected, or an error"},
	{"2", "misuse of an option that only dps has"},
	{"3", "partial: a host did not answer"},
}

// WriteMan writes the manual page from the tables of options and columns.
func WriteMan(w io.Writer) error {
	p := manual.New("dps", "show the processes of many hosts as ps shows those of one")
	p.Section("SYNOPSIS")
	p.Text("dps [options of ps]")
	p.Section("DESCRIPTION")
	p.Text(manIntro)
	p.Section("OPTIONS")
	for _, section := range Sections {
		p.Part(titles[section])
		for _, o := range Options() {
			if o.Section == section {
				p.Item(o.Names(), o.Help)
			}
		}
	}
	p.Section("COLUMNS")
	for _, c := range Columns() {
		p.Item(c.Key, c.Header+": "+c.Help)
	}
	p.Section("FORMATS")
	p.Text("Names that may stand in a format for several columns; their widths cannot be given.")
	for _, name := range slices.Sorted(maps.Keys(named)) {
		p.Item(name, named[name])
	}
	p.Section("CODES")
	p.Text("A format that begins with a percent sign has codes of AIX, with blanks between as they are to be shown.")
	for _, code := range slices.Sorted(maps.Keys(codes)) {
		p.Item("%"+string(code), codes[code][0])
	}
	p.Section("CONDITIONS")
	p.Text(manLanguage)
	for _, t := range query.Terms() {
		p.Item(strings.Join(append([]string{t.Name}, t.Also...), ", "), strings.TrimSuffix(t.Help+"; "+t.Unit, "; "))
	}
	p.Section("EXAMPLES")
	for _, e := range examples {
		p.Item(e.line, e.help)
	}
	p.Section("ENVIRONMENT")
	for _, e := range manEnvironment {
		p.Item(e.term, e.meaning)
	}
	p.Section("EXIT STATUS")
	for _, s := range manStatus {
		p.Item(s.term, s.meaning)
	}
	p.See([]string{"ps", "dtop", "k2i", "middlecon"})
	_, err := io.WriteString(w, p.String())
	return err
}
