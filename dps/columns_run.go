package dps

import (
	"fmt"
	"strconv"

	"ddcos/k2i"
	"ddcos/k2i/fleet"
)

// The kernel's bits of Process.Flags that ps shows (include/linux/sched.h):
// forked but has not exec'ed, has used super-user privileges.
const (
	flagForkNoExec = 0x40
	flagSuperPriv  = 0x100
	flagShift      = 6
)

// policies are the kernel's SCHED_ numbers by ps's names; the fourth is not
// used by Linux.
var policies = []string{"TS", "FF", "RR", "B", "ISO", "IDL", "DLN"}

// The columns that others are named after.
var (
	stateColumn = fieldWord(word("s", "S", 1, Left, "state", "state, one letter",
		func(_ *Look, r fleet.Row) string { return r.Process.State }), "state")
	flagColumn = Column{
		Key: "f", Header: "F", Width: 1, Help: "1 forked but did not exec, 4 used super-user privileges",
		Fields: "flags", Text: flagText,
		Compare: by(func(_ *Look, r fleet.Row) uint32 { return r.Process.Flags }), Field: "flags",
	}
	classColumn = Column{
		Key: "class", Header: "CLS", Width: 3, Side: Left, Help: "scheduling class", Fields: "policy",
		Text: classText, Compare: by(func(_ *Look, r fleet.Row) uint32 { return r.Process.Policy }), Field: "policy",
	}
	niceColumn = Column{
		Key: "ni", Header: "NI", Width: 3, Help: "nice value; - where the class has none", Fields: "nice policy",
		Text: niceText, Compare: by(func(_ *Look, r fleet.Row) int32 { return r.Process.Nice }), Field: "nice",
	}
	lastCPUColumn = number("psr", "PSR", 3, "cpu", "CPU that it last ran on", func(p *k2i.Process) int32 { return p.CPU })
	waitColumn    = told("wchan", "WCHAN", 6, Cropped, "wchan", "where in the kernel it waits, - where it runs",
		func(l *Look, r fleet.Row) string {
			if at := l.fact(r, "wchan"); at != "0" {
				return orDash(at)
			}
			return "-"
		})
)

// runColumns are states, priorities and scheduling.
var runColumns = []Column{
	stateColumn,
	same(stateColumn, "state", "S"),
	{
		Key: "stat", Header: "STAT", Width: 4, Side: Left, Help: "state and < N L s l +",
		Fields: "state nice sid pid threads pgid tpgid", Text: statText, Facts: lockFact,
		Compare: by(func(_ *Look, r fleet.Row) string { return r.Process.State }), Field: "state",
	},
	flagColumn,
	same(flagColumn, "flag", "F"),
	same(flagColumn, "flags", "F"),
	alias(classColumn, "policy", "POL", 3),
	classColumn,
	{
		Key: "cls", Header: "CLS", Width: 3, Help: "scheduling class", Fields: "policy",
		Text: classText, Compare: classColumn.Compare, Field: "policy",
	},
	number("sched", "SCH", 3, "policy", "scheduling class, a number", func(p *k2i.Process) uint32 { return p.Policy }),
	niceColumn,
	same(niceColumn, "nice", "NI"),
	priority("priority", "PRI", "the kernel's priority, lower runs first", func(n int32) int32 { return n }),
	priority("pri", "PRI", "priority, higher runs first", func(n int32) int32 { return 39 - n }),
	priority("opri", "PRI", "priority, as older systems count", func(n int32) int32 { return 60 + n }),
	priority("intpri", "PRI", "priority, as older systems count", func(n int32) int32 { return 60 + n }),
	priority("pri_foo", "FOO", "priority less 20", func(n int32) int32 { return n - 20 }),
	priority("pri_bar", "BAR", "priority plus 1", func(n int32) int32 { return n + 1 }),
	priority("pri_baz", "BAZ", "priority plus 100", func(n int32) int32 { return n + 100 }),
	priority("pri_api", "API", "priority as the interface calls count", func(n int32) int32 { return -1 - n }),
	{
		Key: "rtprio", Header: "RTPRIO", Width: 6, Help: "real-time priority, - without one", Fields: "rt_priority policy",
		Text: rtText, Compare: by(func(_ *Look, r fleet.Row) uint32 { return r.Process.RTPriority }), Field: "rt_priority",
	},
	lastCPUColumn,
	alias(lastCPUColumn, "cpuid", "CPUID", 5),
	same(lastCPUColumn, "lastcpu", "C"),
	waitColumn,
	same(waitColumn, "wname", "WCHAN"),
	{
		Key: "sgi_p", Header: "P", Width: 1, Help: "CPU that it runs on, * where it does not", Fields: "state cpu",
		Text: func(_ *Look, r fleet.Row) string {
			if r.Process.State == "R" {
				return decimal(r.Process.CPU)
			}
			return "*"
		},
		Compare: stateColumn.Compare, Field: "state",
	},
}

// priority is one of the ways to count /proc/PID/stat field 18. All of them sort
// by the kernel's own number, as in ps.
func priority(key, header, help string, count func(int32) int32) Column {
	return Column{
		Key: key, Header: header, Width: 3, Help: help, Fields: "priority",
		Text:    func(_ *Look, r fleet.Row) string { return decimal(count(r.Process.Priority)) },
		Compare: by(func(_ *Look, r fleet.Row) int32 { return r.Process.Priority }), Field: "priority",
	}
}

func flagText(_ *Look, r fleet.Row) string {
	return strconv.FormatUint(uint64(r.Process.Flags&(flagForkNoExec|flagSuperPriv)>>flagShift), 8)
}

func classText(_ *Look, r fleet.Row) string {
	if p := r.Process.Policy; p < uint32(len(policies)) {
		return policies[p]
	}
	return fmt.Sprintf("#%d", r.Process.Policy)
}

// niceText has a number for the classes that heed it: SCHED_OTHER and SCHED_BATCH.
func niceText(_ *Look, r fleet.Row) string {
	if p := r.Process.Policy; p != 0 && p != 3 {
		return "-"
	}
	return decimal(r.Process.Nice)
}

// rtText is - for SCHED_OTHER alone.
func rtText(_ *Look, r fleet.Row) string {
	if r.Process.Policy == 0 {
		return "-"
	}
	return decimal(r.Process.RTPriority)
}

// lockFact is the memory that is locked, the L of stat: read on this host alone.
const lockFact = "status VmLck"

// statText is the state and what else ps tells beside it.
func statText(l *Look, r fleet.Row) string {
	p := r.Process
	s := Clean(p.State)
	switch {
	case p.Nice < 0:
		s += "<"
	case p.Nice > 0:
		s += "N"
	}
	if l.count(r, lockFact) > 0 {
		s += "L"
	}
	if p.SID == p.PID {
		s += "s"
	}
	if p.Threads > 1 {
		s += "l"
	}
	if p.PGID == p.TPGID {
		s += "+"
	}
	return s
}
