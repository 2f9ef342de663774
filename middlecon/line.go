package middlecon

import "slices"

// line is what waits for one goroutine of a membership.
type line struct {
	waiting []*delivery   // Options.InFlight at most; Membership.mu guards it
	more    chan struct{} // holds a token while there may be some waiting
}

func newLine() line { return line{more: make(chan struct{}, 1)} }

// queue puts a delivery behind those that wait. Where these are too many, those that are
// over make way: who calls and cancels again and again takes nobody's place.
func (m *Membership) queue(l *line, d *delivery) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	most := m.conn.options.InFlight
	if len(l.waiting) >= most {
		l.waiting = slices.DeleteFunc(l.waiting, m.isOver)
	}
	if len(l.waiting) >= most {
		return Refuse("busy")
	}
	l.waiting = append(l.waiting, d)
	notice(l.more)
	return nil
}

// next waits for the oldest that is not over; nil is the membership's end. Of one that is
// over nobody waits for the reply.
func (m *Membership) next(l *line) *delivery {
	for {
		if d := m.first(l); d != nil {
			return d
		}
		select {
		case <-l.more:
		case <-m.ctx.Done():
			return nil
		}
	}
}

// first is next, of those that wait now.
func (m *Membership) first(l *line) *delivery {
	m.mu.Lock()
	defer m.mu.Unlock()
	for len(l.waiting) > 0 {
		d := l.waiting[0]
		l.waiting = slices.Delete(l.waiting, 0, 1)
		if !m.isOver(d) {
			return d
		}
	}
	return nil
}

// isOver tells whether a delivery's time is up, and forgets it then. m.mu is held.
func (m *Membership) isOver(d *delivery) bool {
	if d.ctx.Err() == nil {
		return false
	}
	d.replied.Store(true)
	m.drop(d)
	return true
}
