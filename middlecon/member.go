package middlecon

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"sync"
	"sync/atomic"
	"time"

	"ddcos/protocol"
)

// Member is how a program shows itself in a room.
type Member struct {
	Name   string // that nobody else in the room has
	Labels map[string]string
	State  map[string]string // the first; SetState sets others

	// Work is what the member does when it is bound to an offer: it has the
	// contract of a Handler. Where it is nil, all offers are declined. A membership
	// bids on one offer at a time and on none while it works, so that it is never
	// bound to two; its calls are answered meanwhile.
	Work Handler
	// Bid decides on an offer and must not begin: it gives the cost of the work in
	// a measure of the room's own, or an error, which declines. nil bids 0 always.
	Bid func(ctx context.Context, m *Message) (cost uint64, err error)
}

// Membership is one member of one room, as long as its session lives, or with
// Options.Reconnect until it leaves. One that rejoins has another id then.
type Membership struct {
	Room string

	id   protocol.MemberID // conn.mu guards it
	view uint64            // conn.mu guards it
	why  error             // the broker has ended it; conn.mu guards it

	conn    *Conn
	handler Handler
	member  Member        // conn.mu guards its State
	room    uint32        // set by the reader at Joined, before any delivery; 0 while it is in no session; conn.mu guards it
	in      chan struct{} // closed while room is not 0; conn.mu guards it
	runs    bool          // run was begun; conn.mu guards it
	over    bool          // it is to be in no session any more; conn.mu guards it
	quit    context.CancelFunc
	ctx     context.Context

	mu     sync.Mutex
	open   map[numbered]*delivery // until it is replied to
	calls  line                   // for the handler
	offers line                   // that nobody has looked at
}

// numbered is a call by its number at the broker of one session.
type numbered struct {
	link *link
	call uint64
}

// delivery is one message on its way through a handler.
type delivery struct {
	call     uint64
	link     *link // that it came by
	room     uint32
	deadline time.Time
	message  Message
	replied  atomic.Bool // or nobody waits for a reply
	ctx      context.Context
	cancel   context.CancelFunc
	bound    chan time.Duration // of an offer: what is left of its deadline when it is bound; has room for one
	isBound  bool               // the reader's own
	parts    atomic.Pointer[parts]
}

// Join makes the session a member of room and calls handler for each message; a nil
// one refuses them. The error is protocol.CodeNameTaken where another member has that
// name. Where ctx ends first the session is no member.
func (c *Conn) Join(ctx context.Context, room string, member Member, handler Handler) (*Membership, error) {
	if err := errors.Join(protocol.CheckName(room), protocol.CheckName(member.Name), protocol.CheckLabels(member.Labels), protocol.CheckState(member.State)); err != nil {
		return nil, err
	}
	member.Labels, member.State = maps.Clone(member.Labels), maps.Clone(member.State)
	if handler == nil {
		handler = func(context.Context, *Message) ([]byte, error) { return nil, Refuse("takes no calls") }
	}
	ctx, cancel := context.WithTimeout(ctx, c.options.Timeout)
	defer cancel()
	m := &Membership{
		Room: room, conn: c, handler: handler, member: member, in: make(chan struct{}),
		open: map[numbered]*delivery{}, calls: newLine(), offers: newLine(),
	}
	m.ctx, m.quit = context.WithCancel(context.Background())
	_, err := c.ask(ctx, protocol.Header{Kind: protocol.KindJoin}, m.body(), nil, &request{}, func(h *protocol.Header) error {
		c.joining[h.Sequence] = m
		return nil
	})
	if err != nil {
		m.forsake()
		return nil, fmt.Errorf("joining %s as %s: %w", room, member.Name, err)
	}
	return m, nil
}

// ID is the member's id: that of the latest session, where it has rejoined, and
// still that of the lost one while it has not.
func (m *Membership) ID() protocol.MemberID {
	m.conn.mu.Lock()
	defer m.conn.mu.Unlock()
	return m.id
}

// View is the first view of the room that the member was in, under its ID.
func (m *Membership) View() uint64 {
	m.conn.mu.Lock()
	defer m.conn.mu.Unlock()
	return m.view
}

// joined makes a membership known before the next frame is read: a delivery
// may be in the same segment.
func (c *Conn) joined(l *link, f protocol.Frame) error {
	var body protocol.Joined
	if err := protocol.DecodeAnswer(f.Meta, &body); err != nil {
		return err
	}
	c.mu.Lock()
	m := c.joining[f.Sequence]
	delete(c.joining, f.Sequence)
	if m == nil || m.over {
		c.mu.Unlock()
		c.goodbye(l, f.Room)
		return nil
	}
	l.members[f.Room] = m
	m.id, m.view = f.Member, body.View
	moved := l != c.link // and this came too late to be there at once
	if !moved {
		m.room = f.Room
		close(m.in)
	}
	first := !m.runs
	if first {
		m.runs = true
		c.standing = append(c.standing, m)
		go m.run()
		if m.member.Work != nil {
			go m.work()
		}
	}
	c.mu.Unlock()
	switch {
	case moved:
		c.rejoin(m)
	case !first && c.options.Rejoined != nil:
		c.options.Rejoined(m)
	}
	return nil
}

// ask asks for something of the membership, in the session that has it.
func (m *Membership) ask(ctx context.Context, kind protocol.Kind, meta []byte, r *request) (answer, error) {
	for {
		if err := m.settle(ctx); err != nil {
			return answer{}, err
		}
		a, err := m.conn.ask(ctx, protocol.Header{Kind: kind}, meta, nil, r, m.here)
		if !errors.Is(err, errReconnected) {
			return a, err
		}
	}
}

