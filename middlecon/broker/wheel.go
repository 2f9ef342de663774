package broker

import "time"

// A wheel holds the sessions that are looked at every so often. Each has a slot
// of its own in every round, whatever happened to all of them at once: so what
// is sent to them from here never leaves in one burst.
const (
	wheelStep  = 20 * time.Millisecond
	wheelSlots = 64
)

// wheel is the slots, by the number of steps since the broker's start.
type wheel struct {
	slots [wheelSlots][]*session
	next  int64 // the first step that has not been taken
	size  int
}

// put gives s a slot so many steps after step, which must be fewer than the slots.
func (w *wheel) put(s *session, step, after int64) {
	if w.size == 0 { // nobody turned it
		w.next = max(w.next, step)
	}
	at := max(step+after, w.next)
	w.slots[at%wheelSlots] = append(w.slots[at%wheelSlots], s)
	w.size++
}

// turn takes the steps that are due and calls look for each session of theirs,
// which says after how many steps it is to be looked at again; 0: never. A wheel
// that is late keeps everybody's place within the round.
func (w *wheel) turn(now time.Duration, look func(*session) (after int64)) {
	due := int64(now / wheelStep)
	if missed := (due - w.next) / wheelSlots; missed > 0 {
		w.next += missed * wheelSlots // whole rounds
	}
	for ; w.size > 0 && w.next <= due; w.next++ {
		slot := &w.slots[w.next%wheelSlots]
		sessions := *slot
		*slot = nil
		w.size -= len(sessions)
		for _, s := range sessions {
			if after := look(s); after > 0 {
				w.put(s, w.next, after)
			}
		}
		clear(sessions)
		if *slot == nil {
			*slot = sessions[:0]
		}
	}
}

// at is when the next session is to be looked at.
func (w *wheel) at() (at time.Duration, ok bool) {
	if w.size == 0 {
		return 0, false
	}
	for i := range int64(wheelSlots) {
		if len(w.slots[(w.next+i)%wheelSlots]) > 0 {
			return time.Duration(w.next+i) * wheelStep, true
		}
	}
	return 0, false
}
