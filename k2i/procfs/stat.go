package procfs

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"strconv"

	"ddcos/k2i"
)

// Stat is what is used of /proc/PID/stat; the numbers are its fields, from 1.
type Stat struct {
	PID        int32  // 1
	Comm       string // 2, without the parentheses
	State      byte   // 3
	PPID       int32  // 4
	PGID       int32  // 5
	SID        int32  // 6
	TTYNr      uint32 // 7, printed signed
	TPGID      int32  // 8
	Flags      uint32 // 9
	MinFlt     uint64 // 10
	ChildMin   uint64 // 11, of children that were waited for
	MajFlt     uint64 // 12
	ChildMaj   uint64 // 13
	UserTicks  uint64 // 14
	SysTicks   uint64 // 15
	ChildUser  int64  // 16, ticks; printed signed
	ChildSys   int64  // 17
	Priority   int32  // 18
	Nice       int32  // 19
	Threads    int32  // 20
	StartTicks uint64 // 22
	VSZBytes   uint64 // 23
	RSSPages   int64  // 24
	ExitSignal int32  // 38
	CPU        int32  // 39
	RTPriority uint32 // 40
	Policy     uint32 // 41
}

// statFields is how many fields are looked at; later kernels have more.
const statFields = 41

// maxTicks keeps ticks within what nanoseconds in 64 bits can hold: 584 years.
const maxTicks = 1<<64/nsPerTick - 1

// maxPages keeps pages, of 64 KiB at most, within what 64 bits can hold in bytes.
const maxPages = 1<<48 - 1

// nsPerTick is the unit of times in stat: USER_HZ is 100 on every architecture
// that matters here.
const nsPerTick = 10_000_000

var errStat = errors.New("stat: malformed")

// ParseStat reads the text of /proc/PID/stat. The name between the parentheses
// is chosen by the process and may hold blanks, newlines and parentheses: it
// ends at the last one.
func ParseStat(b []byte) (Stat, error) {
	open, end := bytes.IndexByte(b, '('), bytes.LastIndexByte(b, ')')
	if open < 2 || b[open-1] != ' ' || end < open || end+2 >= len(b) || b[end+1] != ' ' {
		return Stat{}, errStat
	}
	var fields [statFields + 1][]byte // by their number
	rest := b[end+1:]
	for i := 3; i <= statFields; i++ {
		fields[i], rest = nextField(rest)
		if len(fields[i]) == 0 {
			return Stat{}, fmt.Errorf("%w: field %d is missing", errStat, i)
		}
	}
	n := numbers{fields: fields[:]}
	fields[1] = b[:open-1]
	s := Stat{
		Comm: string(b[open+1 : end]), State: fields[3][0],
		PID: n.i32(1), PPID: n.i32(4), PGID: n.i32(5), SID: n.i32(6),
		TTYNr: uint32(n.i32(7)), TPGID: n.i32(8), Flags: n.u32(9),
		MinFlt: n.u64(10), MajFlt: n.u64(12), UserTicks: n.u64(14), SysTicks: n.u64(15),
		ChildMin: n.u64(11), ChildMaj: n.u64(13), ChildUser: n.i64(16), ChildSys: n.i64(17),
		Priority: n.i32(18), Nice: n.i32(19), Threads: n.i32(20), StartTicks: n.u64(22),
		VSZBytes: n.u64(23), RSSPages: n.i64(24), ExitSignal: n.i32(38), CPU: n.i32(39),
		RTPriority: n.u32(40), Policy: n.u32(41),
	}
	if n.bad || len(fields[3]) != 1 || !s.possible() {
		return Stat{}, errStat
	}
	return s, nil
}

// possible rules out what no kernel says, and what would overflow in other units.
func (s *Stat) possible() bool {
	letter := s.State | 0x20 // lower case
	return s.PID > 0 && 'a' <= letter && letter <= 'z' &&
		max(s.UserTicks, s.SysTicks, s.StartTicks) <= maxTicks/2 && s.RSSPages <= maxPages &&
		max(s.ChildMin, s.ChildMaj) <= math.MaxInt64 && max(s.ChildUser, s.ChildSys) <= maxTicks/2
}

// nextField cuts one field, and the blank before it, off b.
func nextField(b []byte) (field, rest []byte) {
	b = bytes.TrimLeft(b, " ")
	if i := bytes.IndexAny(b, " \n"); i >= 0 {
		return b[:i], b[i:]
	}
	return b, nil
}

// numbers reads fields of decimal numbers and remembers whether one was none.
type numbers struct {
	fields [][]byte
	bad    bool
}

func (n *numbers) u64(i int) uint64 { return n.unsigned(i, 64) }
func (n *numbers) u32(i int) uint32 { return uint32(n.unsigned(i, 32)) }
func (n *numbers) i64(i int) int64  { return n.signed(i, 64) }
func (n *numbers) i32(i int) int32  { return int32(n.signed(i, 32)) }

func (n *numbers) unsigned(i, bits int) uint64 {
	v, err := strconv.ParseUint(string(n.fields[i]), 10, bits)
	n.bad = n.bad || err != nil
	return v
}

func (n *numbers) signed(i, bits int) int64 {
	v, err := strconv.ParseInt(string(n.fields[i]), 10, bits)
	n.bad = n.bad || err != nil
	return v
}

// pfKthread is the flag of kernel threads (include/linux/sched.h).
const pfKthread = 0x00200000

// stat fills in what /proc/PID/stat knows.
func (r *reader) stat(p *k2i.Process) error {
	b, err := r.file("stat", MaxFile)
	if err != nil {
		return err
	}
	s, err := ParseStat(b)
	if err != nil {
		return err
	}
	*p = k2i.Blank()
	p.PID, p.PPID, p.StartTicks, p.StartNS = s.PID, s.PPID, s.StartTicks, s.StartTicks*nsPerTick
	p.PGID, p.SID, p.TTYNr, p.TPGID = s.PGID, s.SID, s.TTYNr, s.TPGID
	p.State, p.Flags, p.Kernel = string(rune(s.State)), s.Flags, s.Flags&pfKthread != 0
	p.Comm, p.ExitSignal = s.Comm, s.ExitSignal
	p.CPUNS = (s.UserTicks + s.SysTicks) * nsPerTick
	p.UserNS, p.SystemNS = s.UserTicks*nsPerTick, s.SysTicks*nsPerTick
	p.Threads, p.MinFlt, p.MajFlt = s.Threads, s.MinFlt, s.MajFlt
	p.ChildrenMinFlt, p.ChildrenMajFlt = k2i.Count(s.ChildMin), k2i.Count(s.ChildMaj)
	p.ChildrenUserNS, p.ChildrenSystemNS = k2i.Count(max(s.ChildUser*nsPerTick, -1)), k2i.Count(max(s.ChildSys*nsPerTick, -1))
	p.VSZBytes, p.RSSBytes = s.VSZBytes, uint64(max(s.RSSPages, 0))*r.page
	p.Nice, p.Priority, p.RTPriority, p.Policy, p.CPU = s.Nice, s.Priority, s.RTPriority, s.Policy, s.CPU
	return nil
}
