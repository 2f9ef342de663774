package dps

import (
	"errors"
	"slices"
	"strings"
)

// styles are the formats that have letters of their own, and what changes them.
type styles struct {
	full, extra, long, noFlags, jobs bool   // -f, -F, -l, -y, -j
	label, cpu, class                bool   // -M, -P, -c
	lightweight, spid, below         bool   // -L, -T, -m
	bsd                              []byte // u, l, j, s, v, X
}

// finish settles the columns.
func (p *parser) finish() error {
	if err := p.conflict(); err != nil {
		return err
	}
	s := p.styles
	p.out.Cells = p.user
	switch {
	case len(p.user) > 0:
	case len(s.bsd) == 1:
		keys, err := bsdFormat(s)
		if err != nil {
			return err
		}
		p.out.Cells = cellsOf(keys)
	default:
		p.out.Cells = cellsOf(strings.Fields(unixFormat(s, p.bsd)))
		p.preferred()
	}
	if !p.out.NoHost && !slices.ContainsFunc(p.out.Cells, func(c Cell) bool { return c.Key == HostKey }) {
		p.out.Cells = append(cellsOf([]string{HostKey}), p.out.Cells...)
		if !slices.ContainsFunc(p.out.Cells[1:], func(c Cell) bool { return c.Header != "" }) {
			p.out.Cells[0].Header = "" // pid= asks for lines without headers
		}
	}
	if p.out.Numeric {
		for i := range p.out.Cells {
			if c := &p.out.Cells[i]; c.Side == Name {
				c.Side = Right
			}
			p.out.Cells[i].rightward = strings.HasSuffix(p.out.Cells[i].Key, "wchan") || p.out.Cells[i].Key == "wname"
		}
	}
	p.out.Select.bsd = p.bsd
	return nil
}

// preferred takes the columns from PS_FORMAT where no option asks for any.
func (p *parser) preferred() {
	s := p.styles
	if p.env.Format == "" || s.full || s.long || s.jobs || s.noFlags || s.label || s.cpu || s.class || s.lightweight || s.spid {
		return
	}
	cells, err := formatCells(p.env.Format)
	if err != nil {
		p.out.Warning = "warning: $PS_FORMAT ignored. (" + reason(err) + ")"
		return
	}
	p.out.Cells = cells
}

// reason is what an error says between the words that all have.
func reason(err error) string {
	var refused *UsageError
	if errors.As(err, &refused) {
		return refused.Text
	}
	return err.Error()
}

// conflict refuses what cannot be asked for together.
func (p *parser) conflict() error {
	s, selected, user := p.styles, p.out.Select, len(p.user) > 0
	if err := p.quickConflict(); err != nil {
		return err
	}
	threads := s.lightweight || s.spid
	both := s.below && p.out.ThreadsBelow
	p.out.ThreadsBelow = p.out.ThreadsBelow || s.below
	switch {
	case both:
		return usage("thread flags conflict; can't use both m and -m")
	case p.out.Remote() && (threads || p.out.ThreadsAlike || p.out.ThreadsBelow):
		return own("threads are shown of this host alone: leave out --broker and --agents")
	case selected.simple != 0 && selected.simple&unixAll == 0 && (selected.others || selected.detached || selected.mine):
		return usage("process selection options conflict")
	case s.lightweight && s.spid:
		return usage("thread flags conflict; can't use both -L and -T")
	case p.out.ThreadsAlike && p.out.ThreadsBelow:
		return usage("thread flags conflict; can't use H with m or -m")
	case p.out.Tree != NoTree && (threads || p.out.ThreadsAlike || p.out.ThreadsBelow):
		return usage("thread display conflicts with forest display")
	case user && threads && (p.out.ThreadsAlike || p.out.ThreadsBelow):
		return usage("-L/-T with H/m/-m and -o/-O/o/O is nonsense")
	case s.noFlags && !s.long && len(s.bsd) == 0 && !user:
		return usage("modifier -y without format -l makes no sense")
	case len(s.bsd) > 1, len(s.bsd) == 1 && (s.full || s.long || user), user && (s.long || s.full):
		return usage("conflicting format options")
	case user && (s.jobs || s.noFlags || s.label || s.cpu || s.class):
		return usage("can not use output modifiers with user-defined output")
	}
	if threads && !p.out.ThreadsBelow {
		p.out.ThreadsAlike = true
	}
	return nil
}

