package middlecon

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
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
	room    uint32        // set by the reader at Joined, before any delivery; 0 without a session; conn.mu guards it
	in      chan struct{} // closed while room is not 0; conn.mu guards it
	runs    bool          // run was begun; conn.mu guards it
	queue   chan *delivery
	offered chan struct{} // holds a token while there may be something in offers
	quit    context.CancelFunc
	ctx     context.Context

	mu     sync.Mutex
	open   map[numbered]*delivery // until it is replied to
	offers []*delivery            // that nobody has looked at, Options.InFlight at most
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

// Join makes the session a member of room and calls handler for each message.
// The error is protocol.CodeNameTaken where another member has that name.
func (c *Conn) Join(ctx context.Context, room string, member Member, handler Handler) (*Membership, error) {
	if err := errors.Join(protocol.CheckName(room), protocol.CheckName(member.Name), protocol.CheckLabels(member.Labels), protocol.CheckState(member.State)); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, c.options.Timeout)
	defer cancel()
	m := &Membership{
		Room: room, conn: c, handler: handler, member: member, in: make(chan struct{}),
		queue: make(chan *delivery, c.options.InFlight), offered: make(chan struct{}, 1), open: map[numbered]*delivery{},
	}
	m.ctx, m.quit = context.WithCancel(context.Background())
	_, err := c.ask(ctx, protocol.Header{Kind: protocol.KindJoin}, m.body(), nil, &request{}, func(h *protocol.Header) bool {
		c.joining[h.Sequence] = m
		return true
	})
	if err != nil {
		m.abandon()
		m.quit()
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
	if m == nil {
		c.mu.Unlock()
		return nil
	}
	delete(c.joining, f.Sequence)
	l.members[f.Room] = m
	m.id, m.view = f.Member, body.View
	moved := l != c.link // and this came too late to be there at once
	if !moved {
		m.room = f.Room
		close(m.in)
	}
	if !m.runs {
		m.runs = true
		c.standing = append(c.standing, m)
		go m.run()
		if m.member.Work != nil {
			go m.work()
		}
	}
	c.mu.Unlock()
	if moved {
		c.rejoin(m)
	}
	return nil
}

// Leave gives the membership up: it is left, not lost. Calls that wait for it
// are told so, and its handler's contexts end.
func (m *Membership) Leave(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, m.conn.options.Timeout)
	defer cancel()
	m.abandon()
	_, err := m.ask(ctx, protocol.KindLeave, nil, &request{})
	m.conn.mu.Lock()
	delete(m.conn.link.members, m.room)
	m.conn.mu.Unlock()
	m.stop()
	return err
}

// abandon keeps the membership out of the sessions to come.
func (m *Membership) abandon() {
	m.conn.mu.Lock()
	defer m.conn.mu.Unlock()
	m.conn.standing = slices.DeleteFunc(m.conn.standing, func(other *Membership) bool { return other == m })
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

// here puts the room's number in this session into a header, unless it is on its way.
// conn.mu is held.
func (m *Membership) here(h *protocol.Header) bool {
	h.Room = m.room
	return !m.isJoining()
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

func (m *Membership) stop() { m.quit() }

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
	m.mu.Lock()
	m.open[numbered{l, d.call}] = d
	l.enter()
	m.mu.Unlock()
	if f.Kind == protocol.KindOffered {
		d.bound = make(chan time.Duration, 1)
		if err := m.consider(d); err != nil {
			m.reply(d, nil, err)
			return nil
		}
		l.batch = append(l.batch, d)
		return nil
	}
	select {
	case m.queue <- d:
		l.batch = append(l.batch, d)
	default:
		m.reply(d, nil, Refuse("busy"))
	}
	return nil
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
// ended while it waited is not begun: nobody waits for its reply.
func (m *Membership) run() {
	for {
		select {
		case d := <-m.queue:
			if d.ctx.Err() != nil {
				m.close(d)
				continue
			}
			reply, err := m.call(d.ctx, d, m.handler)
			m.reply(d, reply, err)
		case <-m.ctx.Done():
			return
		}
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
