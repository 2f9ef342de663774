package dps

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
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

	later   bool   // known to ps, and refused
	missing string // the error where the argument is missing, without the option's name
	set     func(p *parser, arg string) error
}

// Sections are the parts of the help, in order.
var Sections = []string{"simple", "list", "output", "threads", "misc", "fleet"}

// What the errors of missing arguments say before the option's name.
const (
	needPIDs   = "list of process IDs must follow"
	needFormat = "format specification must follow"
	needSort   = "long sort specification must follow"
	needUsers  = "list of users must follow"
)

// Options is the one table: the parser, the help, completion and the man page
// are made from it. The slice is the caller's own.
func Options() []Option {
	var all []Option
	for _, section := range [][]Option{simpleOptions, listOptions, outputOptions, threadOptions, laterOptions, miscOptions, fleetOptions} {
		all = append(all, section...)
	}
	return all
}

var simpleOptions = []Option{
	{Unix: 'A', Section: "simple", Help: "every process", set: pick(unixAll)},
	{Unix: 'e', Section: "simple", Help: "every process", set: pick(unixAll)},
	{Unix: 'a', Section: "simple", Help: "every process on a terminal, but session leaders", set: pick(unixTerminals)},
	{Unix: 'd', Section: "simple", Help: "every process but session leaders", set: pick(unixNoLeaders)},
	{BSD: 'a', Section: "simple", Help: "every process on a terminal; with x every process", set: func(p *parser, _ string) error {
		p.out.Select.others = true
		return nil
	}},
	{BSD: 'x', Section: "simple", Help: "your processes, on a terminal or not", set: func(p *parser, _ string) error {
		p.out.Select.detached = true
		return nil
	}},
	{BSD: 'g', Section: "simple", Help: "your processes on every terminal", set: func(p *parser, _ string) error {
		p.out.Select.mine = true
		return nil
	}},
	{BSD: 'r', Section: "simple", Help: "only of those, what runs", set: func(p *parser, _ string) error {
		p.out.Select.running = true
		return nil
	}},
	{BSD: 'T', Section: "simple", Help: "every process on this terminal", set: func(p *parser, _ string) error {
		p.out.Select.thisTerminal = true
		return nil
	}},
	{Unix: 'N', Long: []string{"deselect"}, Section: "simple", Help: "every process but those", set: func(p *parser, _ string) error {
		p.out.Select.lists.Negate = true
		return nil
	}},
}

var listOptions = []Option{
	{
		Unix: 'p', BSD: 'p', Long: []string{"pid"}, Arg: "PIDS", Section: "list", Help: "process ids; a bare number does the same",
		missing: needPIDs, set: numbers(func(s *query.Selection) *[]int32 { return &s.PIDs }),
	},
	{
		Unix: 'q', BSD: 'q', Long: []string{"quick-pid"}, Arg: "PIDS", Section: "list", Help: "process ids, shown in this order",
		missing: needQuick, set: quickPIDs,
	},
	{BSD: 't', Arg: "TTYS", Section: "list", Help: "terminals, as -t", missing: "list of terminals (pty, tty...) must follow", set: terminals},
	{
		Long: []string{"ppid"}, Arg: "PIDS", Section: "list", Help: "children of these process ids",
		missing: needPIDs, set: numbers(func(s *query.Selection) *[]int32 { return &s.PPIDs }),
	},
	{
		Unix: 's', Long: []string{"sid"}, Arg: "SIDS", Section: "list", Help: "session ids",
		missing: "some sid thing(s) must follow", set: numbers(func(s *query.Selection) *[]int32 { return &s.SIDs }),
	},
	{
		Unix: 'C', Arg: "NAMES", Section: "list", Help: "names of commands",
		missing: "list of command names must follow", set: texts(func(s *query.Selection) *[]string { return &s.Comms }),
	},
	{
		Unix: 'u', BSD: 'U', Long: []string{"user"}, Arg: "USERS", Section: "list", Help: "effective users, names or numbers",
		missing: needUsers, set: users(func(s *query.Selection) *[]string { return &s.Users }),
	},
	{
		Unix: 'U', Long: []string{"User"}, Arg: "USERS", Section: "list", Help: "real users, names or numbers",
		missing: "list of real users must follow", set: users(func(s *query.Selection) *[]string { return &s.RUsers }),
	},
	{
		Long: []string{"group"}, Arg: "GROUPS", Section: "list", Help: "effective groups, names or numbers",
		missing: "list of effective groups must follow", set: groups(func(s *query.Selection) *[]string { return &s.Groups }),
	},
	{
		Unix: 'G', Long: []string{"Group"}, Arg: "GROUPS", Section: "list", Help: "real groups, names or numbers",
		missing: "list of real groups must follow", set: groups(func(s *query.Selection) *[]string { return &s.RGroups }),
	},
	{
		Unix: 'g', Arg: "LIST", Section: "list", Help: "session ids, or names of effective groups",
		missing: "list of session leaders OR effective group IDs must follow", set: sessionsOrGroups,
	},
	{
		Unix: 't', Long: []string{"tty"}, Arg: "TTYS", Section: "list", Help: "terminals; - for processes without one",
		missing: "list of ttys must follow", set: terminals,
	},
}

