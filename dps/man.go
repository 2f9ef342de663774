package dps

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"ddcos/k2i/query"
)

// manIntro is the part of the manual page that no table holds.
const manIntro = `.TH DPS 1 "" ddcos "User Commands"
.SH NAME
dps \- show the processes of many hosts as ps shows those of one
.SH SYNOPSIS
.B dps
.RI [ "options of ps" ]
.SH DESCRIPTION
.B dps
reads the options of
.BR ps (1)
in all three dialects: UNIX, after a dash and grouped; BSD, without a dash and
grouped; GNU, after two dashes. Told nothing about hosts, it shows this host's own
processes, without any agent: those of the same user on the same terminal. With a broker
or a list of agents it shows every process of every host, HOST first, unless something
is selected; "mine" and "this terminal" mean nothing there.
.PP
A host that did not answer, or that the room remembers and has lost, is named on standard
error with the reason. Start times are shown in the time zone of the viewer. Control and
bidirectional characters in names are shown as question marks.
`

// manLanguage is the part about conditions.
const manLanguage = `.SH CONDITIONS
What
.B \-\-where
takes, and the agents' REST as
.IR /v1/proc?where= ,
and dtop behind its key /: comparisons
.RB ( == ", " != ", " < ", " <= ", " > ", " >= )
of a name with a value,
.BR in " [a, b] or 1..9, " contains ", " startsWith ", " endsWith ", " matches
(a regular expression, RE2), and
.BR and ", " or ", " not ,
parentheses. Texts stand in quotes. Sizes and times have a unit: B K M G T, KiB MiB GiB TiB, kB MB GB TB, ns us ms s m h d w, 1h30m;
a share is a number and %, of one CPU or of the memory; rates may end with /s. What is not known, as the rate of a process that
was seen once, is neither true nor false and selects nothing, also behind
.BR not ;
.B == nil
asks for it. The names:
`

// manOutro likewise.
const manOutro = `.SH ENVIRONMENT
.TP
.B DDCOS_BROKER
the broker, where neither \-\-broker nor \-\-agents is given
.TP
.BR DDCOS_TLS_CA ", " DDCOS_TLS_CERT ", " DDCOS_TLS_KEY ", " DDCOS_TOKEN_FILE
as the options of these names, where those are not given
.TP
.B DDCOS_AGENTS
the agents, where nor is that
.TP
.B DDCOS_CONFIG
the config file, else
.I ~/.config/ddcos/config.yaml
(YAML): broker, agents, on, deadline, color, format for the columns where no option asks for any, and formats: names and columns for
.B \-\-as
.TP
.B PS_FORMAT
the columns where no option asks for any
.TP
.BR PS_PERSONALITY ", " CMD_ENV ", " I_WANT_A_BROKEN_PS ", " _XPG
the system whose ps the options are read as, in this order: bsd, linux, digital, hp, ...; see
.B \-\-info
.TP
.B LIBPROC_HIDE_KERNEL
no threads of the kernel, whatever is selected
.TP
.BR COLUMNS ", " LINES
columns and lines of the screen
.TP
.BR LC_ALL ", " LC_CTYPE ", " LANG
without UTF\-8 in the first that is set, what is not ASCII is shown as question marks
.TP
.B NO_COLOR
no color, whatever it holds
.SH EXIT STATUS
.TP
.B 0
complete
.TP
.B 1
nothing was selected, or an error
.TP
.B 2
misuse of an option that only dps has
.TP
.B 3
partial: a host did not answer
.SH SEE ALSO
.BR ps (1),
.BR dtop (1),
.BR k2i (1),
.BR middlecon (1)
`

// WriteMan writes the manual page, in man(7), from the tables of options and columns.
func WriteMan(w io.Writer) error {
	var b strings.Builder
	b.WriteString(manIntro)
	b.WriteString(".SH OPTIONS\n")
	for _, section := range Sections {
		fmt.Fprintf(&b, ".SS %s\n", roff(titles[section]))
		for _, o := range Options() {
			if o.Section != section {
				continue
			}
			fmt.Fprintf(&b, ".TP\n.B %s\n%s\n", roff(o.Names()), roff(o.Help))
		}
	}
	b.WriteString(".SH COLUMNS\n")
	for _, c := range Columns() {
		fmt.Fprintf(&b, ".TP\n.B %s\n%s: %s\n", roff(c.Key), roff(c.Header), roff(c.Help))
	}
	b.WriteString(".SH FORMATS\nNames that may stand in a format for several columns; their widths cannot be given.\n")
	for _, name := range slices.Sorted(maps.Keys(named)) {
		fmt.Fprintf(&b, ".TP\n.B %s\n%s\n", roff(name), roff(named[name]))
	}
	b.WriteString(".SH CODES\nA format that begins with a percent sign has codes of AIX, with blanks between as they are to be shown.\n")
	for _, code := range slices.Sorted(maps.Keys(codes)) {
		fmt.Fprintf(&b, ".TP\n.B %s\n%s\n", "%"+string(code), roff(codes[code][0]))
	}
	b.WriteString(manLanguage)
	for _, t := range query.Terms() {
		fmt.Fprintf(&b, ".TP\n.B %s\n%s\n", roff(strings.Join(append([]string{t.Name}, t.Also...), ", ")), roff(strings.TrimSuffix(t.Help+"; "+t.Unit, "; ")))
	}
	b.WriteString(".SH EXAMPLES\n")
	for _, e := range examples {
		fmt.Fprintf(&b, ".TP\n.B %s\n%s\n", roff(e.line), roff(e.help))
	}
	b.WriteString(manOutro)
	_, err := io.WriteString(w, b.String())
	return err
}

// roff escapes what man(7) would take for its own.
func roff(s string) string {
	s = strings.NewReplacer(`\`, `\e`, "-", `\-`).Replace(s)
	if strings.HasPrefix(s, ".") || strings.HasPrefix(s, "'") {
		s = `\&` + s
	}
	return s
}
