package dps

import (
	"errors"
	"slices"
	"strings"
)

// styles are the formats that have letters of their own, and what changes them.
type styles struct {
	letters              style
	extra, noFlags, jobs bool // what -F adds, -y, -j
	label, cpu, class    bool // -M, -P, -c
	lightweight, spid    bool // -L, -T
	dashedBelow, below   bool // -m, m
}

// modified tells whether a format is changed.
func (s styles) modified() bool {
	return s.extra || s.noFlags || s.jobs || s.label || s.cpu || s.class
}

// finish settles the columns, once everything is read.
func (p *parser) finish() error {
	for _, step := range []func() error{p.threads, p.exited, p.question, p.specified, p.compose, p.selection, p.quickConflict} {
		if err := step(); err != nil {
			return err
		}
	}
	p.addHost()
	if p.out.Numeric {
		for i := range p.out.Cells {
			c := &p.out.Cells[i]
			if c.Side == Name {
				c.Side = Right
			}
			c.rightward = c.Side == Cropped && c.Key != shortKey
		}
	}
	p.out.Select.bsd, p.out.Select.leaders = p.bsd, p.personality.leaders
	p.out.HideKernel = p.env.HideKernel
	return nil
}

// addHost puts HOST first.
func (p *parser) addHost() {
	if p.out.NoHost || slices.ContainsFunc(p.out.Cells, func(c Cell) bool { return c.Key == HostKey }) {
		return
	}
	first := cellsOf([]string{HostKey})
	if p.out.Cells[0].filler {
		first = append(first, fillerCell(" "))
	}
	p.out.Cells = append(first, p.out.Cells...)
	if !slices.ContainsFunc(p.out.Cells[1:], func(c Cell) bool { return c.Header != "" && !c.filler }) {
		p.out.Cells[0].Header = "" // pid= asks for lines without headers
	}
}

// threads settles how threads are shown, and refuses what cannot stand together.
func (p *parser) threads() error {
	s, out := p.styles, &p.out
	listed := s.lightweight || s.spid
	below := s.below || s.dashedBelow
	switch {
	case out.Remote() && (listed || below || out.ThreadsAlike):
		return own("threads are shown of this host alone: leave out --broker, --agents and --via")
	case out.Tree != NoTree && (listed || below || out.ThreadsAlike):
		return usage("thread display conflicts with forest display")
	case out.ThreadsAlike && below:
		return usage("thread flags conflict; can't use H with m or -m")
	case s.below && s.dashedBelow:
		return usage("thread flags conflict; can't use both m and -m")
	case s.lightweight && s.spid:
		return usage("thread flags conflict; can't use both -L and -T")
	}
	p.adding = listed && (below || out.ThreadsAlike)
	out.ThreadsBelow, out.threadIDs = below, listed
	out.ThreadsAlike = out.ThreadsAlike || listed && !below
	return nil
}

// compose settles the columns where no keywords are given: by the environment,
// by the name of a format, or put together from letters.
func (p *parser) compose() error {
	s := p.styles
	if s.letters == 0 && !s.modified() && len(p.out.Cells) == 0 && p.env.Format != "" {
		if p.adding {
			return usage("threads are shown in one way, and PS_FORMAT cannot have their ids added (-L/-T with -m/m/H)")
		}
		cells, err := formatCells(p.env.Format)
		if err == nil {
			p.out.Cells = cells
			return nil
		}
		p.out.Warning = "warning: $PS_FORMAT ignored. (" + reason(err) + ")"
	}
	if len(p.out.Cells) > 0 {
		return p.userConflict()
	}
	if p.out.Exited && s.letters == 0 && !s.modified() {
		p.out.Cells = cellsOf(exitedCells())
		return nil
	}
	name, known := p.personality.format(s.letters)
	var err error
	switch {
	case !known:
		return usage("conflicting format options")
	case name != "":
		p.out.Cells, err = p.changed(namedCells(name))
	case s.noFlags && s.letters&unixLong == 0:
		return usage("modifier -y without format -l makes no sense")
	default:
		p.out.Cells = p.together()
	}
	return err
}

// userConflict refuses what cannot stand beside keywords.
func (p *parser) userConflict() error {
	switch {
	case p.styles.letters != 0:
		return usage("conflicting format options")
	case p.styles.modified():
		return usage("can not use output modifiers with user-defined output")
	case p.adding:
		return usage("-L/-T with H/m/-m and -o/-O/o/O is nonsense")
	}
	return nil
}

// reason is what an error says between the words that all have.
func reason(err error) string {
	var refused *UsageError
	if errors.As(err, &refused) {
		return refused.Text
	}
	return err.Error()
}

// selection refuses what cannot be selected together.
func (p *parser) selection() error {
	s := p.out.Select
	if s.simple&^unixAll != 0 && (s.others || s.detached || s.mine) {
		return usage("process selection options conflict")
	}
	return nil
}

// quickConflict refuses what the option q cannot stand beside it. These words
// are ps's own and have no "error: " before them.
func (p *parser) quickConflict() error {
	refuse := func(text string) error { return &UsageError{Text: text, plain: true, final: true} }
	switch s := p.out.Select; {
	case !s.quick:
		return nil
	case s.quickly > 1:
		return refuse("q/-q/--quick-pid can only be used once.")
	case s.listed:
		return refuse("q/-q/--quick-pid cannot be combined with other selection options.")
	case p.out.Tree != NoTree:
		return refuse("q/-q/--quick-pid cannot be used together with forest type listings.")
	case len(p.out.Sort) > 0:
		return refuse("q/-q,--quick-pid cannot be used together with sort options.")
	case s.lists.Negate:
		return refuse("q/-q/--quick-pid cannot be used together with negation switches.")
	}
	return nil
}

