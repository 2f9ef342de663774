package dps

import (
	"strconv"
	"strings"

	"ddcos/k2i"
	"ddcos/k2i/fleet"
)

// The columns that others are named after.
var (
	userColumn = fieldWord(word("euser", "EUSER", 8, Name, "user euid", "effective user",
		func(l *Look, r fleet.Row) string {
			if name := r.Process.User; name != "" && !l.Numeric {
				return name
			}
			return l.user(r.Host, r.Process.EUID)
		}), "user")
	groupColumn = fieldWord(word("egroup", "EGROUP", 8, Name, "group egid", "effective group",
		func(l *Look, r fleet.Row) string {
			if name := r.Process.Group; name != "" && !l.Numeric {
				return name
			}
			return l.group(r.Host, r.Process.EGID)
		}), "group")
	savedUserColumn = word("suser", "SUSER", 8, Name, "suid user euid", "saved user",
		func(l *Look, r fleet.Row) string { return l.user(r.Host, r.Process.SUID) })
	savedGroupColumn = word("sgroup", "SGROUP", 8, Name, "sgid group egid", "saved group",
		func(l *Look, r fleet.Row) string { return l.group(r.Host, r.Process.SGID) })
	fileUserColumn = word("fuser", "FUSER", 8, Name, "fsuid user euid", "user for file access",
		func(l *Look, r fleet.Row) string { return l.user(r.Host, r.Process.FSUID) })
	fileGroupColumn = word("fgroup", "FGROUP", 8, Name, "fsgid group egid", "group for file access",
		func(l *Look, r fleet.Row) string { return l.group(r.Host, r.Process.FSGID) })
	commColumn = command(fieldWord(word("comm", "COMMAND", 15, Open, "comm", "the kernel's name for it", commText), "comm"))
	argsColumn = command(word("args", "COMMAND", 27, Open, "args comm kernel state",
		"command line; the name in brackets where there is none", argsText))
	cgroupColumn = groupColumnOf("cgroup", "CGROUP", groupLines)
)

// nameColumns are users, groups and commands.
var nameColumns = []Column{
	userColumn,
	same(userColumn, "user", "USER"),
	same(userColumn, "uname", "USER"),
	same(userColumn, "uid_hack", "UID"),
	word("ruser", "RUSER", 8, Name, "ruid user euid", "real user",
		func(l *Look, r fleet.Row) string { return l.user(r.Host, r.Process.RUID) }),
	savedUserColumn,
	same(savedUserColumn, "svuser", "SVUSER"),
	fileUserColumn,
	same(fileUserColumn, "fsuser", "FSUSER"),
	groupColumn,
	same(groupColumn, "group", "GROUP"),
	word("rgroup", "RGROUP", 8, Name, "rgid group egid", "real group",
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
	command(word(shortKey, "COMMAND", shortName, Cropped, "comm", "the first 8 characters of that", commText)),
	cgroupColumn,
	groupColumnOf("cgname", "CGNAME", groupNames),
	told("supgid", "SUPGID", 20, Open, "status Groups", "supplementary group ids", func(l *Look, r fleet.Row) string {
		return orDash(strings.Join(strings.Fields(l.fact(r, "status Groups")), ","))
	}),
	told("supgrp", "SUPGRP", 40, Open, "status Groups", "supplementary groups", func(l *Look, r fleet.Row) string {
		names := strings.Fields(l.fact(r, "status Groups"))
		for i, id := range names {
			if n, err := strconv.ParseUint(id, 10, 32); err == nil {
				names[i] = l.group(r.Host, uint32(n))
			}
		}
		return orDash(strings.Join(names, ","))
	}),
	word("docker", "DOCKER", containerDigits, Left, "container_id", "container that it runs in, - outside of any",
		func(_ *Look, r fleet.Row) string { return orDash(shortID(r.Process.ContainerID)) }),
}

// shortKey is the keyword of a name that is cut to shortName columns.
const (
	shortKey  = "fname"
	shortName = 8
)

// command is a column before which the forest is drawn.
func command(c Column) Column {
	c.Tree = true
	return c
}

// groupColumnOf is the control groups: on this host all of them, elsewhere the
// one that the agent knows.
func groupColumnOf(key, header string, lines func(string) string) Column {
	c := word(key, header, 27, Open, "cgroup", "control groups that are not the root; over several hosts one path",
		func(l *Look, r fleet.Row) string {
			if l.reading {
				return lines(l.fact(r, "cgroup"))
			}
			return orDash(r.Process.Cgroup)
		})
	c.Facts = "cgroup"
	return c
}

func commText(l *Look, r fleet.Row) string {
	if l.FullName {
		return argsText(l, r)
	}
	return r.Process.Comm
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
	if whole := l.fact(r, lineFact); whole != "" {
		return blanks(whole)
	}
	return strings.ReplaceAll(strings.Join(p.Args, " "), "\n", " ")
}

// lineFact is the whole command line, of which a sample has so much only.
const lineFact = "cmdline"

// cutMargin is for empty arguments where a sample ends, which it leaves out.
const cutMargin = 256

// isCut tells whether a command line may go on behind what its sample has.
func isCut(p *k2i.Process) bool {
	n := len(p.Args)
	for _, arg := range p.Args {
		n += len(arg)
	}
	return n >= k2i.MaxArgs-cutMargin
}

// blanks has blanks in the place of what ends texts and lines.
func blanks(text string) string {
	return strings.NewReplacer("\x00", " ", "\n", " ").Replace(strings.TrimRight(text, "\x00"))
}

// command is what room columns show of a command: the branches of the forest as
// far as they fit whole, its text, and the environment where option e asks for it.
func (l *Look) command(c *Cell, r fleet.Row, text string, room int) string {
	tree := l.branches(r, room)
	room -= len(tree)
	if c.Key == shortKey {
		return tree + Cut(text, min(room, shortName))
	}
	text = Cut(text, room)
	if room -= Width(text); room > 1 {
		if env := l.environ(r); env != "" {
			text += " " + Cut(env, room-1)
		}
	}
	return tree + text
}

// branches is what stands before a command in a forest.
func (l *Look) branches(r fleet.Row, room int) string {
	e := l.extras[r.Process]
	if e == nil || e.tree == "" {
		return ""
	}
	return e.tree[:min(len(e.tree), room/e.step*e.step)]
}

// environ is the environment where option e asks for it.
func (l *Look) environ(r fleet.Row) string {
	if !l.Environ || r.Process.Kernel || r.Process.State == "Z" {
		return ""
	}
	if !l.reading {
		return "-" // nobody's environment travels
	}
	return l.clean(blanks(l.fact(r, "environ")))
}

func orDash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}
