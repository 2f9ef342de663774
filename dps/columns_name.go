package dps

import (
	"strings"

	"ddcos/k2i/fleet"
)

// The columns that others are named after.
var (
	userColumn = fieldWord(word("euser", "EUSER", 8, Name, "user", "effective user",
		func(l *Look, r fleet.Row) string {
			if name := r.Process.User; name != "" {
				return name
			}
			return l.user(r.Host, r.Process.EUID)
		}), "user")
	groupColumn = fieldWord(word("egroup", "EGROUP", 8, Name, "group", "effective group",
		func(l *Look, r fleet.Row) string {
			if name := r.Process.Group; name != "" {
				return name
			}
			return l.group(r.Host, r.Process.EGID)
		}), "group")
	savedUserColumn = word("suser", "SUSER", 8, Name, "suid", "saved user",
		func(l *Look, r fleet.Row) string { return l.user(r.Host, r.Process.SUID) })
	savedGroupColumn = word("sgroup", "SGROUP", 8, Name, "sgid", "saved group",
		func(l *Look, r fleet.Row) string { return l.group(r.Host, r.Process.SGID) })
	fileUserColumn = word("fuser", "FUSER", 8, Name, "fsuid", "user for file access",
		func(l *Look, r fleet.Row) string { return l.user(r.Host, r.Process.FSUID) })
	fileGroupColumn = word("fgroup", "FGROUP", 8, Name, "fsgid", "group for file access",
		func(l *Look, r fleet.Row) string { return l.group(r.Host, r.Process.FSGID) })
	commColumn = fieldWord(word("comm", "COMMAND", 15, Open, "comm", "the kernel's name for it",
		func(_ *Look, r fleet.Row) string { return r.Process.Comm }), "comm")
	argsColumn = word("args", "COMMAND", 27, Open, "args comm kernel state",
		"command line; the name in brackets where there is none", argsText)
	cgroupColumn = word("cgroup", "CGROUP", 27, Open, "cgroup", "path of its control group",
		func(_ *Look, r fleet.Row) string { return orDash(r.Process.Cgroup) })
)

// nameColumns are users, groups and commands.
var nameColumns = []Column{
	userColumn,
	same(userColumn, "user", "USER"),
	same(userColumn, "uname", "USER"),
	same(userColumn, "uid_hack", "UID"),
	word("ruser", "RUSER", 8, Name, "ruid", "real user",
		func(l *Look, r fleet.Row) string { return l.user(r.Host, r.Process.RUID) }),
	savedUserColumn,
	same(savedUserColumn, "svuser", "SVUSER"),
	fileUserColumn,
	same(fileUserColumn, "fsuser", "FSUSER"),
	groupColumn,
	same(groupColumn, "group", "GROUP"),
	word("rgroup", "RGROUP", 8, Name, "rgid", "real group",
		func(l *Look, r fleet.Row) string { return l.group(r.Host, r.Process.RGID) }),
	savedGroupColumn,
	same(savedGroupColumn, "svgroup", "SVGROUP"),
	fileGroupColumn,
	same(fileGroupColumn, "fsgroup", "FSGROUP"),
	commColumn,
	same(commColumn, "ucmd", "CMD"),
	same(commColumn, "ucomm", "COMMAND"),
	argsColumn,
	same(argsColumn, "cmd", "CMD"),
	same(argsColumn, "command", "COMMAND"),
	cgroupColumn,
	same(cgroupColumn, "cgname", "CGNAME"),
}

// fieldWord is a word that the agents can sort by.
func fieldWord(c Column, field string) Column {
	c.Field = field
	return c
}

// argsText is the command line with single blanks between; in brackets the name
// of what has none: kernel threads and zombies.
func argsText(l *Look, r fleet.Row) string {
	p := r.Process
	if l.Comm {
		return p.Comm
	}
	switch {
	case p.State == "Z":
		return "[" + p.Comm + "] <defunct>"
	case len(p.Args) == 0:
		return "[" + p.Comm + "]"
	}
	return strings.Join(p.Args, " ")
}

func orDash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}
