package main

import (
	"io"
	"os"
	"strconv"
	"strings"

	"golang.org/x/term"
)

// A terminal that does not tell its size has that of the first ones; more than
// maxScreen is none.
const (
	defaultColumns = 80
	defaultRows    = 24
	maxScreen      = 128 << 10
)

// screen is how many columns and lines there are, 0 for no limit, and whether out
// is a terminal. What is no terminal has no end on the right; its pages are those
// of the terminal that is left, as with ps. COLUMNS and LINES count before both.
func screen(out io.Writer) (columns, rows int, terminal bool) {
	f, _ := out.(*os.File)
	terminal = f != nil && term.IsTerminal(int(f.Fd()))
	columns, rows = size(f)
	if !terminal {
		columns = 0
	}
	if n := variable("COLUMNS"); n > 0 {
		columns = n
	}
	if n := variable("LINES"); n > 0 {
		rows = n
	}
	return columns, rows, terminal
}

// size is that of the first of our files that is a terminal.
func size(out *os.File) (columns, rows int) {
	for _, f := range []*os.File{out, os.Stderr, os.Stdin} {
		if f == nil {
			continue
		}
		if columns, rows, err := term.GetSize(int(f.Fd())); err == nil && columns > 0 && rows > 0 {
			return columns, rows
		}
	}
	return defaultColumns, defaultRows
}

// variable is a number in the environment; 0 where there is none.
func variable(name string) int {
	n, err := strconv.ParseUint(os.Getenv(name), 0, 31)
	if err != nil || n >= maxScreen {
		return 0
	}
	return int(n)
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
