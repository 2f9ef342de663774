package dps

import "ddcos/k2i/query"

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
	{BSD: 'T', Section: "simple", Help: "every process on this terminal", set: ownTerminal},
	{Unix: 'N', Long: []string{"deselect"}, Section: "simple", Help: "every process but those", set: func(p *parser, _ string) error {
		p.out.Select.lists.Negate = true
		return nil
	}},
}

var listOptions = []Option{
	{
		Unix: 'p', BSD: 'p', Long: []string{"pid"}, Arg: "PIDS", Section: "list", Help: "process ids; N does the same, -N and +N are a group and a session",
		missing: needPIDs, set: numbers(func(s *query.Selection) *[]int32 { return &s.PIDs }),
	},
	{
		Unix: 'q', BSD: 'q', Long: []string{"quick-pid"}, Arg: "PIDS", Section: "list", Help: "process ids, shown in this order",
		missing: needQuick, set: quickPIDs,
	},
	{BSD: 't', Arg: "[TTYS]", Section: "list", Help: "terminals, as -t; this one where none is given", set: terminals},
	{
		Long: []string{"ppid"}, Arg: "PIDS", Section: "list", Help: "children of these process ids",
		missing: needPIDs, set: numbers(func(s *query.Selection) *[]int32 { return &s.PPIDs }),
	},
	{
		Unix: 's', Long: []string{"sid"}, Arg: "SIDS", Section: "list", Help: "session ids",
		missing: needSessions, set: numbers(func(s *query.Selection) *[]int32 { return &s.SIDs }),
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
		missing: "list of session leaders OR effective group names must follow", set: sessionsOrGroups,
	},
	{
		Unix: 't', Long: []string{"tty"}, Arg: "TTYS", Section: "list", Help: "terminals; - for processes without one",
		missing: needTerminals, set: terminals,
	},
}
