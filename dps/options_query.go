package dps

import (
	"fmt"
	"strings"
	"time"

	"ddcos/k2i"
	"ddcos/k2i/query"
)

var queryOptions = []Option{
	{
		Long: []string{"where"}, Arg: "CONDITION", Section: "query", missing: ownArgument, set: where,
		Help: `only processes of which this is true: rss > 100MiB and (user == "www" or comm matches "^ng") and age < 5m`,
	},
	{
		Long: []string{"by"}, Arg: "NAME", Section: "query", missing: ownArgument, set: text(func(q *Question) *string { return &q.By }),
		Help: "sums instead of processes, for each host, user, comm, container, image, unit, cgroup, kind, pod, label.NAME; --sort and --limit are of these",
	},
	{
		Long: []string{"on"}, Arg: "HOSTS", Section: "fleet", missing: ownArgument, set: text(func(q *Question) *string { return &q.On }),
		Help: "only these hosts, or those that --via goes to, a comma between: names, ranges such as web[01-40]; of a fleet that is known also web*, with --via @FILE with a list; a name that no host has is told as missing",
	},
	{
		Long: []string{"label"}, Arg: "NAME=VALUE", Section: "query", missing: ownArgument, set: hostLabel,
		Help: "only hosts with this label; may be repeated",
	},
	{
		Long: []string{"proc"}, Arg: "LIST", Section: "query", missing: ownArgument, set: procs,
		Help: "only these processes, a comma between: HOST:PID, or an identity as the columns proc and id show them",
	},
	{
		Long: []string{"fleet"}, Section: "query", set: turn(func(c *Command) *bool { return &c.Fleet }),
		Help: "the hosts instead of processes: mode, version, age of the sample, clock, and who is missing since when",
	},
	{
		Long: []string{"peers"}, Section: "query", set: turn(func(c *Command) *bool { return &c.Peers }),
		Help: "who talks to whom: TCP connections, from the process that opened each to the one that took it, on whatever host; " +
			"of the processes that are selected, where any are; --by " + peerWords + " adds up; who is outside of the fleet is an address",
	},
}

var linksOptions = []Option{
	{
		Long: []string{"links"}, Arg: "CONDITION", Section: "query", missing: ownArgument, set: links,
		Help: `with --peers, only connections of which this is true: to_port == 5432 and from_host != "web1"; there are host, comm, pid, addr, port and state ` +
			"with from_ or to_ before them, state, sent, received, ambiguous",
	},
}

var ownOutputOptions = []Option{
	{
		Long: []string{"ndjson"}, Section: "output", set: output("ndjson"),
		Help: "a line of JSON for each row, and then for each host and for the whole",
	},
	{Long: []string{"csv"}, Section: "output", set: output("csv"), Help: "the columns as CSV, which no spreadsheet takes for formulas"},
	{Long: []string{"schema"}, Section: "output", set: show(ShowSchema), Help: "tell what --json, --ndjson and --csv write, as a JSON Schema"},
	{
		Long: []string{"as"}, Arg: "NAME", Section: "output", missing: ownArgument, set: func(p *parser, arg string) error {
			p.as = arg
			return nil
		},
		Help: "the columns that the config file has under this name",
	},
	{
		Long: []string{"watch"}, Arg: "SECONDS", Section: "output", missing: ownArgument, set: watch,
		Help: "again every so many seconds, until interrupted",
	},
	{
		Long: []string{"config"}, Arg: "FILE", Section: "fleet", missing: ownArgument, set: func(p *parser, arg string) error {
			p.config = arg
			return nil
		},
		Help: "read defaults from here instead of DDCOS_CONFIG or ~/.config/ddcos/config.yaml",
	},
}

func text(of func(*Question) *string) func(*parser, string) error {
	return func(p *parser, arg string) error {
		*of(&p.out.Question) = arg
		return nil
	}
}

func output(as string) func(*parser, string) error {
	return func(p *parser, _ string) error {
		p.out.Output = as
		return nil
	}
}

// where checks a condition; several all have to be true.
func where(p *parser, arg string) error {
	if _, err := query.Compile(arg); err != nil {
		return pointed("--where", err)
	}
	p.out.Where = joinAnd(p.out.Where, arg)
	if _, err := query.Compile(p.out.Where); err != nil {
		return pointed("--where", err)
	}
	return nil
}

func joinAnd(a, b string) string {
	if a == "" {
		return b
	}
	return "(" + a + ") and (" + b + ")"
}

// pointed is an error that shows its place on lines of its own.
func pointed(option string, err error) error {
	lines := strings.Split(err.Error(), "\n")
	for i := range lines {
		lines[i] = Clean(lines[i])
	}
	return &UsageError{Text: "error: " + option + ": " + strings.Join(lines, "\n"), Own: true, final: true, plain: true}
}

func hostLabel(p *parser, arg string) error {
	name, value, ok := strings.Cut(arg, "=")
	if !ok || name == "" {
		return own(fmt.Sprintf("--label %q: want NAME=VALUE", arg))
	}
	if p.out.Labels == nil {
		p.out.Labels = map[string]string{}
	}
	p.out.Labels[name] = value
	return nil
}

// procs reads processes by HOST:PID and by identity.
func procs(p *parser, arg string) error {
	var conditions []string
	for word := range strings.SplitSeq(arg, ",") {
		term := "proc"
		if _, err := k2i.ParseIdentity(word); err == nil {
			term = "id"
		} else if host, pid, ok := cutLast(word, ":"); !ok || host == "" || len(pid) > 10 || pid == "" || strings.Trim(pid, "0123456789") != "" {
			return own(fmt.Sprintf("--proc %q: want HOST:PID, or an identity HOSTID:PID:TICKS", word))
		}
		conditions = append(conditions, fmt.Sprintf("%s == %q", term, word))
	}
	p.out.Procs = append(p.out.Procs, conditions...)
	return nil
}

func cutLast(s, separator string) (before, after string, found bool) {
	i := strings.LastIndex(s, separator)
	if i < 0 {
		return s, "", false
	}
	return s[:i], s[i+len(separator):], true
}

// Limits of --watch, in seconds.
const (
	minWatch = 0.1
	maxWatch = 86400
)

func watch(p *parser, arg string) error {
	var seconds float64
	if _, err := fmt.Sscanf(arg+" ", "%g ", &seconds); err != nil || !(seconds >= minWatch && seconds <= maxWatch) {
		return own(fmt.Sprintf("--watch %q: want a number of seconds, %v to %v", arg, minWatch, maxWatch))
	}
	p.out.Watch = time.Duration(seconds * float64(time.Second))
	return nil
}
