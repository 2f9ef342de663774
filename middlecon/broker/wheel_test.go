package broker

import (
	"testing"
	"time"
)

// Each session is looked at once in its time, at the same place of every round.
func TestWheelKeepsPlaces(t *testing.T) {
	const n, every = 500, int64(25)
	var w wheel
	for i := range n {
		w.put(&session{id: uint64(i)}, 1000, 1+int64(i)%every)
	}
	looks, most := map[uint64][]int64{}, 0
	for step := int64(1000); step < 1000+10*every; step++ {
		at := time.Duration(step) * wheelStep
		together := 0
		w.turn(at, func(s *session) int64 {
			together++
			looks[s.id] = append(looks[s.id], step)
			return every
		})
		most = max(most, together)
	}
	if most != n/int(every) {
		t.Errorf("%d are looked at together, want %d", most, n/int(every))
	}
	for id, steps := range looks {
		for i := 1; i < len(steps); i++ {
			if steps[i]-steps[i-1] != every {
				t.Fatalf("session %d: looks at %v", id, steps)
			}
		}
	}
	if len(looks) != n || w.size != n {
		t.Errorf("%d sessions were looked at, %d are left", len(looks), w.size)
	}
}

// A wheel that was late, for less than a round or for many, loses nobody and
// brings nobody together who was apart.
func TestWheelLate(t *testing.T) {
	const n, every = 50, int64(25)
	for _, late := range []int64{1, every, wheelSlots - 1, wheelSlots, 10*wheelSlots + 3} {
		var w wheel
		for i := range n {
			w.put(&session{id: uint64(i)}, 0, 1+int64(i)%every)
		}
		look := func(*session) int64 { return every }
		w.turn(0, look)
		w.turn(time.Duration(late)*wheelStep, look)
		seen := map[uint64]int{}
		for step := late + 1; step <= late+every; step++ {
			together := 0
			w.turn(time.Duration(step)*wheelStep, func(s *session) int64 {
				together++
				seen[s.id]++
				return every
			})
			if together != n/int(every) {
				t.Errorf("late by %d: %d together", late, together)
			}
		}
		if len(seen) != n {
			t.Errorf("late by %d: %d of %d were looked at", late, len(seen), n)
		}
	}
}

// A wheel tells when it is to be turned, and one that is empty does not.
func TestWheelAt(t *testing.T) {
	var w wheel
	if _, ok := w.at(); ok {
		t.Error("an empty wheel is due")
	}
	w.put(&session{}, 5000, 7) // it stood still for long
	if at, ok := w.at(); !ok || at != 5007*wheelStep {
		t.Errorf("due at %v, %v", at, ok)
	}
	looked := 0
	look := func(*session) int64 { looked++; return 0 }
	if w.turn(5006*wheelStep, look); looked != 0 {
		t.Error("too early")
	}
	if w.turn(5007*wheelStep, look); looked != 1 {
		t.Errorf("looked at %d times", looked)
	}
	if _, ok := w.at(); ok || w.size != 0 {
		t.Error("who is not to be looked at again is still there")
	}
}
