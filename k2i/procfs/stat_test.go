package procfs

import (
	"bytes"
	"errors"
	"math"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"ddcos/k2i"
)

// statValues are the fields from 3 on of a process that differs in all of them.
const statValues = "S 4 5 6 -2147483648 8 9 10 11 12 13 14 15 -16 -17 18 -19 20 21 22 23 24 25 26 27 28 29 30 31 32 33 34 35 36 37 17 3 40 41 42 43 44 45 46 47 48 49 50 51 0"

// statLine is a line of stat with another beginning, "PID (comm)", and other fields.
func statLine(head string, fields map[int]string) string {
	values := strings.Fields(statValues)
	for i, v := range fields {
		values[i-3] = v
	}
	return head + " " + strings.Join(values, " ") + "\n"
}

func TestParseStat(t *testing.T) {
	got, err := ParseStat([]byte(statLine("42 (cat)", nil)))
	want := Stat{
		PID: 42, Comm: "cat", State: 'S', PPID: 4, PGID: 5, SID: 6, TTYNr: 1 << 31, TPGID: 8, Flags: 9,
		MinFlt: 10, MajFlt: 12, UserTicks: 14, SysTicks: 15, Priority: 18, Nice: -19, Threads: 20,
		ChildMin: 11, ChildMaj: 13, ChildUser: -16, ChildSys: -17, StartTicks: 22, VSZBytes: 23, RSSPages: 24, ExitSignal: 17, CPU: 3, RTPriority: 40, Policy: 41,
	}
	if err != nil || got != want {
		t.Errorf("got %+v, %v\nwant %+v", got, err, want)
	}
}

func TestParseStatNames(t *testing.T) {
	for _, comm := range []string{
		"", " ", ")", "(", "))", ") R 1 1 1 1", "a\nb", "x) S 1 2\n3 (y", "\x1b[2J", "\xff\xfe", "kworker/u8:2-events_unbound",
		"123456789012345", "\u202e", "a\x00b", "42 (cat) S 4 5",
	} {
		s, err := ParseStat([]byte(statLine("7 ("+comm+")", nil)))
		if err != nil || s.Comm != comm || s.PID != 7 || s.PPID != 4 || s.Policy != 41 {
			t.Errorf("comm %q: got %q of pid %d, ppid %d, policy %d, %v", comm, s.Comm, s.PID, s.PPID, s.Policy, err)
		}
	}
}

func TestParseStatRefuses(t *testing.T) {
	whole := statLine("42 (cat)", nil)
	for name, text := range map[string]string{
		"nothing":          "",
		"a newline":        "\n",
		"no name":          strings.Replace(whole, "(cat)", "cat", 1),
		"no end of name":   strings.Replace(whole, ")", "", 1),
		"turned name":      strings.Replace(whole, "(cat)", ")cat(", 1),
		"no pid":           statLine("(cat)", nil),
		"pid and no gap":   statLine("42x(cat)", nil),
		"name and no gap":  strings.Replace(whole, "(cat) ", "(cat)", 1),
		"pid 0":            statLine("0 (cat)", nil),
		"negative pid":     statLine("-1 (cat)", nil),
		"pid too big":      statLine("2147483648 (cat)", nil),
		"long state":       statLine("1 (cat)", map[int]string{3: "SS"}),
		"state no letter":  statLine("1 (cat)", map[int]string{3: "\x1b"}),
		"state a digit":    statLine("1 (cat)", map[int]string{3: "4"}),
		"state not ASCII":  statLine("1 (cat)", map[int]string{3: "\xe4"}),
		"word":             statLine("1 (cat)", map[int]string{4: "x"}),
		"hexadecimal":      statLine("1 (cat)", map[int]string{4: "0x1"}),
		"fraction":         statLine("1 (cat)", map[int]string{14: "1.5"}),
		"negative ticks":   statLine("1 (cat)", map[int]string{14: "-1"}),
		"ticks too big":    statLine("1 (cat)", map[int]string{15: "18446744073709551615"}),
		"too many faults":  statLine("1 (cat)", map[int]string{11: "9223372036854775808"}),
		"children's ticks": statLine("1 (cat)", map[int]string{17: strconv.FormatUint(maxTicks/2+1, 10)}),
		"start too late":   statLine("1 (cat)", map[int]string{22: strconv.FormatUint(maxTicks/2+1, 10)}),
		"over 64 bits":     statLine("1 (cat)", map[int]string{23: "18446744073709551616"}),
		"pages too many":   statLine("1 (cat)", map[int]string{24: "9223372036854775807"}),
		"CPU over int":     statLine("1 (cat)", map[int]string{39: "4294967295"}),
		"newline between":  strings.Replace(whole, " 5 ", " 5\n", 1),
	} {
		if s, err := ParseStat([]byte(text)); !errors.Is(err, errStat) || s != (Stat{}) {
			t.Errorf("%s: got %+v, %v", name, s, err)
		}
	}
	// Whole up to field 41, cut anywhere before it.
	last := strings.Index(whole, " 41 ")
	for i := range last {
		if s, err := ParseStat([]byte(whole[:i])); !errors.Is(err, errStat) {
			t.Fatalf("cut after %d bytes: got %+v, %v", i, s, err)
		}
	}
	if _, err := ParseStat([]byte(whole[:last+3])); err != nil {
		t.Errorf("an old kernel's, which ends at field 41: %v", err)
	}
}