// changed is a format that has a name with what options add to it. Columns are
// found by their headers, as formats name them by several keywords.
func (p *parser) changed(cells []Cell) ([]Cell, error) {
	s := p.styles
	if s.jobs {
		cells, _ = insertAfter(cells, []string{"pgid"}, "PPID", "PID")
		cells, _ = insertAfter(cells, []string{"sid"}, "PGID")
	}
	if s.noFlags {
		cells = without(replaced(cells, "ADDR", "rss"), "F")
	}
	if s.class {
		cells = without(cells, "%CPU", "CPU", "CP", "C", "NI")
		at := slices.IndexFunc(cells, func(c Cell) bool { return c.Header == "PRI" })
		if at < 0 {
			return nil, &UsageError{Text: "no PRI for -c option", final: true}
		}
		cells = slices.Replace(cells, at, at+1, cellsOf([]string{"class", "pri"})...)
	}
	var found bool
	if s.spid {
		if cells, found = insertAfter(cells, []string{"spid"}, "PID"); !found && p.adding {
			return nil, usage("-T with H/-m/m but no PID for SPID to follow")
		}
	}
	if s.lightweight {
		if cells, found = insertAfter(cells, []string{"lwp"}, "SID", "SESS", "PGID", "PGRP", "PPID", "PID"); !found && p.adding {
			return nil, usage("-L with H/-m/m but no PID/PGID/SID/SESS for NLWP to follow")
		}
		cells, _ = insertAfter(cells, []string{"nlwp"}, "%CPU")
	}
	if s.label {
		cells = slices.Concat(cellsOf([]string{"label"}), cells)
	}
	if p.personality.address != "" && s.letters&unixLong != 0 {
		cells = replaced(cells, "ADDR", "sgi_p")
	}
	if p.personality.userName && s.letters&unixFull != 0 {
		cells = replaced(cells, "UID", "user")
	}
	return cells, nil
}

// insertAfter puts keys behind the first column with the first of headers that
// is there.
func insertAfter(cells []Cell, keys []string, headers ...string) ([]Cell, bool) {
	for _, header := range headers {
		if at := slices.IndexFunc(cells, func(c Cell) bool { return c.Header == header }); at >= 0 {
			return slices.Insert(cells, at+1, cellsOf(keys)...), true
		}
	}
	return cells, false
}

// replaced has another column in the place of the first with a header.
func replaced(cells []Cell, header, key string) []Cell {
	if at := slices.IndexFunc(cells, func(c Cell) bool { return c.Header == header }); at >= 0 {
		cells[at] = cellsOf([]string{key})[0]
	}
	return cells
}

// without leaves out the first column with each of headers.
func without(cells []Cell, headers ...string) []Cell {
	for _, header := range headers {
		if at := slices.IndexFunc(cells, func(c Cell) bool { return c.Header == header }); at >= 0 {
			cells = slices.Delete(cells, at, at+1)
		}
	}
	return cells
}

// together is what the dashed letters make together; an option of BSD beside
// them adds the state and asks for the command line.
func (p *parser) together() []Cell {
	s, bsd := p.styles, p.bsd
	full, long := s.letters&unixFull != 0, s.letters&unixLong != 0
	var b strings.Builder
	add := func(when bool, keys string) {
		if when {
			b.WriteString(keys + " ")
		}
	}
	wordy := full || long
	add(s.label, "label")
	add(long && !s.noFlags, "f")
	add(long, "s")
	add(full && p.personality.userName, "user")
	add(full && !p.personality.userName, "uid_hack")
	add(long && !full, "uid")
	add(true, "pid")
	add(s.spid, "spid")
	add(wordy, "ppid")
	add(s.jobs, "pgid sid")
	add(s.lightweight, "lwp")
	add(s.cpu, "psr")
	add(wordy && !s.class, "c")
	add(full && s.lightweight, "nlwp")
	add(s.class, "class pri")
	add(long && !s.class && p.personality.share, "priority ni")
	add(long && !s.class && !p.personality.share, "opri ni")
	add(long && s.noFlags, "rss")
	add(long && !s.noFlags && p.personality.address != "", p.personality.address)
	add(long && !s.noFlags && p.personality.address == "", "addr_1")
	add(long || s.extra, "sz")
	add(long && !s.noFlags && p.personality.share, "sgi_rss")
	add(long, "wchan")
	add(s.extra && (!long || !s.noFlags), "rss")
	add(s.extra && !s.cpu, "psr")
	add(full, "stime")
	add(true, "tname")
	add(bsd && !long, "stat")
	add(bsd, "bsdtime")
	add(!bsd, "time")
	add(full || bsd && s.letters != 0, "cmd")
	add(bsd && s.letters == 0, "command")
	add(!full && !bsd, "ucmd")
	cells := cellsOf(strings.Fields(b.String()))
	if at := slices.IndexFunc(cells, func(c Cell) bool { return c.Key == "sgi_rss" }); at >= 0 {
		cells = slices.Insert(cells, at, fillerCell(":"))
	}
	return cells
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
