package dps

import (
	"fmt"
	"strconv"
	"strings"

	"ddcos/k2i/fleet"
)

// codeFacts are the bounds of a program's code, /proc/PID/stat fields 26 and 27.
const codeFacts = "stat 26,stat 27"

// noLogin is the login user id of who did not log in: (uid_t)-1.
const noLogin = "4294967295"

// unlimited is a resource limit that is none: ~0.
const unlimited = "18446744073709551615"

// The columns that others are named after.
var (
	codeColumn = told("trs", "TRS", 4, Right, codeFacts, "code, KiB",
		func(l *Look, r fleet.Row) string { return decimal(codeBytes(l, r) / 1024) })
	dataColumn = from("vsz_bytes", told("drs", "DRS", 5, Right, codeFacts, "address space without code, KiB",
		func(l *Look, r fleet.Row) string { return decimal((r.Process.VSZBytes - codeBytes(l, r)) / 1024) }))
	stackColumn = address("stackp", "STACKP", "stat 28", "bottom of the stack")
)

// factColumns are memory, I/O and what else is read on demand.
var factColumns = []Column{
	told("size", "SIZE", 5, Right, "status VmData,status VmStk", "data and stack, KiB", func(l *Look, r fleet.Row) string {
		return decimal(l.count(r, "status VmData") + l.count(r, "status VmStk"))
	}),
	codeColumn,
	alias(codeColumn, "trss", "TRSS", 4),
	alias(codeColumn, "tsiz", "TSIZ", 4),
	alias(codeColumn, "m_trs", "TRS", 5),
	dataColumn,
	alias(dataColumn, "dsiz", "DSIZ", 4),
	alias(dataColumn, "m_drs", "DRS", 5),
	number("m_size", "SIZE", 5, "vsz_bytes", "address space, bytes", vszBytes),
	told("lim", "LIM", 5, Right, "stat 25", "limit of resident memory, xx for none", func(l *Look, r fleet.Row) string {
		if l.fact(r, "stat 25") == unlimited {
			return "xx"
		}
		return fmt.Sprintf("%5d", l.count(r, "stat 25")/1024)
	}),
	counter("pss", "PSS", 5, "smaps_rollup Pss", "resident memory, what is shared by its share, KiB"),
	told("uss", "USS", 5, Right, "smaps_rollup Private_Clean,smaps_rollup Private_Dirty", "resident memory of its own, KiB",
		func(l *Look, r fleet.Row) string {
			return decimal(l.count(r, "smaps_rollup Private_Clean") + l.count(r, "smaps_rollup Private_Dirty"))
		}),
	counter("htprv", "HTPRV", 5, "smaps_rollup Private_Hugetlb", "huge pages of its own, KiB"),
	counter("htshr", "HTSHR", 5, "smaps_rollup Shared_Hugetlb", "huge pages that are shared, KiB"),
	told("fds", "FDS", 3, Right, "fd", "open files", func(l *Look, r fleet.Row) string { return orDash(l.fact(r, "fd")) }),
	counter("rchars", "RCHARS", 5, "io rchar", "bytes read by calls"),
	counter("wchars", "WCHARS", 5, "io wchar", "bytes written by calls"),
	counter("rops", "ROPS", 5, "io syscr", "calls that read"),
	counter("wops", "WOPS", 5, "io syscw", "calls that write"),
	counter("wcbytes", "WCBYTES", 5, "io cancelled_write_bytes", "bytes whose writing was called off"),
	counter("oom", "OOM", 4, "oom_score", "how likely it is killed when memory runs out"),
	told("oomadj", "OOMADJ", 5, Right, "oom_score_adj", "what is added to that", func(l *Look, r fleet.Row) string {
		return orZero(strings.TrimSpace(l.fact(r, "oom_score_adj")))
	}),
	told("pcap", "PCAP", maskWidth, Right, capFact, "capabilities that it may use, a mask", func(l *Look, r fleet.Row) string {
		return orDash(l.fact(r, capFact))
	}),
	told("pcaps", "PCAPS", maskWidth, Right, capFact, "the same by name", func(l *Look, r fleet.Row) string {
		return capabilityNames(l.fact(r, capFact))
	}),
	told("luid", "LUID", 5, Right, "loginuid", "user id of the login", func(l *Look, r fleet.Row) string {
		if id := strings.TrimSpace(l.fact(r, "loginuid")); id != noLogin {
			return orDash(id)
		}
		return "-"
	}),
	told("ag_id", "AGID", 5, Right, "autogroup", "scheduler's autogroup", func(l *Look, r fleet.Row) string {
		id, _ := autogroup(l.fact(r, "autogroup"))
		return id
	}),
	told("ag_nice", "AGNI", 4, Right, "autogroup", "nice value of its autogroup", func(l *Look, r fleet.Row) string {
		_, nice := autogroup(l.fact(r, "autogroup"))
		return nice
	}),
	told("numa", "NUMA", 4, Right, "node", "memory node of the CPU that it last ran on", func(l *Look, r fleet.Row) string {
		return orZero(l.fact(r, "node"))
	}),
	stackColumn,
	same(stackColumn, "start_stack", "STACKP"),
	address("esp", "ESP", "stat 29", "stack pointer, 0 unless it is ending"),
	address("eip", "EIP", "stat 30", "instruction pointer, 0 unless it is ending"),
	told("exe", "EXE", 27, Open, "exe", "path of its program", func(l *Look, r fleet.Row) string { return orDash(l.fact(r, "exe")) }),
	told("context", "CONTEXT", 31, Left, "attr/current", "security label", label),
	told("label", "LABEL", 31, Left, "attr/current", "security label", label),
	told("zone", "ZONE", 31, Left, "attr/current", "security label", label),
	namespace("cgroupns", "CGROUPNS", "cgroup"),
	namespace("ipcns", "IPCNS", "ipc"),
	namespace("mntns", "MNTNS", "mnt"),
	namespace("netns", "NETNS", "net"),
	namespace("pidns", "PIDNS", "pid"),
	namespace("timens", "TIMENS", "time"),
	namespace("userns", "USERNS", "user"),
	namespace("utsns", "UTSNS", "uts"),
}

