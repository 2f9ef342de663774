package dps

var outputOptions = []Option{
	{Unix: 'f', Section: "output", Help: "full format", set: letters(unixFull)},
	{Unix: 'F', Section: "output", Help: "fuller format", set: change(func(s *styles) { s.letters, s.extra = s.letters|unixFull, true })},
	{Unix: 'l', Section: "output", Help: "long format", set: letters(unixLong)},
	{Unix: 'y', Section: "output", Help: "with -l: no flags, and RSS for ADDR", set: change(func(s *styles) { s.noFlags = true })},
	{Unix: 'j', Section: "output", Help: "jobs format", set: jobs},
	{BSD: 'u', Section: "output", Help: "user format", set: letters(bsdUser)},
	{BSD: 'l', Section: "output", Help: "long format of BSD", set: letters(bsdLong)},
	{BSD: 'j', Section: "output", Help: "job control format of BSD", set: letters(bsdJobs)},
	{BSD: 's', Section: "output", Help: "signal format", set: letters(bsdSignals)},
	{BSD: 'v', Section: "output", Help: "virtual memory format", set: letters(bsdMemory)},
	{BSD: 'X', Section: "output", Help: "register format", set: letters(oldRegisters)},
	{Unix: 'P', Section: "output", Help: "with a column PSR", set: change(func(s *styles) { s.cpu = true })},
	{Unix: 'c', Section: "output", Help: "with scheduling classes", set: change(func(s *styles) { s.class = true })},
	{Unix: 'M', BSD: 'Z', Section: "output", Help: "with security labels", set: change(func(s *styles) { s.label = true })},
	{Unix: 'Z', Section: "output", Help: "the same", set: change(func(s *styles) { s.label = true })},
	{Long: []string{"context"}, Section: "output", Help: "security label format", set: letters(security)},
	{
		Unix: 'O', Arg: "FORMAT", Section: "output",
		Help: "these columns after the process id, and the default ones", missing: needSpec, set: request(askAdded),
	},
	{
		BSD: 'O', Arg: "FORMAT", Section: "output",
		Help: "the same; or letters to sort by, as old systems have them", missing: needSpec, set: request(askAddedOrSorted),
	},
	{Unix: 'H', Section: "output", Help: "the tree of processes, by blanks", set: tree(IndentTree)},
	{BSD: 'f', Long: []string{"forest"}, Section: "output", Help: "the tree of processes, by lines", set: tree(LinedTree)},
	{
		Unix: 'o', BSD: 'o', Long: []string{"format"}, Arg: "FORMAT", Section: "output",
		Help: "these columns: KEY, KEY:WIDTH, KEY=HEADER, see L; formats by name; codes of AIX as %p", missing: needFormat, set: request(askFormat),
	},
	{
		BSD: 'k', Long: []string{"sort"}, Arg: "KEYS", Section: "output",
		Help: "sort by these columns, most significant first; -KEY for descending", missing: needSort, set: request(askSort),
	},
	{BSD: 'c', Section: "output", Help: "the kernel's name instead of the command line", set: func(p *parser, _ string) error {
		p.out.Comm = true
		return nil
	}},
	{
		Long:    []string{"no-headers", "no-header", "no-heading", "no-headings", "noheader", "noheaders", "noheading", "noheadings"},
		Section: "output", Help: "no line of headers", set: header(false),
	},
	{BSD: 'h', Section: "output", Help: "the same; for some personalities the headers on every page", set: bsdHeader},
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
	{Long: []string{"headers", "header", "heading", "headings"}, Section: "output", Help: "the headers again on every page", set: header(true)},
	{
		Long: []string{"delimiter"}, Arg: "TEXT", Section: "output", Help: "this text between columns instead of blanks; nothing is cut",
		missing: "delimiter must follow", set: func(p *parser, arg string) error {
			p.out.Delimiter = arg
			return nil
		},
	},
	{
		Unix: 'D', Long: []string{"date-format"}, Arg: "FORMAT", Section: "output", Help: "how lstart tells a date, as date(1) takes it: %F %T",
		missing: "date format must follow", set: func(p *parser, arg string) error {
			p.out.DateFormat = arg
			return nil
		},
	},
	{Long: []string{"signames"}, Section: "output", Help: "signals by name instead of masks", set: turn(func(c *Command) *bool { return &c.SignalNames })},
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
		Long: []string{"color"}, Arg: "WHEN", Section: "output", Help: "auto, always or never: bold headers, red what is stuck or a zombie and hosts that are missing, yellow what keeps a CPU busy; NO_COLOR is heeded",
		missing: ownArgument, set: color,
	},
}
