package dps

import (
	"errors"
	"slices"
	"strings"
)

// maxArgs is how many arguments one command line may have; the kernel itself
// stops at 2 MiB of them.
const maxArgs = 1 << 16

// needPersonality is what ps says of -x, which POSIX leaves open.
const needPersonality = "must set personality to get -x option"

// parser reads one command line in one way.
type parser struct {
	env      Env
	allBSD   bool // read -x as x
	anyNames bool // users and groups need not exist here: they may on other hosts

	args   []string // still to be read
	bsd    bool     // an option of BSD was given
	styles styles
	user   []Cell // of -o, --format
	out    Command
}

// Parse understands a command line as ps does. It is read with options of UNIX
// after dashes first; where that is an error, as with -aux, and nothing in it is
// plainly BSD, dashes are taken for decoration and everything is read as BSD;
// where that fails too, the first error stands. The names of users and groups
// must exist here, unless other hosts are asked: there they may exist.
func Parse(args []string, env Env) (*Command, error) {
	if len(args) > maxArgs {
		return nil, usage("too many arguments")
	}
	strict := parser{env: env}
	err := strict.parse(args)
	var refused *UsageError
	if err == nil || errors.As(err, &refused) && refused.final {
		return &strict.out, err
	}
	trusting := parser{env: env, anyNames: true}
	trusted := trusting.parse(args) == nil && !strings.Contains(err.Error(), needPersonality)
	if !strict.bsd && !trusting.bsd {
		all := parser{env: env, allBSD: true}
		if all.parse(args) == nil {
			return &all.out, nil
		}
	}
	if trusted && trusting.out.Remote() {
		return &trusting.out, nil
	}
	return nil, err
}

// parse reads a command line into p.out.
func (p *parser) parse(args []string) error {
	p.args = args
	p.bsd = p.env.BSD
	p.out.Color, p.out.Deadline = "auto", DefaultDeadline
	for len(p.args) > 0 {
		arg := p.args[0]
		p.args = p.args[1:]
		if err := p.argument(arg); err != nil {
			return err
		}
	}
	p.fromEnv()
	switch p.out.Show {
	case ShowVersion, ShowColumns:
		return p.alone(args)
	case ShowHelp:
		return nil
	case ShowProcesses:
	}
	return p.finish()
}

// alone refuses to tell the version or the columns when anything else is asked
// for; options that ps does not have may stand beside.
func (p *parser) alone(args []string) error {
	others := 0
	for _, arg := range args {
		if o, ok := findOption(func(o Option) bool { return slices.Contains(o.Long, strings.TrimPrefix(arg, "--")) }); !ok || !o.Own() {
			others++
		}
	}
	if last := args[len(args)-1]; others > 1 || len(last) > 2 && last[:2] != "--" {
		return usage("the option is exclusive: " + Clean(last))
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
	switch {
	case strings.HasPrefix(arg, "--"):
		return p.long(arg[2:])
	case arg == "" || arg == "-":
		return usage("garbage option")
	case isDigit(arg[0]):
		p.args = append([]string{arg}, p.args...)
		return p.trailing()
	case arg[0] == '-' && isDigit(arg[1]):
		p.args = append([]string{arg[1:]}, p.args...)
		return p.trailing()
	case arg[0] == '-' && !p.allBSD:
		return p.group(arg[1:], "-", "unsupported SysV option", func(o Option) byte { return o.Unix })
	}
	p.bsd = true
	return p.group(strings.TrimPrefix(arg, "-"), "", "unsupported option (BSD syntax)", func(o Option) byte { return o.BSD })
}

// trailing reads process ids to the end of the command line, as ps does from the
// first bare number on: one for each argument, without lists.
func (p *parser) trailing() error {
	p.bsd = true
	for _, arg := range p.args {
		pid, err := readPID(arg)
		if err != nil {
			return err
		}
		p.out.Select.lists.PIDs = append(p.out.Select.lists.PIDs, pid)
	}
	p.out.Select.listed = true
	p.args = nil
	return nil
}

// group reads a word of one-letter options. An option with an argument takes the
// rest of the word, or the next one.
func (p *parser) group(word, dash, unknown string, letter func(Option) byte) error {
	for i := range len(word) {
		if dash == "" && isDigit(word[i]) {
			if err := listPIDs(p, word[i:]); err != nil {
				return err
			}
			return p.trailing()
		}
		o, ok := findOption(func(o Option) bool { return letter(o) == word[i] })
		if !ok && dash+word[i:i+1] == "-x" {
			if p.anyNames {
				continue // this reading looks for what else is there
			}
			return usage(needPersonality)
		}
		if !ok {
			return usage(unknown + " " + dash + Clean(word[i:i+1]))
		}
		if o.later || o.Arg == "" {
			if err := o.set(p, ""); err != nil {
				return err
			}
			continue
		}
		arg, err := p.value(o, dash+word[i:i+1], word[i+1:])
		if err != nil {
			return err
		}
		return o.set(p, arg)
	}
	return nil
}

// long reads an option of GNU. Names are not abbreviated, as in ps.
func (p *parser) long(word string) error {
	name, value, given := strings.Cut(word, "=")
	if name == "" {
		return usage("garbage option")
	}
	o, ok := findOption(func(o Option) bool { return slices.Contains(o.Long, name) })
	switch {
	case !ok:
		return usage("unknown gnu long option --" + Clean(name))
	case o.later:
		return o.set(p, "")
	case o.Arg == "" && given:
		return usage("option --" + name + " does not take an argument")
	case o.Arg == "":
		return o.set(p, "")
	case strings.HasPrefix(o.Arg, "["): // optional
		if !given && len(p.args) > 0 {
			value, p.args = p.args[0], p.args[1:]
		}
		return o.set(p, value)
	case given && value == "":
		return missing(o, "--"+name)
	}
	arg, err := p.value(o, "--"+name, value)
	if err != nil {
		return err
	}
	return o.set(p, arg)
}

// value is the argument of an option: what stands in the same word, or the next.
func (p *parser) value(o Option, name, inWord string) (string, error) {
	if inWord != "" {
		return inWord, nil
	}
	if len(p.args) == 0 || p.args[0] == "" {
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

func isDigit(b byte) bool { return '0' <= b && b <= '9' }
