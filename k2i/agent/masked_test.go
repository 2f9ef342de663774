package agent

import (
	"slices"
	"testing"

	"ddcos/k2i"
	"ddcos/k2i/mask"
)

func lineOf(pid int32, ticks uint64, args ...string) k2i.Process {
	return k2i.Process{PID: pid, StartTicks: ticks, Args: args}
}

// Whatever a line was before, and whoever had the pid, what is shown is what
// masking this very line gives.
func TestMaskedLines(t *testing.T) {
	const secret = "--password=hunter2hunter2"
	var lines maskedLines
	for _, c := range []struct {
		why string
		now []k2i.Process
	}{
		{"new ones", []k2i.Process{lineOf(1, 1, "init"), lineOf(2, 1, "a", secret), lineOf(3, 1, "b", "harmless")}},
		{"the same again", []k2i.Process{lineOf(1, 1, "init"), lineOf(2, 1, "a", secret), lineOf(3, 1, "b", "harmless")}},
		{"another program with a secret", []k2i.Process{lineOf(1, 1, "init"), lineOf(2, 1, "a", secret), lineOf(3, 1, "b", secret)}},
		{"a reused pid with a secret", []k2i.Process{lineOf(1, 1, "init", secret), lineOf(2, 9, "a", secret+"2"), lineOf(3, 1, "b", secret)}},
		{"a longer line and a shorter one", []k2i.Process{lineOf(1, 1, "init"), lineOf(2, 9, "a", secret+"2", secret), lineOf(3, 1, "b")}},
		{"some are gone", []k2i.Process{lineOf(2, 9, "a", "--password", "hunter2hunter2"), lineOf(4, 1)}},
		{"and others came", []k2i.Process{lineOf(1, 2, "c", secret), lineOf(2, 9, "a"), lineOf(3, 2, secret), lineOf(4, 1, "d", secret)}},
		{"none", nil},
		{"all anew", []k2i.Process{lineOf(2, 9, "a", secret)}},
	} {
		want := make([][]string, len(c.now))
		for i := range c.now {
			want[i] = mask.Arguments(c.now[i].Args)
		}
		lines.mask(&k2i.Sample{Processes: k2i.Pointers(c.now)})
		for i, p := range c.now {
			if !slices.Equal(p.Args, want[i]) {
				t.Errorf("%s: process %d shows %q, want %q", c.why, p.PID, p.Args, want[i])
			}
		}
	}
}

// A line that stays costs nothing more, and its rows share one list; what has
// ended is let go.
func TestMaskedLinesAreKept(t *testing.T) {
	raw := []string{"a", "--password=hunter2hunter2"}
	processes := []k2i.Process{lineOf(1, 1, raw...), lineOf(2, 1, "plain")}
	var lines maskedLines
	sample := &k2i.Sample{Processes: k2i.Pointers(processes)}
	lines.mask(sample)
	first := processes[0].Args
	if slices.Equal(first, raw) {
		t.Fatalf("nothing is masked in %q", first)
	}
	allocations := testing.AllocsPerRun(10, func() {
		processes[0].Args = raw
		lines.mask(sample)
	})
	if &processes[0].Args[0] != &first[0] {
		t.Error("a line that stayed was masked again")
	}
	if allocations != 0 {
		t.Errorf("%v allocations for lines that stayed", allocations)
	}
	equal := []k2i.Process{lineOf(1, 1, slices.Clone(raw)...)} // as /proc gives it, read anew
	if lines.mask(&k2i.Sample{Processes: k2i.Pointers(equal)}); &equal[0].Args[0] != &first[0] {
		t.Error("an equal line was masked again")
	}
	for range 2 {
		lines.mask(&k2i.Sample{})
	}
	for _, held := range [][]maskedLine{lines.known[:cap(lines.known)], lines.spare[:cap(lines.spare)]} {
		for _, line := range held {
			if line.raw != nil || line.shown != nil {
				t.Errorf("held on to %q", line.shown)
			}
		}
	}
}
