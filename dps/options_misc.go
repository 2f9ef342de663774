package dps

import "strings"

var threadOptions = []Option{
	{BSD: 'H', Section: "threads", Help: "threads as if they were processes", set: turn(func(c *Command) *bool { return &c.ThreadsAlike })},
	{Unix: 'L', Section: "threads", Help: "threads, with LWP and NLWP", set: change(func(s *styles) { s.lightweight = true })},
	{Unix: 'T', Section: "threads", Help: "threads, with SPID", set: change(func(s *styles) { s.spid = true })},
	{Unix: 'm', Section: "threads", Help: "threads below their processes", set: change(func(s *styles) { s.dashedBelow = true })},
	{BSD: 'm', Section: "threads", Help: "the same; a format or a sort key for some personalities", set: memory},
	{BSD: 'M', Section: "threads", Help: "threads below their processes", set: change(func(s *styles) { s.below = true })},
}

var miscOptions = []Option{
	{Unix: 'V', BSD: 'V', Long: []string{"version"}, Section: "misc", Help: "tell the version", set: show(ShowVersion)},
	{Long: []string{"info"}, Section: "misc", Help: "tell what the environment asks for", set: show(ShowInfo)},
	{BSD: 'L', Section: "misc", Help: "list the columns that -o and --sort know", set: show(ShowColumns)},
	{Long: []string{"help"}, Arg: "[SECTION]", Section: "misc", Help: "this help, or one of its sections", set: func(p *parser, arg string) error {
		p.out.Show, p.out.Section = ShowHelp, arg
		return nil
	}},
}

var fleetOptions = []Option{
	{
		Long: []string{"broker"}, Arg: "ADDR", Section: "fleet", Help: "every host whose agent has joined the room k2i of this broker: unix:///path, tls://host:port or tcp://host:port; of several, repeated or with commas, one is asked, and the others for those it has not",
		missing: ownArgument, set: func(p *parser, arg string) error {
			p.out.Broker = strings.TrimPrefix(p.out.Broker+","+arg, ",")
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
		Long: []string{"via"}, Arg: "COMMAND", Section: "fleet", Help: "the hosts of --on, without any agent: a command that runs a shell on {host}, such as 'ssh {host}', 'nsenter --net=/run/netns/{host}' or 'kubectl exec -i {host} --'",
		missing: ownArgument, set: func(p *parser, arg string) error {
			p.out.Via = arg
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
	{
		Long: []string{"exited"}, Section: "fleet", Help: "the processes that have ended, as long as agents remember them: how, when, and who ended them",
		set: turn(func(c *Command) *bool { return &c.Exited }),
	},
	{
		Long: []string{"since"}, Arg: "TIME", Section: "fleet", Help: "of those, the ones that ended so long ago at most, for example 30s or 10m",
		missing: ownArgument, set: since,
	},
}
