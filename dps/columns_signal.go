package dps

import (
	"strings"

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
	fact := "status " + name
	c := told(key, header, shortWidth, Left, fact, help, func(l *Look, r fleet.Row) string {
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
