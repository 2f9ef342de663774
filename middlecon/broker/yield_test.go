package broker

import (
	"testing"
	"time"

	"ddcos/protocol"
)

// slow is a tape whose broker is older after each write.
type slow struct {
	*tape
	b    *Broker
	took time.Duration
}

func (s slow) Write(p []byte) (int, error) {
	s.b.started = s.b.started.Add(-s.took)
	return s.tape.Write(p)
}

// A turn that writes for long lets others run meanwhile, and writes to everybody all the same.
func TestLongTurnYields(t *testing.T) {
	d := newDesk(t, 3*yieldLook, protocol.Call{Room: "r"})
	for _, s := range d.members {
		s.conn = slow{s.conn.(*tape), d.b, 2 * yieldEvery / yieldLook}
	}
	d.b.yielded = d.b.now()
	before := d.b.yielded
	d.turn(d.caller, d.call)
	if d.b.yielded < before+2*yieldEvery {
		t.Errorf("it yielded %v after the beginning of the turn at last; it took %v", d.b.yielded-before, d.b.now()-before)
	}
	for i, s := range d.members {
		if w := s.conn.(slow).writes; w != 1 {
			t.Fatalf("member %d had %d writes", i, w)
		}
	}
}

// The loop yields no more often than it says, whatever the number of its turns.
func TestYieldsSeldom(t *testing.T) {
	var b Broker
	count := 0
	for now := time.Duration(0); now < time.Second; now += 100 * time.Microsecond {
		before := b.yielded
		if b.yield(now); b.yielded != before {
			count++
		}
	}
	if most := int(time.Second / yieldEvery); count < most-1 || count > most {
		t.Errorf("%d times in a second, not %d", count, most)
	}
}
