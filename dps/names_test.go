package dps_test

import (
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// nasty are pieces of names that a terminal, a table or a decoder could stumble
// over, but none that ps lets through and dps does not.
var nasty = []string{
	"a", "B", " ", "  ", ")", "(", "\\", "'", "é", "ß", "中", "日本", "ｗ", "한", "각", "🙂", "⌚", "🌶", "\U0001f1e9\U0001f1ea", "e\u0301", "o\u0302\u0303",
	"a\u0610", "b\u20dd", "\u00a0", "\u3000", "\u2003", "\u2028", "\u2029", "\ufffd", "\ufffe", "\U0010ffff", "\u0e33", "\u0903", "\u0378", "\u1161", "ᄀ\u1161\u11a8",
	"\u0080", "\u009b", "\u0085", "\x1b[31m", "\x1b]0;x\x07", "\n", "\t", "\r", "\b", "\x7f", "\x01",
	"\xff", "\xc3", "\xe4\xb8", "\xf0\x9f\x99", "\xc0\xaf", "\xed\xa0\x80", "\xf4\x90\x80\x80", "\xf8\x88\x80\x80\x80", "\x80",
}

// nastyName is a few of those.
func nastyName(r *rand.Rand) string {
	var b strings.Builder
	for range 1 + r.IntN(6) {
		b.WriteString(nasty[r.IntN(len(nasty))])
	}
	return b.String()
}

// Names of any bytes are shown as ps shows them, wherever they are cut.
func TestNamesAgainstPS(t *testing.T) {
	p := &peers{onlooker: newOnlooker(t)}
	p.program = *chanceProgram
	r := rand.New(rand.NewPCG(*chanceSeed, 1)) //nolint:gosec // not a secret
	dir, sleep := t.TempDir(), resolve(t, "sleep")
	for range 60 {
		path := filepath.Join(dir, nastyName(r))
		if err := os.Symlink(sleep, path); err != nil {
			continue // there is one of that name
		}
		cmd := &exec.Cmd{Path: path, Args: []string{nastyName(r) + nastyName(r), "600"}, Env: []string{"X=" + nastyName(r)}}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			_ = cmd.Process.Kill()
			_ = cmd.Wait() // killed, as it should be
		})
		p.pids = append(p.pids, strconv.Itoa(cmd.Process.Pid))
	}
	for _, line := range []string{"-o pid --sort comm,pid -p", "-o pid --sort -args,pid -p", "c -o pid --sort cmd,pid -p", "-o pid --sort fname,pid -p"} {
		p.equal(t, same, append(strings.Fields(line), p.list())...)
	}
	for _, pid := range p.pids {
		for _, line := range []string{
			"-o comm= -q", "-o args= -q", "e -o args= -q", "-o pid,comm:6,args:9,pid -q", "--cols 12 -o args -q", "--cols 9 -o pid,comm -q", "f -o fname,pid -p", "-o fname -q",
		} {
			p.equal(t, same, append(strings.Fields(line), pid)...)
		}
	}
}