// quickConflict refuses what the option q cannot stand beside it. These words
// are ps's own and have no "error: " before them.
func (p *parser) quickConflict() error {
	refuse := func(text string) error { return &UsageError{Text: text, plain: true, final: true} }
	switch quick := p.out.Select.quick; {
	case !quick:
		return nil
	case p.out.Select.listed:
		return refuse("q/-q/--quick-pid cannot be combined with other selection options.")
	case p.out.Tree != NoTree:
		return refuse("q/-q/--quick-pid cannot be used together with forest type listings.")
	case len(p.out.Sort) > 0:
		return refuse("q/-q,--quick-pid cannot be used together with sort options.")
	case p.out.Select.lists.Negate:
		return refuse("q/-q/--quick-pid cannot be used together with negation switches.")
	}
	return nil
}

// bsdFormats are the formats of BSD by their letters.
var bsdFormats = map[byte]string{
	'u': "user pid %cpu %mem vsz rss tname stat start_time bsdtime command",
	'l': "f uid pid ppid priority ni vsz rss wchan stat tname bsdtime command",
	'j': "ppid pid pgid sid tname tpgid stat uid bsdtime command",
	's': "uid pid pending blocked ignored caught stat tname bsdtime command",
	'v': "pid tname stat bsdtime maj_flt m_trs m_drs rss %mem command",
	'Z': "pid context command",
	'X': "pid stackp esp eip tmout alarm stat tname bsdtime command",
}

// bsdFormat is a format of BSD with what options of UNIX add to it.
func bsdFormat(s styles) ([]string, error) {
	keys := strings.Fields(bsdFormats[s.bsd[0]])
	if s.noFlags && keys[0] == "f" {
		keys = keys[1:]
	}
	if s.class {
		at := slices.Index(keys, "priority")
		if at < 0 {
			return nil, &UsageError{Text: "no PRI for -c option", final: true}
		}
		keys = slices.Replace(keys, at, at+2, "class", "pri")
	}
	if s.jobs {
		keys = insertAfter(keys, []string{"pgid", "sid"}, "ppid", "pid")
	}
	if s.lightweight {
		keys = insertAfter(keys, []string{"lwp"}, "sid", "ppid", "pid")
		if at := slices.Index(keys, "%cpu"); at >= 0 {
			keys = slices.Insert(keys, at+1, "nlwp")
		}
	}
	if s.spid {
		keys = insertAfter(keys, []string{"spid"}, "pid")
	}
	if s.label {
		keys = append([]string{"label"}, keys...)
	}
	return keys, nil
}

// insertAfter puts keys behind the first of anchors that is there.
func insertAfter(keys, more []string, anchors ...string) []string {
	for _, anchor := range anchors {
		if at := slices.Index(keys, anchor); at >= 0 {
			return slices.Insert(keys, at+1, more...)
		}
	}
	return keys
}

// unixFormat is what the dashed letters make together; an option of BSD beside
// them adds the state and asks for the command line.
func unixFormat(s styles, bsd bool) string {
	var b strings.Builder
	add := func(when bool, keys string) {
		if when {
			b.WriteString(keys + " ")
		}
	}
	wordy := s.full || s.long
	add(s.label, "label")
	add(s.long && !s.noFlags, "f")
	add(s.long, "s")
	add(s.full, "uid_hack")
	add(s.long && !s.full, "uid")
	add(true, "pid")
	add(s.spid, "spid")
	add(wordy, "ppid")
	add(s.jobs, "pgid sid")
	add(s.lightweight, "lwp")
	add(s.cpu, "psr")
	add(wordy && !s.class, "c")
	add(s.full && s.lightweight, "nlwp")
	add(s.class, "class pri")
	add(s.long && !s.class, "opri ni")
	add(s.long && s.noFlags, "rss sz wchan")
	add(s.long && !s.noFlags, "addr_1 sz wchan")
	add(s.extra && !s.long, "sz")
	add(s.extra && !s.noFlags, "rss")
	add(s.extra && !s.cpu, "psr")
	add(s.full, "stime")
	add(true, "tname")
	add(bsd && !s.long, "stat")
	add(bsd, "bsdtime")
	add(!bsd, "time")
	switch {
	case s.full, s.long && bsd:
		b.WriteString("cmd")
	case bsd:
		b.WriteString("command")
	default:
		b.WriteString("ucmd")
	}
	return b.String()
}

// cellsOf makes cells of keywords that are known to exist.
func cellsOf(keys []string) []Cell {
	cells := make([]Cell, 0, len(keys))
	for _, key := range keys {
		column, ok := ColumnByKey(key)
		if !ok {
			continue
		}
		cells = append(cells, Cell{Column: column})
	}
	return cells
}