func TestParseStatLimits(t *testing.T) {
	most := strconv.FormatUint(maxTicks/2, 10)
	s, err := ParseStat([]byte(statLine("2147483647 (x)", map[int]string{14: most, 15: most, 22: most, 24: "-3"})))
	if err != nil || s.RSSPages != -3 || s.UserTicks != maxTicks/2 {
		t.Fatalf("got %+v, %v", s, err)
	}
	if sum := s.UserTicks + s.SysTicks; sum*nsPerTick/nsPerTick != sum {
		t.Error("ticks overflow as nanoseconds")
	}
	if pages := uint64(maxPages); pages > math.MaxUint64/65536 {
		t.Error("pages overflow as bytes")
	}
}

func TestStatOfProcess(t *testing.T) {
	tr := newTree(t)
	tr.process(9)
	tr.write("9/stat", statLine("9 ([kthreadd]) x)", map[int]string{9: "2097152", 24: "-5"}))
	p, err := tr.open().Process(9)
	if err != nil {
		t.Fatal(err)
	}
	same(t, "comm", p.Comm, "[kthreadd]) x")
	same(t, "kernel", p.Kernel, true)
	same(t, "a counter of pages below zero", p.RSSBytes, 0)
	same(t, "start", p.StartNS, 220_000_000)
	same(t, "CPU time", p.CPUNS, 290_000_000)
	same(t, "children's time that is below zero", p.ChildrenSystemNS, k2i.Unread)
	same(t, "children's faults", p.ChildrenMinFlt, 11)
	same(t, "arguments of a kernel thread", len(p.Args), 0)
	if p.Args == nil || p.RCPU.Known() || p.PidfdInode >= 0 {
		t.Errorf("args %v, rcpu %v, inode %d", p.Args, p.RCPU, p.PidfdInode)
	}
}

// lenient are numerals that the library reads otherwise: octal, hexadecimal,
// with underscores or a plus sign, two run together. The kernel writes none of them.
var lenient = regexp.MustCompile(`[0-9]-|[ \n\t]-?0[0-9_]|[xXoObB_+]|[^\x20-\x7e\n]`)

func FuzzStat(f *testing.F) {
	o := newOracle(f, "stat")
	f.Add([]byte(statLine("42 (cat)", nil)))
	f.Add([]byte(statLine("1 () R 1 (\n)", map[int]string{7: "34816", 8: "-1"})))
	f.Add([]byte(statLine("2147483647 (\x1b[2J)", map[int]string{24: "-1", 18: "-100"})))
	f.Fuzz(func(t *testing.T, b []byte) {
		s, err := ParseStat(b)
		if err != nil {
			if s != (Stat{}) {
				t.Errorf("%v with %+v", err, s)
			}
			return
		}
		if !s.possible() || !bytes.Contains(b, []byte("("+s.Comm+")")) {
			t.Errorf("impossible %+v of %q", s, b)
		}
		o.set(t, b)
		want, err := o.proc.Stat()
		if err != nil || lenient.Match(b[bytes.LastIndexByte(b, ')'):]) {
			return
		}
		same(t, "comm", s.Comm, want.Comm)
		same(t, "state", string(rune(s.State)), want.State)
		same(t, "ppid", int(s.PPID), want.PPID)
		same(t, "pgid", int(s.PGID), want.PGRP)
		same(t, "sid", int(s.SID), want.Session)
		same(t, "tty", s.TTYNr, uint32(int32(want.TTY)))
		same(t, "tpgid", int(s.TPGID), want.TPGID)
		same(t, "flags", uint(s.Flags), want.Flags)
		same(t, "minflt", uint(s.MinFlt), want.MinFlt)
		same(t, "majflt", uint(s.MajFlt), want.MajFlt)
		same(t, "cminflt", uint(s.ChildMin), want.CMinFlt)
		same(t, "cmajflt", uint(s.ChildMaj), want.CMajFlt)
		same(t, "cutime", int(s.ChildUser), want.CUTime)
		same(t, "cstime", int(s.ChildSys), want.CSTime)
		same(t, "utime", uint(s.UserTicks), want.UTime)
		same(t, "stime", uint(s.SysTicks), want.STime)
		same(t, "priority", int(s.Priority), want.Priority)
		same(t, "nice", int(s.Nice), want.Nice)
		same(t, "threads", int(s.Threads), want.NumThreads)
		same(t, "start", s.StartTicks, want.Starttime)
		same(t, "vsz", uint(s.VSZBytes), want.VSize)
		same(t, "rss", int(s.RSSPages), want.RSS)
		same(t, "cpu", uint(s.CPU), want.Processor)
		same(t, "rtprio", uint(s.RTPriority), want.RTPriority)
		same(t, "policy", uint(s.Policy), want.Policy)
	})
}
