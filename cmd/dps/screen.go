package main

import (
	"cmp"
	"fmt"
	"io"
	"os"
	"strings"

	"golang.org/x/sys/unix"
	"golang.org/x/term"

	"ddcos/dps"
)

// A terminal that does not tell its size has that of the first ones; a line that
// has no end is so long for ps.
const (
	defaultColumns = 80
	defaultRows    = 24
	endless        = 128 << 10
)

// Sizes of a screen on which ps expects trouble.
const (
	minColumns = 9
	minRows    = 2
)

// screen is how many columns and lines there are, 0 for no limit, and whether out
// is a terminal. What is no terminal has no end on the right; its pages are those
// of the terminal that is left, as with ps. COLUMNS and LINES count before both.
func screen(out io.Writer, env dps.Env) (columns, rows int, terminal bool) {
	f, _ := out.(*os.File)
	terminal = isTerminal(out)
	columns, rows = size(f)
	if !terminal {
		columns = 0
	}
	return cmp.Or(env.Columns, columns), cmp.Or(env.Lines, rows), terminal
}

func isTerminal(out io.Writer) bool {
	f, _ := out.(*os.File)
	return f != nil && term.IsTerminal(int(f.Fd()))
}

// trouble is what ps says of a screen that is too small; "" for others.
func trouble(columns, rows int) string {
	columns = cmp.Or(columns, endless)
	if columns >= minColumns && rows >= minRows {
		return ""
	}
	return fmt.Sprintf("your %dx%d screen size is bogus. expect trouble", columns, rows)
}

// size is that of the first of our files that is a terminal, else of the one that
// this process belongs to.
func size(out *os.File) (columns, rows int) {
	own, err := os.OpenFile("/dev/tty", os.O_RDONLY|unix.O_NOCTTY|unix.O_NONBLOCK, 0)
	if err == nil {
		defer func() { _ = own.Close() }() // it was only asked
	}
	for _, f := range []*os.File{out, os.Stderr, os.Stdin, own} {
		if f == nil {
			continue
		}
		if columns, rows, err := term.GetSize(int(f.Fd())); err == nil && columns > 0 && rows > 0 {
			return columns, rows
		}
	}
	return defaultColumns, defaultRows
}

// isUTF8 tells whether the locale's characters are those of Unicode. Where
// nothing is told it is the C locale, and they are those of ASCII.
func isUTF8(getenv func(string) string) bool {
	for _, name := range []string{"LC_ALL", "LC_CTYPE", "LANG"} {
		if locale := getenv(name); locale != "" {
			locale = strings.ToLower(strings.ReplaceAll(locale, "-", ""))
			return strings.Contains(locale, "utf8")
		}
	}
	return false
}
