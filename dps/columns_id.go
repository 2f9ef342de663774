package dps

import (
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
)

// idColumns are ids and terminals.
var idColumns = []Column{
	pidColumn,
	same(pidColumn, "tgid", "TGID"),
	same(pidColumn, "lwp", "LWP"),
	same(pidColumn, "tid", "TID"),
	same(pidColumn, "spid", "SPID"),
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
}

// ttyColumn is the controlling terminal by name, sorted by device number.
func ttyColumn(key, header string, width int) Column {
	return Column{
		Key: key, Header: header, Width: width, Side: Left, Help: "controlling terminal", Fields: "tty_nr", Field: "tty_nr",
		Text:    func(_ *Look, r fleet.Row) string { return k2i.TTYName(r.Process.TTYNr) },
		Compare: by(func(_ *Look, r fleet.Row) uint32 { return r.Process.TTYNr }),
	}
}
