package dps

import (
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"unicode"
)

// newcomers is how many characters the C library of a machine may not know yet.
const newcomers = 10_000

// libraryWidths is how many columns the C library counts for each text, by way of wc.
func libraryWidths(t *testing.T, texts []string) []int {
	t.Helper()
	dir := t.TempDir()
	files := make([]string, len(texts))
	for i, text := range texts {
		files[i] = filepath.Join(dir, strconv.Itoa(i))
		if err := os.WriteFile(files[i], []byte(text+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	cmd := exec.CommandContext(t.Context(), "wc", append([]string{"-L"}, files...)...) //nolint:gosec // the test's own
	cmd.Env = []string{"LC_ALL=C.UTF-8"}
	out, err := cmd.Output()
	if err != nil {
		t.Skip("no wc that counts columns: ", err)
	}
	widths := make([]int, len(texts))
	for i, line := range strings.Split(string(out), "\n")[:len(texts)] {
		if widths[i], err = strconv.Atoi(strings.Fields(line)[0]); err != nil {
			t.Fatal(err)
		}
	}
	return widths
}

// Every character that is shown is as wide as the C library has it, which ps asks;
// but for those that it does not know yet.
func TestWidthsAgainstC(t *testing.T) {
	var blocks []string
	for first := rune(0x80); first <= unicode.MaxRune; first += 0x80 {
		var b strings.Builder
		for r := first; r < first+0x80; r++ {
			if shown(r) {
				b.WriteRune(r)
			}
		}
		if b.Len() > 0 {
			blocks = append(blocks, b.String())
		}
	}
	var doubtful []string
	for i, width := range libraryWidths(t, blocks) {
		if width != Width(blocks[i]) {
			doubtful = append(doubtful, strings.Split(blocks[i], "")...)
		}
	}
	unknown := 0
	for i, width := range libraryWidths(t, doubtful) {
		switch {
		case width == Width(doubtful[i]):
		case width == 0:
			unknown++
		default:
			t.Errorf("%U is %d wide, and %d for the C library", []rune(doubtful[i])[0], Width(doubtful[i]), width)
		}
	}
	if unknown > newcomers {
		t.Errorf("the C library does not know %d characters", unknown)
	}
	t.Logf("%d blocks, %d characters looked at one by one, %d that the C library does not know", len(blocks), len(doubtful), unknown)
}
