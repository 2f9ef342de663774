package broker

import "ddcos/protocol"

// begun bounds what sessions have sent of frames that are not whole yet. It lies in
// gnet's buffers, and a session that sends no more of it would keep it there.
type begun struct {
	bytes    int        // of all sessions
	sessions []*session // that have sent some, and perhaps some that have not any more
	most     int        // of sessions, before those that have nothing are looked for
	ended    uint64     // because all had sent too much
}

// heldMost is what session.held has room for: what is held of one frame is less than the
// longest, and more waits in line at times, which does not count.
const heldMost = uint16(protocol.MaxFrame - 1)

// begunLook is for how many more sessions than there were those that have nothing are
// kept in begun.
const begunLook = 64

// hold notes how much of a frame that is not whole a session has sent. Beyond what all
// may the session that has sent most is ended.
func (b *Broker) hold(s *session, bytes int) {
	bytes = min(bytes, int(heldMost))
	b.begun.bytes += bytes - int(s.held)
	s.held = uint16(bytes)
	if bytes == 0 {
		return
	}
	if !s.begun {
		if len(b.begun.sessions) >= b.begun.most {
			b.begunMost()
			b.begun.most = 2*len(b.begun.sessions) + begunLook
		}
		s.begun = true
		b.begun.sessions = append(b.begun.sessions, s)
	}
	for b.begun.bytes > b.options.BegunBytesAll {
		b.begun.ended++
		most := b.begunMost()
		b.end(most, protocol.CodeOverloaded, "too much is begun of frames, and this session has begun most")
		_, _ = most.conn.Discard(-1)
		b.hold(most, 0)
	}
}

// begunMost finds the session that has sent most, and forgets those that have nothing.
func (b *Broker) begunMost() (most *session) {
	kept := b.begun.sessions[:0]
	for _, s := range b.begun.sessions {
		if s.begun = s.held > 0; !s.begun {
			continue
		}
		kept = append(kept, s)
		if most == nil || s.held > most.held {
			most = s
		}
	}
	clear(b.begun.sessions[len(kept):])
	b.begun.sessions = kept
	return most
}