var outputOptions = []Option{
	{Unix: 'f', Section: "output", Help: "full format", set: style(func(s *styles) { s.full = true })},
	{Unix: 'F', Section: "output", Help: "fuller format", set: style(func(s *styles) { s.full, s.extra = true, true })},
	{Unix: 'l', Section: "output", Help: "long format", set: style(func(s *styles) { s.long = true })},
	{Unix: 'y', Section: "output", Help: "with -l: no flags, and RSS for ADDR", set: style(func(s *styles) { s.noFlags = true })},
	{Unix: 'j', Section: "output", Help: "jobs format", set: style(func(s *styles) { s.jobs = true })},
	{BSD: 'u', Section: "output", Help: "user format", set: bsdStyle('u')},
	{BSD: 'l', Section: "output", Help: "long format of BSD", set: bsdStyle('l')},
	{BSD: 'j', Section: "output", Help: "job control format of BSD", set: bsdStyle('j')},
	{BSD: 's', Section: "output", Help: "signal format", set: bsdStyle('s')},
	{BSD: 'v', Section: "output", Help: "virtual memory format", set: bsdStyle('v')},
	{BSD: 'X', Section: "output", Help: "register format", set: bsdStyle('X')},
	{Unix: 'P', Section: "output", Help: "with a column PSR", set: style(func(s *styles) { s.cpu = true })},
	{Unix: 'c', Section: "output", Help: "with scheduling classes", set: style(func(s *styles) { s.class = true })},
	{Unix: 'M', BSD: 'Z', Section: "output", Help: "with security labels", set: style(func(s *styles) { s.label = true })},
	{Unix: 'Z', Section: "output", Help: "the same", set: style(func(s *styles) { s.label = true })},
	{Long: []string{"context"}, Section: "output", Help: "security label format", set: bsdStyle('Z')},
	{
		Unix: 'O', Arg: "FORMAT", Section: "output",
		Help: "these columns after the process id, and the default ones", missing: needFormat, set: addedFormat,
	},
	{
		BSD: 'O', Arg: "FORMAT", Section: "output",
		Help: "the same; or letters to sort by, as old systems have them", missing: needFormat, set: addedOrSorted,
	},
	{Unix: 'H', Section: "output", Help: "the tree of processes, by blanks", set: tree(IndentTree)},
	{BSD: 'f', Long: []string{"forest"}, Section: "output", Help: "the tree of processes, by lines", set: tree(LinedTree)},
	{
		Unix: 'o', BSD: 'o', Long: []string{"format"}, Arg: "FORMAT", Section: "output",
		Help: "these columns: KEY, KEY:WIDTH, KEY=HEADER; see L", missing: needFormat, set: userFormat,
	},
	{
		BSD: 'k', Long: []string{"sort"}, Arg: "KEYS", Section: "output",
		Help: "sort by these columns, most significant first; -KEY for descending", missing: needSort, set: sortKeys,
	},
	{BSD: 'c', Section: "output", Help: "the kernel's name instead of the command line", set: func(p *parser, _ string) error {
		p.out.Comm = true
		return nil
	}},
	{
		BSD: 'h', Long: []string{"no-headers", "no-heading", "no-headings", "noheader", "noheaders", "noheading", "noheadings"},
		Section: "output", Help: "no line of headers", set: noHeader,
	},
	{Unix: 'w', BSD: 'w', Section: "output", Help: "at least 132 columns; twice, without limit", set: func(p *parser, _ string) error {
		p.out.Wide++
		return nil
	}},
	{
		Long: []string{"cols", "columns", "width"}, Arg: "N", Section: "output", Help: "columns of the screen",
		missing: needColumns, set: columnCount,
	},
	{
		Long: []string{"rows", "lines"}, Arg: "N", Section: "output", Help: "lines of a page, for --headers",
		missing: needRows, set: rowCount,
	},
	{Long: []string{"headers", "heading", "headings"}, Section: "output", Help: "the headers again on every page", set: repeatHeader},
	{BSD: 'n', Section: "output", Help: "numbers for users and groups", set: turn(func(c *Command) *bool { return &c.Numeric })},
	{BSD: 'e', Section: "output", Help: "the environment after the command; of this host alone", set: turn(func(c *Command) *bool { return &c.Environ })},
	{
		BSD: 'S', Long: []string{"cumulative"}, Section: "output", Help: "CPU time with that of children which have ended",
		set: turn(func(c *Command) *bool { return &c.Sum }),
	},
	{Long: []string{"json"}, Section: "output", Help: "JSON: the hosts, and every field of every row", set: func(p *parser, _ string) error {
		p.out.JSON = true
		return nil
	}},
	{Long: []string{"no-host"}, Section: "output", Help: "no HOST column", set: func(p *parser, _ string) error {
		p.out.NoHost = true
		return nil
	}},
	{
		Long: []string{"color"}, Arg: "WHEN", Section: "output", Help: "auto, always or never; NO_COLOR is heeded",
		missing: ownArgument, set: color,
	},
}

