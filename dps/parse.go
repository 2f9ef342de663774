package dps

import (
	"errors"
	"slices"
	"strings"

	"ddcos/near"
)

// maxArgs is how many arguments one command line may have; the kernel itself
// stops at 2 MiB of them.
const maxArgs = 1 << 16

// needPersonality is what ps says of -x, which POSIX leaves open.
const needPersonality = "must set personality to get -x option"

// parser reads one command line in one way.
type parser struct {
	env         Env
	personality Personality
	allBSD      bool // read -x as x
	anyNames    bool // users and groups need not exist here: they may on other hosts

	all       []string // the arguments
	args      []string // those still to be read
	bsd       bool     // an option of BSD was given
	spelled   string   // the option read last, as it was given
	styles    styles
	adding    bool              // ids of threads are to be added to a format
	requests  []asked           // for columns and sort keys, in order
	formats   map[string]string // of the config file
	as        string            // the name of a format in the config file
	config    string            // where that is; "" for the usual place
	formatted bool              // columns were given
	sorted    bool              // sort keys were given
	out       Command
}

// Parse understands a command line as ps does. It is read with options of UNIX
// after dashes first; where that is an error, as with -aux, dashes are taken for
// decoration and everything is read as BSD, unless something is plainly BSD;
// where that fails too, the first error stands. The names of users and groups
// must exist here, unless other hosts are asked: there they may exist.
func Parse(args []string, env Env) (*Command, error) {
	if len(args) > maxArgs {
		return nil, usage("too many arguments")
	}
	all := parser{env: env, personality: env.Personality, allBSD: true}
	if all.personality.memory == "" {
		all.personality.memory = "format"
	}
	if env.Personality.alwaysBSD {
		err := all.parse(args)
		return &all.out, err
	}
	first := parser{env: env, personality: env.Personality}
	err := first.parse(args)
	if err == nil || isFinal(err) {
		return &first.out, err
	}
	switch second := all.parse(args); {
	case second == nil:
		return &all.out, nil
	case isFinal(second):
		return nil, second
	}
	trusting := parser{env: env, personality: env.Personality, anyNames: true}
	if trusting.parse(args) == nil && trusting.out.Remote() {
		return &trusting.out, nil
	}
	return nil, err
}

// isFinal tells that no other reading of the arguments can help.
func isFinal(err error) bool {
	var refused *UsageError
	return errors.As(err, &refused) && refused.final
}

// parse reads a command line into p.out.
func (p *parser) parse(args []string) error {
	p.all, p.args = args, args
	p.bsd = p.personality.bsd || p.allBSD
	for len(p.args) > 0 {
		arg := p.args[0]
		p.args = p.args[1:]
		if err := p.argument(arg); err != nil {
			return err
		}
		if p.out.Show != ShowProcesses {
			return nil
		}
	}
	p.fromEnv()
	if err := p.fromConfig(); err != nil {
		return err
	}
	return p.finish()
}

// alone refuses to tell the version, the columns or the environment when anything
// else is asked for; options that ps does not have may stand beside.
func (p *parser) alone() error {
	for _, arg := range p.all {
		o, ok := findOption(func(o Option) bool { return slices.Contains(o.Long, strings.TrimPrefix(arg, "--")) })
		if arg != p.spelled && (!ok || !o.Own()) {
			return usage("the option is exclusive: " + p.spelled)
		}
	}
	if n := len(slices.DeleteFunc(slices.Clone(p.all), func(arg string) bool { return arg != p.spelled })); n > 1 {
		return usage("the option is exclusive: " + p.spelled)
	}
	return nil
}

// fromEnv takes the hosts from the environment where no option names any.
func (p *parser) fromEnv() {
	switch {
	case p.out.Remote():
	case p.env.Broker != "":
		p.out.Broker = p.env.Broker
	case p.env.Agents != "":
		p.out.Agents = strings.Split(p.env.Agents, ",")
	}
}

// argument tells the dialects apart.
func (p *parser) argument(arg string) error {
	unix, bsd := dialects()
	switch {
	case len(arg) > 2 && arg[:2] == "--" && isLetter(arg[2]):
		return p.long(arg[2:])
	case arg != "" && (isDigit(arg[0]) || arg[0] == '+'), len(arg) > 1 && arg[0] == '-' && isDigit(arg[1]):
		p.args = append([]string{arg}, p.args...)
		return p.trailing()
	case len(arg) > 1 && arg[0] == '-' && isLetter(arg[1]) && !p.allBSD:
		return p.group(arg[1:], unix)
	case len(arg) > 1 && arg[0] == '-' && isLetter(arg[1]):
	case arg == "" || !isLetter(arg[0]):
		return usage("garbage option")
	case p.allBSD && !p.personality.alwaysBSD:
		return usage("options of BSD have no dash, or all of them have one")
	}
	p.bsd = true
	return p.group(strings.TrimPrefix(arg, "-"), bsd)
}

// trailing reads ids to the end of the command line, as ps does from the first
// bare number on: one for each argument, without lists. A dash before it makes
// it a process group's, a plus sign a session's.
func (p *parser) trailing() error {
	p.bsd = true
	s := &p.out.Select
	for _, arg := range p.args {
		to := &s.lists.PIDs
		switch {
		case strings.HasPrefix(arg, "-"):
			to = &s.groups
		case strings.HasPrefix(arg, "+"):
			to = &s.lists.SIDs
		}
		id, err := readPID(strings.TrimLeft(arg[:min(len(arg), 1)], "-+") + arg[min(len(arg), 1):])
		if err != nil {
			return err
		}
		*to = append(*to, id)
	}
	s.listed = true
	p.args = nil
	return nil
}

