package dps_test

import (
	"slices"
	"strconv"
	"strings"
	"testing"

	"ddcos/dps"
)

// On a screen of any width a number of a grid is shown whole or not at all; a text may
// be cut.
func TestGridOnScreens(t *testing.T) {
	lines := func(args ...string) []string {
		out, _, _ := over(t, twoHosts(), args...)
		return strings.Split(strings.TrimSuffix(out, "\n"), "\n")
	}
	for _, args := range [][]string{{"--by", "user"}, {"--fleet"}, {"--peers", "--by", "host"}} {
		whole := lines(args...)
		for cols := 1; cols <= len(whole[0])+1; cols++ {
			narrow := lines(append(args, "--cols", strconv.Itoa(cols))...)
			if len(narrow) != len(whole) {
				t.Fatalf("%q in %d columns: %d lines of %d", args, cols, len(narrow), len(whole))
			}
			for i, line := range narrow {
				if !strings.HasPrefix(whole[i], line) || dps.Width(line) > cols {
					t.Fatalf("%q in %d columns:\n%s\nof\n%s", args, cols, line, whole[i])
				}
				got, want := strings.Fields(line), strings.Fields(whole[i])
				if args[0] == "--by" && len(got) > 1 && !slices.Equal(got, want[:len(got)]) {
					t.Errorf("%q in %d columns cuts a number:\n%s\nof\n%s", args, cols, line, whole[i])
				}
			}
		}
	}
}
