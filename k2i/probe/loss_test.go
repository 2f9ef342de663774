package probe

import (
	"testing"

	throng "ddcos/bench/crowd"
)

// At full rate every loss is counted: a ring that is not read while processes
// begin and end as fast as they can has, read and lost, no fewer events than a
// larger one told, which was opened later and is looked at first. An end is
// heard of in an interrupt, which may come while another loss is counted.
func TestLossesOfAStormAreCounted(t *testing.T) {
	small, large := openEvents(t, 1<<16), openEvents(t, 64<<20)
	program, err := throng.Ender(0).Install(t.TempDir(), "ender")
	if err != nil {
		t.Fatal(err)
	}
	const processes = 8000
	if fallen, err := (throng.Storm{Program: program, Number: processes}).Run(t.Context()); err != nil || fallen.Number != processes {
		t.Fatalf("%+v, %v", fallen, err)
	}
	made, err := large.counted()
	if err != nil || made.Lost != 0 || made.Written < 3*processes {
		t.Fatalf("%+v, %v", made, err)
	}
	for more := true; more; {
		if _, more, err = small.Drain(nil, everything); err != nil {
			t.Fatal(err)
		}
	}
	if known := small.Read() + small.Lost(); known < made.Written || small.Lost() == 0 {
		t.Errorf("%d events are known of %d: %d read, %d lost", known, made.Written, small.Read(), small.Lost())
	}
}

// A loss that was counted when the ring had been read already is told by a later
// look, also where nothing has come since.
func TestLateLossIsTold(t *testing.T) {
	e := openEvents(t, 1<<12)
	program, err := throng.Ender(0).Install(t.TempDir(), "ender")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := (throng.Storm{Program: program, Number: 200}).Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	for e.reader.AvailableBytes() > 0 { // as Drain would, if it did not count
		if err := e.reader.ReadInto(&e.record); err != nil {
			break
		}
	}
	if e.Lost() != 0 {
		t.Fatalf("%d lost before anybody has looked", e.Lost())
	}
	if _, _, err := e.Drain(nil, everything); err != nil || e.Lost() == 0 {
		t.Errorf("%d lost, %v", e.Lost(), err)
	}
}