// codeBytes is the size of the program's code. The kernel tells who may not look
// that it is empty.
func codeBytes(l *Look, r fleet.Row) uint64 {
	start, end := l.count(r, "stat 26"), l.count(r, "stat 27")
	return min(max(end, start)-start, r.Process.VSZBytes)
}

// address is a column of one field of stat, in hexadecimal.
func address(key, header, fact, help string) Column {
	return told(key, header, 16, Right, fact, help, func(l *Look, r fleet.Row) string {
		return fmt.Sprintf("%016x", l.count(r, fact))
	})
}

// label is the security module's, without what ends it.
func label(l *Look, r fleet.Row) string {
	text, _, _ := strings.Cut(l.fact(r, "attr/current"), "\n")
	return orDash(strings.TrimRight(text, "\x00"))
}

// namespace is the inode of one of its namespaces.
func namespace(key, header, name string) Column {
	fact := "ns/" + name
	return told(key, header, 10, Right, fact, "inode of its "+name+" namespace", func(l *Look, r fleet.Row) string {
		_, after, _ := strings.Cut(l.fact(r, fact), "[")
		return orDash(strings.TrimSuffix(after, "]"))
	})
}

// autogroup reads "/autogroup-ID nice N"; -1 and 0 where there is none.
func autogroup(text string) (id, nice string) {
	id, nice, _ = strings.Cut(strings.TrimSpace(strings.TrimPrefix(text, "/autogroup-")), " nice ")
	if _, err := strconv.Atoi(id); err != nil {
		return "-1", "0"
	}
	return id, nice
}

func orZero(s string) string {
	if s == "" {
		return "0"
	}
	return s
}
