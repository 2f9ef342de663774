package dps

import (
	"fmt"
	"strconv"
	"time"

	"ddcos/k2i/query"
)

// Option is one line of the table of options: what it is called in the three
// dialects of ps and what it does.
type Option struct {
	Unix    byte     // after a dash, may be grouped; 0 for none
	BSD     byte     // without a dash, may be grouped; 0 for none
	Long    []string // after two dashes
	Arg     string   // what its argument is called; "" for none
	Section string   // of the help: one of Sections
	Help    string   // one phrase

	missing string // the error where the argument is missing, without the option's name
	set     func(p *parser, arg string) error
}

// Sections are the parts of the help, in order.
var Sections = []string{"simple", "list", "output", "threads", "misc", "fleet", "query"}

// What the errors of missing arguments say before the option's name.
const (
	needPIDs   = "list of process IDs must follow"
	needFormat = "format specification must follow"
	needSpec   = "format or sort specification must follow"
	needSort   = "long sort specification must follow"
	needUsers  = "list of users must follow"

	needTerminals = "list of ttys must follow"
	needSessions  = "some sid thing(s) must follow"
)

// Options is the one table: the parser, the help, completion and the man page
// are made from it. The slice is the caller's own.
func Options() []Option {
	var all []Option
	for _, section := range [][]Option{simpleOptions, listOptions, outputOptions, threadOptions, miscOptions, fleetOptions, tlsOptions, queryOptions, linksOptions, ownOutputOptions} {
		all = append(all, section...)
	}
	return all
}

// Errors of options that take numbers.
const (
	needQuick   = "List of process IDs must follow"
	needRows    = "number of rows must follow --rows or --lines"
	needColumns = "number of columns must follow --cols, --width, or --columns"
	ownArgument = "an argument must follow"
)

// maxScreen is more columns or lines than a screen has, as ps has it.
const maxScreen = 2_000_000_000

func show(what Show) func(*parser, string) error {
	return func(p *parser, _ string) error {
		p.out.Show = what
		return nil
	}
}

func turn(what func(*Command) *bool) func(*parser, string) error {
	return func(p *parser, _ string) error {
		*what(&p.out) = true
		return nil
	}
}

// tree is an option of the forest; the last one counts.
func tree(kind Tree) func(*parser, string) error {
	return func(p *parser, _ string) error {
		p.out.Tree = kind
		return nil
	}
}

// letters is an option that asks for a format.
func letters(wanted style) func(*parser, string) error {
	return change(func(s *styles) { s.letters |= wanted })
}

// change is an option that changes a format.
func change(what func(*styles)) func(*parser, string) error {
	return func(p *parser, _ string) error {
		what(&p.styles)
		return nil
	}
}

// jobs is -j: columns more, or a format of its own for some personalities.
func jobs(p *parser, _ string) error {
	if p.personality.formats[unixJobs] != "" {
		p.styles.letters |= unixJobs
	} else {
		p.styles.jobs = true
	}
	return nil
}

// memory is m: threads below their processes, or what it was before there were
// threads.
func memory(p *parser, _ string) error {
	switch p.personality.memory {
	case "format":
		p.styles.letters |= oldMemory
	case "sort":
		p.requests = append(p.requests, asked{askSort, "pmem"})
	default:
		p.styles.below = true
	}
	return nil
}

// dashX is -x, which POSIX leaves open and personalities settle.
func (p *parser) dashX() error {
	switch p.personality.dashX {
	case "rss":
		p.styles.noFlags = true
	case "wide":
		p.out.Wide += 2
		p.out.FullName = true
	default:
		return usage(needPersonality)
	}
	return nil
}

// header is an option of the line of headers: on every page, or nowhere.
func header(repeat bool) func(*parser, string) error {
	return func(p *parser, _ string) error {
		if p.out.NoHeader || p.out.Repeat {
			return usage("only one heading option may be specified")
		}
		p.out.NoHeader, p.out.Repeat = !repeat, repeat
		return nil
	}
}

func bsdHeader(p *parser, _ string) error { return header(p.personality.pages)(p, "") }

func rowCount(p *parser, arg string) error {
	n, ok := numeral(arg)
	if !ok || n == 0 || n >= maxScreen {
		return usage(needRows)
	}
	p.out.Rows = int(n)
	return nil
}

func columnCount(p *parser, arg string) error {
	n, ok := numeral(arg)
	if !ok || n == 0 || n >= maxScreen {
		return usage(needColumns)
	}
	p.out.Columns = int(n)
	return nil
}

func color(p *parser, arg string) error {
	switch arg {
	case "auto", "always", "never":
		p.out.Color = arg
		return nil
	}
	return own(fmt.Sprintf("--color %q: want auto, always or never", arg))
}

// Limits of a deadline, as the broker has them.
const (
	minDeadline = time.Millisecond
	maxDeadline = 5 * time.Minute
)

func deadline(p *parser, arg string) error {
	d, err := time.ParseDuration(arg)
	if err != nil || d < minDeadline || d > maxDeadline {
		return own(fmt.Sprintf("--deadline %q: want a time such as 500ms or 2s, %v to %v", arg, minDeadline, maxDeadline))
	}
	p.out.Deadline = d
	return nil
}

func limit(p *parser, arg string) error {
	n, err := strconv.Atoi(arg)
	if err != nil || n < 1 || n > query.MaxRows {
		return own(fmt.Sprintf("--limit %q: want a number of rows, 1 to %d", arg, query.MaxRows))
	}
	p.out.Limit = n
	return nil
}
