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

// helpColumn is where the phrases begin.
const helpColumn = 34

// SectionNames are the sections that --help takes, "all" among them.
func SectionNames() []string { return append([]string{"all"}, Sections...) }

// WriteHelp writes the help, or one section of it: its name or its first letter.
func WriteHelp(w io.Writer, section string) error {
	var wanted []string
	for _, s := range Sections {
		if section == "" || section == "all" || section == "a" || s == section || s[:1] == section {
			wanted = append(wanted, s)
		}
	}
	if len(wanted) == 0 {
		return own(fmt.Sprintf("--help %q: the sections are %s", section, strings.Join(SectionNames(), ", ")))
	}
	var b strings.Builder
	b.WriteString("dps shows the processes of many hosts as ps shows those of one.\n\nUsage:\n  dps [options of ps]\n")
	for _, s := range wanted {
		writeSection(&b, s)
	}
	b.WriteString("\nExit status: 0 complete, 1 nothing selected or an error, 2 misuse of an option that\nonly dps has, 3 a host did not answer. dps L lists the columns; see also dps(1).\n")
	_, err := io.WriteString(w, b.String())
	return err
}

func writeSection(b *strings.Builder, section string) {
	b.WriteString("\n" + titles[section] + ":\n")
	for _, o := range Options() {
		if o.Section == section {
			fmt.Fprintf(b, "  %-*s %s\n", helpColumn-3, o.Names(), o.Help)
		}
	}
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
