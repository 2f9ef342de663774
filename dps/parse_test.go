package dps

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"ddcos/manual"
)

// known is an environment with one user, root, and one group, wheel.
var known = Env{
	UserExists:  func(name string) bool { return name == "root" },
	GroupExists: func(name string) bool { return name == "wheel" },
}

// keys are the columns of a command.
func keys(c *Command) string {
	names := make([]string, 0, len(c.Cells))
	for _, cell := range c.Cells {
		names = append(names, cell.Key)
	}
	return strings.Join(names, " ")
}

func TestParseColumns(t *testing.T) {
	for _, test := range []struct{ line, want string }{
		{"", "host pid tname time ucmd"},
		{"--no-host", "pid tname time ucmd"},
		{"x", "host pid tname stat bsdtime command"},
		{"-f", "host uid_hack pid ppid c stime tname time cmd"},
		{"-F", "host uid_hack pid ppid c sz rss psr stime tname time cmd"},
		{"-l", "host f s uid pid ppid c opri ni addr_1 sz wchan tname time ucmd"},
		{"-ly", "host s uid pid ppid c opri ni rss sz wchan tname time ucmd"},
		{"-flj", "host f s uid_hack pid ppid pgid sid c opri ni addr_1 sz wchan stime tname time cmd"},
		{"aux", "host user pid pcpu pmem vsz rss tname stat start_time bsdtime args"},
		{"-aux", "host user pid pcpu pmem vsz rss tname stat start_time bsdtime args"},
		{"-o host,pid", "host pid"},
		{"-o pid,host", "pid host"},
		{"-opid -ocomm", "host pid comm"},
		{"axo pid,comm", "host pid comm"},
	} {
		c, err := Parse(strings.Fields(test.line), known)
		if err != nil {
			t.Errorf("%q: %v", test.line, err)
			continue
		}
		if got := keys(c); got != test.want {
			t.Errorf("%q: %s, want %s", test.line, got, test.want)
		}
	}
}

// What the environment calls a system is heard, and codes of AIX are read.
func TestParsePersonalities(t *testing.T) {
	for _, test := range []struct{ system, line, want string }{
		{"", "-l", "f s uid pid ppid c opri ni addr_1 sz wchan tname time ucmd"},
		{"linux", "-lf", "f s user pid ppid c opri ni sgi_p sz wchan stime tname time cmd"},
		{"LINUX", "-f", "user pid ppid c stime tname time cmd"},
		{"irix", "-l", "f s uid pid ppid c priority ni sgi_p sz  sgi_rss wchan tname time ucmd"},
		{"debian", "-jf", "uid pid ppid start_time tname bsdtime pgid sid args"},
		{"debian", "m", "pid tname majflt minflt m_trs m_drs m_size m_swap rss m_share vm_lib m_dt args"},
		{"digital", "-lf", "f state uid pid ppid pcpu pri nice rss wchan start time command"},
		{"bsd", "-u", "user pid pcpu pmem vsz rss tt stat start time command"},
		{"svr4", "-lx", "s uid pid ppid c opri ni rss sz wchan tname time ucmd"},
		{"s390", "-j", "pid sid pgrp tname atime args"},
		{"junk", "-j", "pid pgid sid tname time ucmd"},
		{"", "-j u", "user pid pgid sid pcpu pmem vsz rss tname stat start_time bsdtime args"},
		{"", "-c l", "flags uid pid ppid class pri vsz rss wchan stat tname bsdtime args"},
		{"", "-o pid,OL_s,comm", "pid uid pid pending sig_block sig_ignore caught stat tname bsdtime args comm"},
		{"", "-o %p%C", "pid pcpu "},
		{"", "-O %a", "pid args  state tname time command"},
		{"", "O %a", "pid args  state tname cputime comm"},
	} {
		env := known
		env.Personality = personalityOf(func(name string) string {
			if name == "PS_PERSONALITY" {
				return test.system
			}
			return ""
		})
		c, err := Parse(append(strings.Fields(test.line), "--no-host"), env)
		if err != nil {
			t.Errorf("%s %q: %v", test.system, test.line, err)
			continue
		}
		if got := keys(c); got != test.want {
			t.Errorf("%s %q: %s, want %s", test.system, test.line, got, test.want)
		}
	}
}

// What is told alone is told alone.
func TestParseExclusive(t *testing.T) {
	for _, line := range []string{"V", "-V", "--version", "L", "--info", "--info --no-host", "--no-host V"} {
		if c, err := Parse(strings.Fields(line), known); err != nil || c.Show == ShowProcesses {
			t.Errorf("%q: %v", line, err)
		}
	}
	old := known
	old.Personality = personalityOf(func(string) string { return "old" })
	for _, line := range []string{"V V", "-V x", "-eV", "Lx", "--info --info", "--version -e"} {
		for _, env := range []Env{known, old} {
			if _, err := Parse(strings.Fields(line), env); err == nil {
				t.Errorf("%q is accepted", line)
			}
		}
	}
	if _, err := Parse([]string{"-V"}, old); err == nil {
		t.Error("-V is V where a dash means nothing, as in ps")
	}
}