var threadOptions = []Option{
	{BSD: 'H', Section: "threads", Help: "threads as if they were processes", set: turn(func(c *Command) *bool { return &c.ThreadsAlike })},
	{Unix: 'L', Section: "threads", Help: "threads, with LWP and NLWP", set: style(func(s *styles) { s.lightweight = true })},
	{Unix: 'T', Section: "threads", Help: "threads, with SPID", set: style(func(s *styles) { s.spid = true })},
	{Unix: 'm', Section: "threads", Help: "threads below their processes", set: style(func(s *styles) { s.below = true })},
	{BSD: 'm', Section: "threads", Help: "the same", set: turn(func(c *Command) *bool { return &c.ThreadsBelow })},
	{BSD: 'M', Section: "threads", Help: "the same", set: turn(func(c *Command) *bool { return &c.ThreadsBelow })},
}

var miscOptions = []Option{
	{Unix: 'V', BSD: 'V', Long: []string{"version"}, Section: "misc", Help: "tell the version", set: show(ShowVersion)},
	{BSD: 'L', Section: "misc", Help: "list the columns that -o and --sort know", set: show(ShowColumns)},
	{Long: []string{"help"}, Arg: "[SECTION]", Section: "misc", Help: "this help, or one of its sections", set: func(p *parser, arg string) error {
		p.out.Show, p.out.Section = ShowHelp, arg
		return nil
	}},
}

var fleetOptions = []Option{
	{
		Long: []string{"broker"}, Arg: "ADDR", Section: "fleet", Help: "every host whose agent has joined the room k2i of this broker: unix:///path or tcp://host:port",
		missing: ownArgument, set: func(p *parser, arg string) error {
			p.out.Broker = arg
			return nil
		},
	},
	{
		Long: []string{"agents"}, Arg: "URLS", Section: "fleet", Help: "the hosts of these agents, a comma between: http://host:port or unix:///path",
		missing: ownArgument, set: func(p *parser, arg string) error {
			p.out.Agents = strings.Split(arg, ",")
			return nil
		},
	},
	{
		Long: []string{"deadline"}, Arg: "TIME", Section: "fleet", Help: "how long a host may take, for example 500ms or 2s",
		missing: ownArgument, set: deadline,
	},
	{
		Long: []string{"limit"}, Arg: "N", Section: "fleet", Help: "the first N rows only",
		missing: ownArgument, set: limit,
	},
}

// Errors of options that take numbers.
const (
	needQuick   = "List of process IDs must follow"
	needRows    = "number of rows must follow --rows or --lines"
	needColumns = "number of columns must follow --cols, --width, or --columns"
	ownArgument = "an argument must follow"
)

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

// tree is an option of the forest; with both, blanks win.
func tree(kind Tree) func(*parser, string) error {
	return func(p *parser, _ string) error {
		p.out.Tree = max(p.out.Tree, kind)
		return nil
	}
}

// bsdStyle is a letter of BSD's; once or more often is the same.
func bsdStyle(letter byte) func(*parser, string) error {
	return style(func(s *styles) {
		if !slices.Contains(s.bsd, letter) {
			s.bsd = append(s.bsd, letter)
		}
	})
}

func style(change func(*styles)) func(*parser, string) error {
	return func(p *parser, _ string) error {
		change(&p.styles)
		return nil
	}
}

func noHeader(p *parser, _ string) error {
	if p.out.NoHeader || p.out.Repeat {
		return usage("only one heading option may be specified")
	}
	p.out.NoHeader = true
	return nil
}

func repeatHeader(p *parser, _ string) error {
	if p.out.NoHeader || p.out.Repeat {
		return usage("only one heading option may be specified")
	}
	p.out.Repeat = true
	return nil
}

func rowCount(p *parser, arg string) error {
	n, err := strconv.ParseUint(arg, 10, 31)
	if err != nil || n == 0 {
		return usage(needRows)
	}
	p.out.Rows = int(n)
	return nil
}

func columnCount(p *parser, arg string) error {
	n, err := strconv.ParseUint(arg, 10, 31)
	if err != nil || n == 0 {
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
