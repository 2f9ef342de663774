package room

import (
	"bytes"
	"slices"
	"time"

	"ddcos/protocol"
)

// waiting is what a call has until enough members are there for its view.
type waiting struct {
	peer    Peer
	payload []byte
	want    int // members
	present int // that would be selected now
}

// mustWait tells whether too few members are there for a call that can wait.
func (r *Rooms) mustWait(e Call) bool {
	if e.Body.Wait == 0 || e.Body.WaitUS == 0 {
		return false
	}
	whom := targetOf(e)
	return r.present(&whom) < int(e.Body.Wait)
}

// present counts whom a call would select now.
func (r *Rooms) present(whom *target) int {
	in := r.rooms[whom.room]
	if in == nil {
		return 0
	}
	chosen := in.choose(r.selected[:0], whom)
	n := len(chosen)
	clear(chosen)
	r.selected = chosen
	return n
}

// allowWait refuses a wait that there is no room for, and opens its room.
func (r *Rooms) allowWait(e Call) error {
	if r.held+len(e.Payload) > r.limits.HeldBytes {
		return protocol.Errorf(protocol.CodeTooManyCalls, "those in flight hold %d bytes: no more can wait", r.held)
	}
	_, err := r.openRoom(e.Body.Room)
	return err
}

// wait puts a call aside until enough members are there or its time is up.
func (r *Rooms) wait(c *call, e Call) {
	c.room = r.rooms[e.Body.Room]
	c.deadline = r.now + time.Duration(e.Body.WaitUS)*time.Microsecond
	c.waiting = &waiting{peer: e.Peer, payload: bytes.Clone(e.Payload), want: int(e.Body.Wait), present: r.present(&c.whom)}
	c.room.waiting = append(c.room.waiting, c)
	r.waiting++
	r.held += len(e.Payload)
	r.schedule(c)
	r.register(c)
}

// awake ends a call's waiting: it is in no table but its session's.
func (r *Rooms) awake(c *call) {
	r.due.remove(c)
	r.waiting--
	r.held -= len(c.waiting.payload)
	c.room.waiting = slices.DeleteFunc(c.room.waiting, func(other *call) bool { return other == c })
}

// resume fixes the view of a call that has waited.
func (r *Rooms) resume(c *call) {
	r.awake(c)
	w := c.waiting
	c.waiting = nil
	c.account.Summary.WaitedUS = uint64((r.now - c.accepted).Microseconds())
	if err := r.spacious(&c.whom); err != nil {
		r.giveBack(c, err) // the room has somebody, or it would fit
		return
	}
	r.begin(c, w.peer, w.payload)
	r.dropIfUnused(c.room)
}

// giveUp ends a call whose caller does not wait for it any more.
func (r *Rooms) giveUp(c *call) {
	r.awake(c)
	c.start = r.now
	c.account.Summary.WaitedUS = uint64((r.now - c.accepted).Microseconds())
	r.close(c)
	r.dropIfUnused(c.room)
}

// arrived tells the calls that wait in m's room that it is there, or is as they
// want it now, and resumes those that have waited for it.
func (r *Rooms) arrived(m *member) {
	for _, c := range slices.Clone(m.room.waiting) {
		if c.whom.fits(m) {
			c.waiting.present++
		}
		if c.waiting.present >= c.waiting.want {
			r.resume(c)
		}
	}
}

// departed tells the calls that wait in m's room that it is gone.
func (m *member) departed() {
	for _, c := range m.room.waiting {
		if c.whom.fits(m) {
			c.waiting.present--
		}
	}
}
