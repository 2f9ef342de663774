package dps

import (
	"fmt"
	"io"
	"strings"
)

// titles are what the sections are called for people.
var titles = map[string]string{
	"simple":  "Which processes",
	"list":    "Which processes, by list (commas or blanks between; lists add up)",
	"output":  "How they are shown",
	"threads": "Threads",
	"misc":    "Other",
	"fleet":   "Which hosts (none of these: this host, without any agent)",
	"query":   "Asking the hosts",
}

// helpColumn is where the phrases begin, and helpWidth where they end.
const (
	helpColumn = 34
	helpWidth  = 79
)

// SectionNames are the sections that --help takes, "all" among them.
func SectionNames() []string { return append([]string{"all"}, Sections...) }

// WriteHelp writes the help, or one section of it, by its name or its first
// letter; all of it where there is no such section, as ps has it.
func WriteHelp(w io.Writer, section string) error {
	var wanted []string
	for _, s := range Sections {
		if section == "" || section == "all" || section == "a" || s == section || s[:1] == section {
			wanted = append(wanted, s)
		}
	}
	if len(wanted) == 0 {
		wanted = Sections
	}
	var b strings.Builder
	b.WriteString("dps shows the processes of many hosts as ps shows those of one.\n\nUsage:\n  dps [options of ps]\n")
	for _, s := range wanted {
		writeSection(&b, s)
	}
	if len(wanted) == len(Sections) {
		writeExamples(&b)
	}
	b.WriteString("\nExit status: 0 complete, 1 nothing selected or an error, 2 misuse of an option\nthat only dps has, 3 a host did not answer. dps L lists the columns; dps(1) has\nthe formats by name, the codes of AIX and the environment.\n")
	_, err := io.WriteString(w, b.String())
	return err
}

// example is a command line that is worth knowing.
type example struct{ line, help string }

// examples stand in the help and in the manual.
var examples = []example{
	{"dps -ef --sort=-rss", "this host, as ps does it"},
	{"dps --via 'ssh {host}' --on 'web[01-40]' aux --sort=-rss", "forty hosts on which nothing of ours runs"},
	{"dps --broker tcp://10.0.0.1:7411 -ef", "every host whose agent has joined that broker"},
	{"dps --agents http://web1:7412,http://web2:7412 aux", "two hosts, without a broker"},
	{"dps --sort=-rcpu --limit 50 -o pid,user,rcpu,rss,args", "the fifty that use the most CPU now, of all hosts"},
	{`dps --where 'comm matches "^nginx|^php" and rss > 1GiB' --on 'web*'`, "large ones on some hosts"},
	{"dps --label dc=eu --by user --sort=-rss --csv", "memory by user, over all hosts, for a spreadsheet"},
	{"dps --peers -C postgres", "who talks to the databases, from whichever host"},
	{`dps --peers --links 'to_port == 5432 and from_host == ""' --sort=-sent`, "who comes to them from outside of the fleet"},
	{"dps --exited --since 10m --sort=-ended", "what has ended, how, and who ended it"},
	{"dps --fleet --watch 2", "the hosts themselves: who is missing, since when"},
}

func writeExamples(b *strings.Builder) {
	b.WriteString("\nExamples (DDCOS_BROKER or a config file stand for --broker):\n")
	for _, e := range examples {
		fmt.Fprintf(b, "  %s\n      %s\n", e.line, e.help)
	}
}

func writeSection(b *strings.Builder, section string) {
	b.WriteString("\n" + titles[section] + ":\n")
	for _, o := range Options() {
		if o.Section == section {
			fmt.Fprintf(b, "  %-*s %s\n", helpColumn-3, o.Names(), wrapped(o.Help, helpWidth-helpColumn, strings.Repeat(" ", helpColumn)))
		}
	}
}

// wrapped is a phrase in lines of a width, each but the first behind indent.
func wrapped(phrase string, width int, indent string) string {
	var b strings.Builder
	column := 0
	for _, word := range strings.Fields(phrase) {
		switch {
		case column == 0:
		case column+1+len(word) > width:
			b.WriteString("\n" + indent)
			column = 0
		default:
			b.WriteByte(' ')
			column++
		}
		b.WriteString(word)
		column += len(word)
	}
	return b.String()
}

// WriteColumns writes what -o and --sort know, as ps L does, with a phrase each.
func WriteColumns(w io.Writer) error {
	var b strings.Builder
	for _, c := range Columns() {
		fmt.Fprintf(&b, "%-12s %-9s %s\n", c.Key, c.Header, c.Help)
	}
	_, err := io.WriteString(w, b.String())
	return err
}
