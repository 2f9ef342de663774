package k2i

import (
	"slices"
	"strings"
	"testing"
)

func TestSplitArgsHostile(t *testing.T) {
	full := strings.Repeat("x", MaxArgs)
	for name, c := range map[string]struct {
		raw  string
		want []string
	}{
		"none":                 {"", []string{}},
		"only NULs":            {strings.Repeat("\x00", 2*MaxArgs), []string{}},
		"one":                  {"cat\x00", []string{"cat"}},
		"without its NUL":      {"cat", []string{"cat"}},
		"empty ones inside":    {"\x00\x00a\x00", []string{"", "", "a"}},
		"padded title":         {"a title\x00\x00\x00", []string{"a title"}},
		"bytes as they are":    {"\x1b[2J\x00\xff\n", []string{"\x1b[2J", "\xff\n"}},
		"as long as may be":    {full, []string{full}},
		"one byte too long":    {full + "y\x00", []string{full}},
		"cut at its NUL":       {full + "\x00y\x00", []string{full}},
		"cut inside the next":  {full[:MaxArgs-2] + "\x00yz\x00", []string{full[:MaxArgs-2], "y"}},
		"NULs beyond the end":  {"a" + strings.Repeat("\x00", MaxArgs) + "b", []string{"a"}},
		"nothing but the tail": {strings.Repeat("\x00", MaxArgs) + "b", []string{}},
	} {
		if got := SplitArgs([]byte(c.raw)); got == nil || !slices.Equal(got, c.want) {
			t.Errorf("%s: got %.80q", name, got)
		}
	}
}

// What is kept of a command line is its own: the reader's buffer is used again.
func TestSplitArgsCopies(t *testing.T) {
	raw := []byte("cat\x00-n\x00")
	args := SplitArgs(raw)
	clear(raw)
	if !slices.Equal(args, []string{"cat", "-n"}) {
		t.Errorf("got %q", args)
	}
}