// Numbers are C's, and a letter's second key has no order of its own.
func TestParseNumbersAndLetters(t *testing.T) {
	for _, test := range []struct {
		text string
		want uint64
		ok   bool
	}{
		{"7", 7, true},
		{"0x1F", 31, true},
		{"017", 15, true},
		{"+5", 5, true},
		{"-1", 1<<64 - 1, true},
		{"99999999999999999999", 1<<64 - 1, true},
		{"", 0, true},
		{"0", 0, true},
		{"08", 0, false},
		{"0x", 0, false},
		{"1x", 0, false},
		{"1_0", 0, false},
		{"0b1", 0, false},
		{"--1", 0, false},
	} {
		if got, ok := numeral(test.text); got != test.want && ok || ok != test.ok {
			t.Errorf("%q: %d, %v; want %d, %v", test.text, got, ok, test.want, test.ok)
		}
	}
	for _, test := range []struct{ spec, want string }{
		{"p", "+pid"}, {"-p", "-pid"}, {"pr", "+pid"}, {"p-r", "+pid -rss"}, {"K", ""}, {"pKr", "+pid"},
	} {
		p := parser{}
		err := p.letterKeys(test.spec)
		var got []string
		for _, key := range p.out.Sort {
			got = append(got, map[bool]string{false: "+", true: "-"}[key.Descending]+key.Column.Key)
		}
		if strings.Join(got, " ") != test.want || err != nil {
			t.Errorf("%q: %v, %v; want %s", test.spec, got, err, test.want)
		}
	}
	for _, bad := range []string{"pp", "q", "p-", "+-p", "-"} {
		if err := (&parser{}).letterKeys(bad); err == nil {
			t.Errorf("%q is accepted", bad)
		}
	}
}

func TestParseOwnOptions(t *testing.T) {
	c, err := Parse([]string{"--broker", "tcp://b:1", "--json", "--deadline", "500ms", "--limit=7", "--color=never", "-e", "--sort", "-rss,+pid"}, known)
	if err != nil {
		t.Fatal(err)
	}
	if c.Broker != "tcp://b:1" || !c.JSON || c.Deadline != 500*time.Millisecond || c.Limit != 7 || c.Color != "never" || !c.Remote() {
		t.Errorf("%+v", c)
	}
	if len(c.Sort) != 2 || !c.Sort[0].Descending || c.Sort[0].Column.Key != "rss" || c.Sort[1].Descending {
		t.Errorf("sort keys %+v", c.Sort)
	}
	env := known
	env.Broker, env.Agents = "unix:///b", "http://a"
	if c, err = Parse(nil, env); err != nil || c.Broker != "unix:///b" || c.Agents != nil {
		t.Errorf("the environment's broker: %+v, %v", c, err)
	}
	if c, err = Parse([]string{"--agents", "http://x,http://y"}, env); err != nil || c.Broker != "" || !slices.Equal(c.Agents, []string{"http://x", "http://y"}) {
		t.Errorf("agents before the environment: %+v, %v", c, err)
	}
}

// A name must exist on this host, unless other hosts are asked.
func TestParseNames(t *testing.T) {
	for _, line := range []string{"-u alice", "-U alice", "--group staff", "-g staff", "-G staff"} {
		if _, err := Parse(strings.Fields(line), known); err == nil {
			t.Errorf("%q is accepted on this host", line)
		}
		if _, err := Parse(strings.Fields(line+" --broker unix:///b"), known); err != nil {
			t.Errorf("%q over a fleet: %v", line, err)
		}
	}
	if _, err := Parse(strings.Fields("-u root,0 -g wheel -G 7"), known); err != nil {
		t.Error(err)
	}
}

