package dps

import (
	"strings"

	"ddcos/k2i"
	"ddcos/k2i/fleet"
)

// The columns that others are named after.
var (
	pidColumn     = pidNumber("pid", "PID", "pid", "process id", func(p *k2i.Process) int32 { return p.PID })
	pgidColumn    = pidNumber("pgid", "PGID", "pgid", "process group id", func(p *k2i.Process) int32 { return p.PGID })
	sidColumn     = pidNumber("sid", "SID", "sid", "session id", func(p *k2i.Process) int32 { return p.SID })
	euidColumn    = number("euid", "EUID", 5, "euid", "effective user id", func(p *k2i.Process) uint32 { return p.EUID })
	egidColumn    = number("egid", "EGID", 5, "egid", "effective group id", func(p *k2i.Process) uint32 { return p.EGID })
	suidColumn    = number("suid", "SUID", 5, "suid", "saved user id", func(p *k2i.Process) uint32 { return p.SUID })
	sgidColumn    = number("sgid", "SGID", 5, "sgid", "saved group id", func(p *k2i.Process) uint32 { return p.SGID })
	fsuidColumn   = number("fsuid", "FSUID", 5, "fsuid", "user id for file access", func(p *k2i.Process) uint32 { return p.FSUID })
	fsgidColumn   = number("fsgid", "FSGID", 5, "fsgid", "group id for file access", func(p *k2i.Process) uint32 { return p.FSGID })
	threadsColumn = number("nlwp", "NLWP", 4, "threads", "number of threads", func(p *k2i.Process) int32 { return p.Threads })
	terminal      = ttyColumn("tname", "TTY", 8)
	threadColumn  = threadIDs()
)

// threadIDs is the id of a thread, which is the process's own for the first.
func threadIDs() Column {
	c := same(pidColumn, "lwp", "LWP")
	id := func(l *Look, r fleet.Row) int32 {
		if e := l.extras[r.Process]; e != nil && e.tid != 0 {
			return e.tid
		}
		return r.Process.PID
	}
	c.Help = "thread id"
	c.Text = func(l *Look, r fleet.Row) string { return decimal(id(l, r)) }
	c.Compare = by(id)
	return c
}

// idColumns are ids and terminals.
var idColumns = []Column{
	pidColumn,
	same(pidColumn, "tgid", "TGID"),
	threadColumn,
	same(threadColumn, "tid", "TID"),
	same(threadColumn, "spid", "SPID"),
	pidNumber("ppid", "PPID", "ppid", "process id of the parent", func(p *k2i.Process) int32 { return p.PPID }),
	pgidColumn,
	same(pgidColumn, "pgrp", "PGRP"),
	sidColumn,
	same(sidColumn, "sess", "SESS"),
	same(sidColumn, "session", "SESS"),
	pidNumber("tpgid", "TPGID", "tpgid", "foreground process group of its terminal, -1 without one", func(p *k2i.Process) int32 { return p.TPGID }),
	euidColumn,
	same(euidColumn, "uid", "UID"),
	number("ruid", "RUID", 5, "ruid", "real user id", func(p *k2i.Process) uint32 { return p.RUID }),
	suidColumn,
	same(suidColumn, "svuid", "SVUID"),
	fsuidColumn,
	same(fsuidColumn, "fuid", "FUID"),
	egidColumn,
	same(egidColumn, "gid", "GID"),
	number("rgid", "RGID", 5, "rgid", "real group id", func(p *k2i.Process) uint32 { return p.RGID }),
	sgidColumn,
	same(sgidColumn, "svgid", "SVGID"),
	fsgidColumn,
	same(fsgidColumn, "fgid", "FGID"),
	threadsColumn,
	alias(threadsColumn, "thcount", "THCNT", 5),
	terminal,
	same(terminal, "tt", "TT"),
	same(terminal, "tty", "TT"),
	same(terminal, "tty8", "TTY"),
	same(terminal, "longtname", "TTY"),
	shortTerminal(),
}

// shortTerminal is a terminal without what most names begin with.
func shortTerminal() Column {
	c := alias(terminal, "tty4", "TTY", 4)
	c.Text = func(_ *Look, r fleet.Row) string {
		return strings.TrimPrefix(strings.TrimPrefix(k2i.TTYName(r.Process.TTYNr), "pts/"), "tty")
	}
	return c
}

// ttyColumn is the controlling terminal by name, sorted by device number.
func ttyColumn(key, header string, width int) Column {
	return Column{
		Key: key, Header: header, Width: width, Side: Left, Help: "controlling terminal", Fields: "tty_nr", Field: "tty_nr",
		Text:    func(_ *Look, r fleet.Row) string { return k2i.TTYName(r.Process.TTYNr) },
		Compare: by(func(_ *Look, r fleet.Row) uint32 { return r.Process.TTYNr }),
	}
}
