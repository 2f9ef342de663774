package bench

import (
	"strings"
	"testing"
	"time"
)

// measuredSubject is one whose calls took 1 to 100 steps.
func measuredSubject(t *testing.T, name, transport string, step time.Duration) *subject {
	t.Helper()
	s := newSubject(system{name: name, note: name + " is told", unix: true}, transport)
	for i := range 100 {
		if err := s.latencies.RecordValue(int64(i+1) * int64(step)); err != nil {
			t.Fatal(err)
		}
	}
	return s
}

func near(got, want float64) bool { return got > want*0.998 && got < want*1.002 }

func TestCallFigures(t *testing.T) {
	ours := measuredSubject(t, "middlecon", "unix", time.Millisecond)
	figures := callFigures([]*subject{ours, measuredSubject(t, "slow", "tcp", 4*time.Millisecond), measuredSubject(t, "quick", "unix", 500*time.Microsecond)})
	want := []Figure{
		{Name: "call-p50", Value: 50, Peer: "slow", PeerValue: 200, Ratio: 0.25},
		{Name: "call-p50", Value: 50, Peer: "quick", PeerValue: 25, Ratio: 2},
		{Name: "call-p99", Value: 99, Peer: "slow", PeerValue: 396, Ratio: 0.25},
		{Name: "call-p99", Value: 99, Peer: "quick", PeerValue: 49.5, Ratio: 2},
		{Name: "call-max", Value: 100, Peer: "slow", PeerValue: 400, Ratio: 0.25},
		{Name: "call-max", Value: 100, Peer: "quick", PeerValue: 50, Ratio: 2},
	}
	if len(figures) != len(want) {
		t.Fatalf("%d figures: %+v", len(figures), figures)
	}
	for i, w := range want {
		f := figures[i]
		if f.Name != w.Name || f.Peer != w.Peer || f.Unit != "ms" || !near(f.Value, w.Value) || !near(f.PeerValue, w.PeerValue) || !near(f.Ratio, w.Ratio) {
			t.Errorf("figure %d: %+v, want %+v", i, f, w)
		}
		if strings.Contains(f.Note, "over tcp") != (f.Peer == "slow") {
			t.Errorf("figure %d: note %q", i, f.Note)
		}
	}
	var b strings.Builder
	if err := writeTable(&b, "the title", figures); err != nil {
		t.Fatal(err)
	}
	for _, once := range []string{"the title\n", "slow is told", "quick is told"} {
		if strings.Count(b.String(), once) != 1 {
			t.Errorf("%q is not there once:\n%s", once, b.String())
		}
	}
}

func TestFiguresWithoutPeer(t *testing.T) {
	for _, f := range callFigures([]*subject{measuredSubject(t, "middlecon", "tcp", time.Millisecond)}) {
		if f.Peer != "" || f.Ratio != 0 || f.Value == 0 {
			t.Errorf("%+v", f)
		}
	}
}
