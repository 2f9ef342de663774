// Package manual writes manual pages in man(7): so that what they show can be
// copied into a shell, and so that the same page is the same bytes each time.
package manual

import (
	"fmt"
	"strings"
)

// Page is one page of section 1. Texts are plain; every character of them is shown
// as itself.
type Page struct {
	b     strings.Builder
	begun bool // something stands below the latest title
}

// New begins the page of a command: its name as it is called, and a phrase of what
// it does.
func New(name, phrase string) *Page {
	p := &Page{}
	file := strings.ReplaceAll(name, " ", "-")
	fmt.Fprintf(&p.b, ".TH %s 1 \"\" ddcos \"User Commands\"\n.SH NAME\n%s \\- %s\n", Escape(strings.ToUpper(file)), Escape(file), Escape(phrase))
	return p
}

// Section begins a section.
func (p *Page) Section(title string) { p.title("SH", title) }

// Part begins a part of a section.
func (p *Page) Part(title string) { p.title("SS", title) }

func (p *Page) title(request, title string) {
	fmt.Fprintf(&p.b, ".%s %s\n", request, Escape(title))
	p.begun = false
}

// Item is a term and, indented, what it means.
func (p *Page) Item(term, meaning string) {
	p.begun = true
	fmt.Fprintf(&p.b, ".TP\n.B %s\n%s\n", Escape(term), Escape(meaning))
}

// Text writes paragraphs, with an empty line between. One that has a line which
// begins with a blank keeps its lines as they are: it is a table, or commands.
func (p *Page) Text(text string) {
	for paragraph := range strings.SplitSeq(strings.Trim(text, "\n"), "\n\n") {
		lines := strings.Split(strings.Trim(paragraph, "\n"), "\n")
		asIs := false
		for i, line := range lines {
			asIs = asIs || strings.HasPrefix(line, " ")
			lines[i] = Escape(strings.TrimRight(line, " "))
		}
		text := strings.Join(lines, "\n")
		if asIs {
			text = ".nf\n" + text + "\n.fi"
		}
		if p.begun {
			p.b.WriteString(".PP\n")
		}
		p.begun = true
		p.b.WriteString(text + "\n")
	}
}

// See is the last section: other pages, by name.
func (p *Page) See(pages []string) {
	p.Section("SEE ALSO")
	for i, name := range pages {
		comma := ","
		if i == len(pages)-1 {
			comma = ""
		}
		fmt.Fprintf(&p.b, ".BR %s (1)%s\n", Escape(name), comma)
	}
}

// String is the page.
func (p *Page) String() string { return p.b.String() }

// marks are what man(7) would take for its own, or set as a typographer would: a
// command with a curved quotation mark in it is another one.
var marks = strings.NewReplacer(`\`, `\e`, "-", `\-`, `"`, `\(dq`, "'", `\(aq`, "`", `\(ga`, "^", `\(ha`, "~", `\(ti`)

// Escape is a text of which every character is shown as itself.
func Escape(text string) string {
	lines := strings.Split(marks.Replace(text), "\n")
	for i, line := range lines {
		if strings.HasPrefix(line, ".") {
			lines[i] = `\&` + line
		}
	}
	return strings.Join(lines, "\n")
}
