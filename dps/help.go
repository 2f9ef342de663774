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
	b.WriteString("\nExit status: 0 complete, 1 nothing selected or an error, 2 misuse of an option\nthat only dps has, 3 a host did not answer. dps L lists the columns; dps(1) has\nthe formats by name, the codes of AIX and the environment.\n")
	_, err := io.WriteString(w, b.String())
	return err
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
