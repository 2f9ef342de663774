package faults

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"ddcos/protocol"
)

// TestClock (fault 22): a broker whose monotonic clock is shifted by years keeps
// deadlines to the same length: none too early, none late.
func TestClock(t *testing.T) {
	const years = "100000000"
	w := begin(t, setup{via: []string{"unshare", "--time", "--monotonic", years, "--boottime", years}})
	w.keepsTime()
	w.finish()
}

// keepsTime holds the deadlines of a world to their length.
func (w *world) keepsTime() {
	w.Helper()
	w.members(plan{Names: names("well", 2)})
	w.members(plan{Names: []string{"slow"}})
	w.sick("slow")
	c := w.caller("c")
	for _, deadline := range []time.Duration{2 * time.Second, 5 * time.Second} {
		a := c.must(ask{deadline: deadline, orders: []string{fmt.Sprintf("slow=late:%v", deadline+100*time.Millisecond)}})
		if a.Elapsed < deadline || outcomeOf(accountOf(a).Entries, "slow") != protocol.Timeout {
			w.Errorf("%v after %v of %v", a.Counts(), a.Elapsed, deadline)
		}
		if n := a.Counts(); n[protocol.OK] != 2 {
			w.Errorf("%v", n)
		}
	}
	if up := w.sample(false).UptimeMS; up > 1000*60*60 {
		w.Errorf("the broker is up for %d ms", up)
	}
}

// leaping is a Go runtime whose wall clock leaps by two hours, forth and back, ten times a
// second, while the monotonic one goes on: the machine's own clock is nobody's to move.
func leaping(t *testing.T) *variant {
	t.Helper()
	root, err := exec.CommandContext(t.Context(), "go", "env", "GOROOT").Output()
	if err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(strings.TrimSpace(string(root)), "src/runtime")
	assembly := filepath.Join(dir, "time_linux_amd64.s")
	code, err := os.ReadFile(assembly)
	if err != nil || !strings.Contains(string(code), "time·now") {
		t.Fatalf("another runtime than was known: %v", err)
	}
	return &variant{name: "a clock that leaps", files: map[string]string{
		assembly: strings.ReplaceAll(string(code), "time·now", "time·steady"),
		filepath.Join(dir, "timeasm.go"): `package runtime

import _ "unsafe" // for go:linkname

//go:linkname time_steady time.steady
func time_steady() (sec int64, nsec int32, mono int64)

//go:linkname time_now time.now
func time_now() (sec int64, nsec int32, mono int64) {
	sec, nsec, mono = time_steady()
	return sec + mono/100_000_000%2*7200 - 3600, nsec, mono
}
`,
	}}
}

// TestWallClockLeaps (fault 22): to a broker whose wall clock leaps by hours all the time,
// deadlines are as long as to others.
func TestWallClockLeaps(t *testing.T) {
	if !soaking() {
		t.Skip("it compiles the standard library anew, as a broker's: see make soak")
	}
	if runtime.GOARCH != "amd64" {
		t.Skip("where Go reads the clock is known for amd64 only")
	}
	w := begin(t, setup{built: leaping(t)})
	w.baseline()
	log, err := os.ReadFile(w.broker.log)
	if err != nil {
		t.Fatal(err)
	}
	said, _, _ := strings.Cut(strings.TrimPrefix(string(log), "time="), " ")
	at, err := time.Parse(time.RFC3339Nano, said)
	if off := time.Since(at).Abs(); err != nil || off < 50*time.Minute || off > 70*time.Minute {
		t.Fatalf("its clock is not off by an hour, but by %v: %v", off, err)
	}
	w.keepsTime()
	w.finish()
}