// here puts the room's number in this session into a header, unless it is on its way
// or there is none. conn.mu is held.
func (m *Membership) here(h *protocol.Header) error {
	switch {
	case m.isJoining():
		return errReconnected
	case m.room == 0:
		return cmp.Or(m.why, error(protocol.Errorf(protocol.CodeNotMember, "%s was left", m.Room)))
	}
	h.Room = m.room
	return nil
}

// isJoining tells whether a Join is on its way. conn.mu is held.
func (m *Membership) isJoining() bool {
	for _, other := range m.conn.joining {
		if other == m {
			return true
		}
	}
	return false
}

// settle waits for a Join that is on its way, as after a reconnect: until it is
// answered the broker may have the member and this side does not know its room.
func (m *Membership) settle(ctx context.Context) error {
	c := m.conn
	c.mu.Lock()
	in, joining, l := m.in, m.isJoining(), c.link
	c.mu.Unlock()
	if !joining {
		return nil
	}
	select {
	case <-in:
		return nil
	case <-l.left: // the caller sees what follows
		return nil
	case <-c.done:
		return c.Err()
	case <-ctx.Done():
		return ctx.Err()
	}
}

// deliver queues one message for its membership's handler, or its worker.
func (c *Conn) deliver(l *link, f protocol.Frame) error {
	message, err := messageOf(f)
	if err != nil {
		return err
	}
	c.mu.Lock()
	m := l.members[f.Room]
	c.mu.Unlock()
	if m == nil {
		return nil // left meanwhile: the broker knows
	}
	d := &delivery{
		call: f.Sequence, room: f.Room, link: l,
		deadline: time.Now().Add(time.Duration(f.Budget) * time.Microsecond),
		message:  message,
	}
	d.message.Room = m.Room
	if f.Kind == protocol.KindDeliver && !message.NoReply {
		d.message.of = d
	}
	if d.message.NoReply {
		d.replied.Store(true)
		d.ctx, d.cancel = context.WithCancel(m.ctx)
	} else {
		d.ctx, d.cancel = context.WithDeadline(m.ctx, d.deadline)
	}
	if !m.opens(d) {
		return nil
	}
	if f.Kind == protocol.KindOffered {
		d.bound = make(chan time.Duration, 1)
		err = m.consider(d)
	} else {
		err = m.queue(&m.calls, d)
	}
	if err != nil {
		m.reply(d, nil, err)
		return nil
	}
	l.batch = append(l.batch, d)
	return nil
}

// opens notes that a delivery is open, unless the membership has stopped: it looks at
// none any more.
func (m *Membership) opens(d *delivery) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.ctx.Err() != nil {
		d.cancel()
		return false
	}
	m.open[numbered{d.link, d.call}] = d
	d.link.enter()
	return true
}

// cancelled ends the context of a delivery that needs no reply any more.
func (c *Conn) cancelled(l *link, f protocol.Frame) {
	c.mu.Lock()
	m := l.members[f.Room]
	c.mu.Unlock()
	if m == nil {
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if d := m.open[numbered{l, f.Sequence}]; d != nil {
		d.cancel()
	}
}

// run calls the handler for one message after the other. One whose context
// ended while it waited is not begun.
func (m *Membership) run() {
	for d := m.next(&m.calls); d != nil; d = m.next(&m.calls) {
		reply, err := m.call(d.ctx, d, m.handler)
		m.reply(d, reply, err)
	}
}

// call contains a handler's panic: it costs its own reply, not the process.
func (m *Membership) call(ctx context.Context, d *delivery, handler Handler) (reply []byte, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("the handler panicked: %v", p)
		}
	}()
	return handler(ctx, &d.message)
}

// close forgets a delivery.
func (m *Membership) close(d *delivery) {
	d.replied.Store(true)
	d.cancel()
	m.mu.Lock()
	defer m.mu.Unlock()
	m.drop(d)
}

// drop takes a delivery off the open ones, if it is there. m.mu is held.
func (m *Membership) drop(d *delivery) {
	if _, open := m.open[numbered{d.link, d.call}]; open {
		delete(m.open, numbered{d.link, d.call})
		d.link.exit()
	}
}

// reply sends a delivery's outcome home, in as many parts as it takes.
func (m *Membership) reply(d *delivery, reply []byte, err error) {
	defer m.close(d)
	if d.message.NoReply {
		return
	}
	if err != nil && errors.Is(d.ctx.Err(), context.DeadlineExceeded) {
		return // that it failed then says no more than the deadline, which the broker tells
	}
	outcome := protocol.OK
	reply, long := d.rest(reply)
	err = cmp.Or(err, long)
	var refused refusal
	switch {
	case errors.As(err, &refused):
		outcome, reply = protocol.Refused, errorText(err)
	case err != nil:
		outcome, reply = protocol.AppError, errorText(err)
	}
	for {
		part := reply[:min(len(reply), protocol.MaxBody)]
		reply = reply[len(part):]
		h := protocol.Header{Kind: protocol.KindReply, Sequence: d.call, Room: d.room, Outcome: outcome}
		if len(reply) > 0 {
			h.Flags = protocol.FlagMore
		}
		d.replied.Store(true)
		if d.link.out.frame(h, nil, part) != nil || len(reply) == 0 {
			return // an error ends the session, which the reader finds out by itself
		}
	}
}