// group reads a word of one-letter options. An option with an argument takes the
// rest of the word, or the next one.
func (p *parser) group(word string, d dialect) error {
	for i := range len(word) {
		letter := word[i : i+1]
		if d.dash == "" && isDigit(word[i]) {
			return listPIDs(p, word[i:])
		}
		o, ok := findOption(func(o Option) bool { return d.letter(o) == word[i] })
		if !ok {
			if err := p.stranger(letter, d); err != nil {
				return err
			}
			continue
		}
		p.spelled = d.dash + letter
		if o.Arg == "" {
			if err := p.set(o, ""); err != nil {
				return err
			}
			continue
		}
		arg, err := p.value(o, p.spelled, word[i+1:])
		if err != nil {
			return err
		}
		return p.set(o, arg)
	}
	return nil
}

// dialect is one of the two that have letters.
type dialect struct {
	name, dash, unknown string
	letter              func(Option) byte
}

// dialects are UNIX's and BSD's.
func dialects() (unix, bsd dialect) {
	unix = dialect{"SysV", "-", "unsupported SysV option", func(o Option) byte { return o.Unix }}
	return unix, dialect{"BSD", "", "unsupported option (BSD syntax)", func(o Option) byte { return o.BSD }}
}

// stranger is a letter that is no option, though -x is one for some personalities.
func (p *parser) stranger(letter string, d dialect) error {
	switch {
	case d.dash+letter == "-x":
		return p.dashX()
	case letter == "-":
		return usage("embedded '-' among " + d.name + " options makes no sense")
	case d.dash+letter == "W":
		return usage("obsolete W option not supported (you have a /dev/drum?)")
	}
	return usage(d.unknown + " " + d.dash + Clean(letter))
}

// set does what an option asks for, and refuses at once what cannot stand beside it.
func (p *parser) set(o Option, arg string) error {
	if err := o.set(p, arg); err != nil {
		return err
	}
	switch p.out.Show {
	case ShowVersion, ShowColumns, ShowInfo:
		return p.alone()
	case ShowHelp, ShowProcesses:
	}
	return nil
}

// optional tells an option whose argument may be missing.
func (o Option) optional() bool { return strings.HasPrefix(o.Arg, "[") }

// long reads an option of GNU. Names are not abbreviated, as in ps.
func (p *parser) long(word string) error {
	at := strings.IndexAny(word, ":=")
	name, value, given := word, "", at >= 0
	if given {
		name, value = word[:at], word[at+1:]
	}
	o, ok := findOption(func(o Option) bool { return slices.Contains(o.Long, name) })
	p.spelled = "--" + name
	switch {
	case !ok:
		return usage("unknown gnu long option --" + Clean(name) + near.Hint("--", name, longNames()))
	case o.Arg == "" && given:
		if err := unwanted(name); err != nil {
			return err
		}
		return p.set(o, "")
	case o.Arg == "":
		return p.set(o, "")
	case given && !o.optional() && value == "":
		return missing(o, "--"+name)
	}
	arg, err := p.value(o, "--"+name, value)
	if err != nil {
		return err
	}
	return p.set(o, arg)
}

// unwanted is what ps says of an argument where none belongs; --context does not
// mind it.
func unwanted(name string) error {
	switch {
	case name == "context":
		return nil
	case name == "info", name == "version":
		return usage("the option is exclusive: --" + name)
	case strings.HasPrefix(name, "no-head"), strings.HasPrefix(name, "nohead"):
		name = "no-heading"
	case strings.HasPrefix(name, "head"):
		name = "heading"
	}
	return usage("option --" + name + " does not take an argument")
}

// value is the argument of an option: what stands in the same word, or the next.
func (p *parser) value(o Option, name, inWord string) (string, error) {
	if inWord != "" {
		return inWord, nil
	}
	if len(p.args) == 0 || p.args[0] == "" {
		if o.optional() {
			return "", nil
		}
		return "", missing(o, name)
	}
	arg := p.args[0]
	p.args = p.args[1:]
	return arg, nil
}

func missing(o Option, name string) error {
	switch o.missing {
	case ownArgument:
		return own(ownArgument + " " + name + ": " + o.Arg)
	case needColumns:
		return usage(needColumns)
	case needRows:
		return usage(needRows)
	case needQuick:
		return usage(needQuick + " " + name + ".")
	case needSort:
		if name == "k" {
			name = "'k'" // as ps quotes it
		}
	case needTerminals:
		if name == "-t" {
			return usage("list of terminals (pty, tty...) must follow -t")
		}
	case needSessions:
		if name == "-s" {
			return usage("list of session IDs must follow -s")
		}
	case needUsers:
		if name == "--user" {
			return usage("list of effective users must follow --user")
		}
	}
	return usage(o.missing + " " + name)
}

func findOption(is func(Option) bool) (Option, bool) {
	all := Options()
	if i := slices.IndexFunc(all, is); i >= 0 {
		return all[i], true
	}
	return Option{}, false
}

// longNames are those of all options.
func longNames() []string {
	var all []string
	for _, o := range Options() {
		all = append(all, o.Long...)
	}
	return all
}

func isLetter(b byte) bool { return 'a' <= b|0x20 && b|0x20 <= 'z' }

func isDigit(b byte) bool { return '0' <= b && b <= '9' }
