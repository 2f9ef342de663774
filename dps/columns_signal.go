package dps

import (
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"ddcos/k2i/fleet"
)

// Widths of a mask of 64 signals: whole, and where the screen is too narrow.
const (
	maskWidth  = 16
	shortWidth = 9
)

// The columns that others are named after.
var (
	pendingColumn = mask("pending", "PENDING", "ShdPnd", "signals pending for the whole process")
	blockedColumn = mask("blocked", "BLOCKED", "SigBlk", "signals that are blocked")
	ignoredColumn = mask("ignored", "IGNORED", "SigIgn", "signals that are ignored")
	caughtColumn  = mask("caught", "CAUGHT", "SigCgt", "signals that are caught")
)

// signalColumns are masks of signals, in hexadecimal.
var signalColumns = []Column{
	pendingColumn,
	same(pendingColumn, "sig", "PENDING"),
	same(pendingColumn, "sig_pend", "SIGNAL"),
	mask("tsig", "PENDING", "SigPnd", "signals pending for the thread alone"),
	blockedColumn,
	same(blockedColumn, "sig_block", "BLOCKED"),
	same(blockedColumn, "sigmask", "BLOCKED"),
	ignoredColumn,
	same(ignoredColumn, "sig_ignore", "IGNORED"),
	same(ignoredColumn, "sigignore", "IGNORED"),
	caughtColumn,
	same(caughtColumn, "sig_catch", "CATCHED"),
	same(caughtColumn, "sigcatch", "CAUGHT"),
}

func mask(key, header, name, help string) Column {
	process, thread := "status "+name, "status "+strings.Replace(name, "ShdPnd", "SigPnd", 1)
	c := told(key, header, shortWidth, Left, process+","+thread, help, func(l *Look, r fleet.Row) string {
		fact := process
		if e := l.extras[r.Process]; e != nil && e.tid != 0 && e.tid != r.Process.PID {
			fact = thread // what is pending for a thread is its own, as ps has it
		}
		if text := l.fact(r, fact); text != "" {
			return text
		}
		return strings.Repeat("0", maskWidth)
	})
	c.Mask = true
	return c
}

// shortMask is the lower half of a mask, marked where the upper half says more.
func shortMask(text string) string {
	if len(text) != maskWidth {
		return text
	}
	high, low := text[:maskWidth/2], text[maskWidth/2:]
	if strings.Trim(high, "0") != "" {
		return "<" + low
	}
	return low
}

// signalNamesWidth is what names of signals get at least.
const signalNamesWidth = 27

// realTime is the first real-time signal that the C library leaves to programs.
const realTime = 34

// signalNames are the signals of a mask by name, in room columns: where not all
// find room, a plus sign stands for the rest.
func signalNames(mask string, room int) string {
	bits, err := strconv.ParseUint(mask, 16, 64)
	if err != nil || bits == 0 {
		return "-"
	}
	var b strings.Builder
	for n := 1; n <= 64; n++ {
		if bits&(1<<(n-1)) == 0 {
			continue
		}
		name := signalName(n)
		if b.Len() > 0 {
			name = "," + name
		}
		if rest := bits >> n << n; b.Len()+len(name) > room || rest != 0 && b.Len()+len(name)+1 > room {
			b.WriteString("+")
			break
		}
		b.WriteString(name)
	}
	return b.String()
}

// signalName is TERM for 15; real-time signals are counted from the first.
func signalName(n int) string {
	switch {
	case n == realTime:
		return "RTMIN"
	case n == 64:
		return "RTMAX"
	case n > realTime:
		return "RTMIN+" + strconv.Itoa(n-realTime)
	}
	if name := strings.TrimPrefix(unix.SignalName(unix.Signal(n)), "SIG"); name != "" {
		return name
	}
	return "LIBC+" + strconv.Itoa(n-32)
}