func TestParseErrors(t *testing.T) {
	for _, test := range []struct {
		line   string
		status int
		says   string
	}{
		{"--nosuch", ExitFailed, "--nosuch"},
		{"-Q", ExitFailed, "unsupported SysV option -Q"},
		{"-o wchar", ExitFailed, "unknown user-defined format specifier \"wchar\"; did you mean wchars, wchar_bytes?"},
		{"-o zzzzzz", ExitFailed, "unknown user-defined format specifier \"zzzzzz\" (see dps L)"},
		{"--sort -rrs", ExitFailed, "unknown sort specifier \"rrs\"; did you mean drs, rss, trs?"},
		{"-eLf --broker unix:///b", ExitUsage, "threads are shown of this host alone"},
		{"--limit 0", ExitUsage, "--limit"},
		{"--limit", ExitUsage, "--limit"},
		{"--deadline soon", ExitUsage, "--deadline"},
		{"--deadline 1h", ExitUsage, "--deadline"},
		{"--color maybe", ExitUsage, "auto, always or never"},
		{"--broker", ExitUsage, "--broker"},
		{"--json=1", ExitFailed, "does not take an argument"},
		{"-o " + strings.Repeat("pid,", maxCells) + "pid", ExitFailed, "too many columns"},
	} {
		_, err := Parse(strings.Fields(test.line), known)
		var refused *UsageError
		if !errors.As(err, &refused) {
			t.Errorf("%.40q: %v", test.line, err)
			continue
		}
		if refused.Status() != test.status || !strings.Contains(err.Error(), test.says) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%.40q: status %d, %q; want %d and %q in one line", test.line, refused.Status(), err, test.status, test.says)
		}
	}
}

// No two options share a name, every one is told of in a section, and every
// column and option has a help.
func TestTables(t *testing.T) {
	seen := map[string]bool{}
	once := func(name string) {
		if seen[name] {
			t.Errorf("%q stands twice in a table", name)
		}
		seen[name] = true
	}
	for _, o := range Options() {
		if o.Unix != 0 {
			once("-" + string(o.Unix))
		}
		if o.BSD != 0 {
			once(string(o.BSD))
		}
		for _, name := range o.Long {
			once("--" + name)
		}
		if !slices.Contains(Sections, o.Section) || o.Help == "" || o.set == nil {
			t.Errorf("%s: section %q, help %q", o.Name(), o.Section, o.Help)
		}
		if o.Arg != "" && !strings.HasPrefix(o.Arg, "[") && o.missing == "" {
			t.Errorf("%s says nothing where its argument is missing", o.Name())
		}
	}
	for _, c := range Columns() {
		once("column " + c.Key)
		if c.Help == "" || c.Header == "" || c.Width < 1 || c.Text == nil || c.Compare == nil {
			t.Errorf("column %s is not whole", c.Key)
		}
	}
}

func TestHelpManAndCompletion(t *testing.T) {
	var help, man strings.Builder
	for _, err := range []error{WriteHelp(&help, ""), WriteMan(&man)} {
		if err != nil {
			t.Fatal(err)
		}
	}
	for _, o := range Options() {
		for _, name := range o.Long[:min(len(o.Long), 1)] {
			if !strings.Contains(help.String(), "--"+name) {
				t.Errorf("the help says nothing of --%s", name)
			}
			if !strings.Contains(man.String(), manual.Escape("--"+name)) {
				t.Errorf("the manual says nothing of --%s", name)
			}
			if !slices.ContainsFunc(optionWords(), func(w Word) bool { return w == Word{"--" + name, o.Help} }) {
				t.Errorf("completion knows nothing of --%s", name)
			}
		}
	}
	for name, of := range map[string]string{"OL_j": named["OL_j"], "FB_l": named["FB_l"], "%t": "etime", "PS_PERSONALITY": "digital"} {
		if _, after, found := strings.Cut(man.String(), manual.Escape(name)); !found || !strings.Contains(after, manual.Escape(of)) {
			t.Errorf("the manual says nothing of %s", name)
		}
	}
	for _, line := range strings.Split(help.String(), "\n") {
		if Width(line) > 79 {
			t.Errorf("a line of %d columns: %q", Width(line), line)
		}
	}
	whole := help.String()
	help.Reset()
	if err := WriteHelp(&help, "nosuch"); err != nil || help.String() != whole {
		t.Errorf("a section that is none: %v, and not the whole help", err)
	}
}

// Whatever stands on a command line, it is understood or refused in one line; with
// a condition in it in three, the place below the text.
func FuzzParse(f *testing.F) {
	for _, line := range []string{"aux", "-ef", "-eo pid,comm=X", "--sort -rss", "-p 1 2", "-u\x00root", "--agents ,", "--where pid==1 --by user", "--where rss>5", "--proc a:1 --on w[1-3],b* --label a=b"} {
		f.Add(line)
	}
	f.Fuzz(func(t *testing.T, line string) {
		c, err := Parse(strings.Split(line, " "), known)
		switch {
		case err == nil && c == nil:
			t.Fatalf("%q: neither a command nor an error", line)
		case err != nil && strings.Count(err.Error(), "\n") == 2 && strings.HasPrefix(err.Error(), "error: --"):
			if strings.Contains(err.Error(), "\x1b") {
				t.Fatalf("%q: %q is not clean", line, err)
			}
		case err != nil && (strings.ContainsAny(err.Error(), "\n\x1b") || err.Error() == ""):
			t.Fatalf("%q: %q is not one clean line", line, err)
		}
	})
}
