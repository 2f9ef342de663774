package broker

// One turn has the kernel copy no more than copiedMost in writes of more than
// copiedLittle: a long message to many. The other sessions are written to in a turn that
// comes behind all sockets that are ready now. Little frames to many cost system calls, and
// go on: waiting would make a call to very many longer, which is what they are mostly of.
const (
	copiedMost   = 256 << 10
	copiedLittle = 16 << 10
)

// later are the sessions that are written to in a turn to come.
type later struct {
	sessions []*session // dirty
	copied   int        // bytes of this turn
	posts    bool       // that turn is a letter
}

// copied counts what was written at once.
func (b *Broker) copied(bytes int) {
	if bytes > copiedLittle {
		b.later.copied += bytes
	}
}

// postpones leaves a session for later, where this turn has copied enough.
func (b *Broker) postpones(s *session) bool {
	if b.later.copied < copiedMost || b.draining != nil || s.closed {
		return false
	}
	s.own()
	b.later.sessions = append(b.later.sessions, s)
	return true
}

// callLater has that turn come, if any is to be written to then.
func (b *Broker) callLater() {
	l := &b.later
	if len(l.sessions) == 0 || l.posts {
		return
	}
	l.posts = true
	b.post(func() {
		b.dirty = append(b.dirty, l.sessions...)
		l.sessions, l.posts = nil, false
		b.settle()
	})
}
