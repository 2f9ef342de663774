package bench

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"time"

	"ddcos/middlecon"
	"ddcos/protocol"
)

// callDeadline is when an account has to be complete; reaching it is an error of the measurement.
const callDeadline = 20 * time.Second

// middleconName is that of our system beside its peers.
const middleconName = "middlecon"

func middleconSystem() system {
	return system{
		name: middleconName, program: "middlecon", made: "build", unix: true,
		args: func(listen protocol.Address) []string { return []string{"serve", "--listen", listen.String()} },
		wire: newMiddleconWire,
		dial: dialMiddlecon, asker: func() asker { return &middleconAsker{} }, until: toldLast,
		returning: middleconReturning,
		heartbeat: func(transport string) bool { return transport == "tcp" }, // of a Unix socket's other end the kernel tells
	}
}

// middleconTCPSystem is middlecon beside itself, to compare a Unix socket with.
func middleconTCPSystem() system {
	s := middleconSystem()
	s.name, s.unix, s.note = "middlecon-tcp", false, "middlecon-tcp: the same broker over TCP"
	return s
}

// middleconWire is a member that answers each call at once with the call's own payload.
type middleconWire struct {
	name     string
	rooms    int    // still to be joined
	counts   bool   // it answers with the position of the call among those it was sent, behind the payload
	position uint64 // of the last
	asked    bool   // whether it lives
}

func newMiddleconWire(member, rooms int) wire {
	return &middleconWire{name: fmt.Sprintf("m%d", member), rooms: rooms}
}

func (w *middleconWire) joined() bool { return w.rooms == 0 }

func (w *middleconWire) pinged() bool { return w.asked }

func (w *middleconWire) hello(out []byte) []byte {
	hello := protocol.Hello{
		MinVersion: protocol.Version, MaxVersion: protocol.Version,
		Software: "bench members", MaxFrame: protocol.MaxFrame,
	}
	return mustAppend(out, protocol.Header{Kind: protocol.KindHello}, protocol.Encode(hello), nil)
}

func (w *middleconWire) take(in, out []byte) (int, []byte, error) {
	f, size, err := protocol.Parse(in, protocol.MaxFrame)
	if err != nil || size == 0 {
		return 0, out, err
	}
	switch f.Kind {
	case protocol.KindDeliver:
		h := protocol.Header{Kind: protocol.KindReply, Sequence: f.Sequence, Room: f.Room, Outcome: protocol.OK}
		if w.counts {
			w.position++
			f.Payload = binary.BigEndian.AppendUint64(bytes.Clone(f.Payload), w.position)
		}
		out = mustAppend(out, h, nil, f.Payload)
	case protocol.KindWelcome:
		for i := range w.rooms {
			join := protocol.Encode(protocol.Join{Room: roomName(i), Name: w.name})
			out = mustAppend(out, protocol.Header{Kind: protocol.KindJoin, Sequence: uint64(i + 1)}, join, nil)
		}
	case protocol.KindJoined:
		w.rooms--
	case protocol.KindPing:
		w.asked = true
		out = mustAppend(out, protocol.Header{Kind: protocol.KindPong, Sequence: f.Sequence}, nil, nil)
	case protocol.KindError:
		return size, out, fmt.Errorf("the broker says %w to member %s", f.Code, w.name)
	}
	return size, out, nil
}

// mustAppend appends a frame whose length is bounded by construction: a reply
// is shorter than the delivery that it answers.
func mustAppend(out []byte, h protocol.Header, meta, payload []byte) []byte {
	out, err := protocol.AppendFrame(out, h, meta, payload)
	if err != nil {
		panic("bench: " + err.Error())
	}
	return out
}

// middleconCaller calls through the client library, and is not told how many members there are:
// members is only what the account is held against.
type middleconCaller struct {
	conn    *middlecon.Conn
	members int
	account *middlecon.Account
	seen    map[protocol.MemberID]bool
}

func dialMiddlecon(ctx context.Context, broker protocol.Address, members int) (caller, error) {
	conn, err := middlecon.Dial(ctx, broker.String(), middlecon.Options{Software: "bench call"})
	if err != nil {
		return nil, err
	}
	return &middleconCaller{conn: conn, members: members, seen: make(map[protocol.MemberID]bool, members)}, nil
}

func (c *middleconCaller) call(ctx context.Context, payload []byte) (err error) {
	c.account, err = c.conn.Call(ctx, callRoom, payload, middlecon.CallOptions{Deadline: callDeadline})
	return err
}

// check holds the account to what it promises: everybody, once, and all of them ok.
func (c *middleconCaller) check(payload []byte) error {
	a := c.account
	switch {
	case len(a.Absent) > 0:
		gone := a.Absent[0]
		return fmt.Errorf("%w: %d of %d members were lost, %s %v ago: %s", ErrAccount, len(a.Absent), c.members, gone.Name, gone.Ago, gone.Reason)
	case a.Selected != c.members || a.ViewSize != c.members || len(a.Outcomes) != c.members:
		return fmt.Errorf("%w: %d selected of a view of %d, %d outcomes, %d members", ErrAccount, a.Selected, a.ViewSize, len(a.Outcomes), c.members)
	case !a.Met || a.Late != 0 || a.Duplicate != 0:
		return fmt.Errorf("%w: met %v, %d late, %d duplicate", ErrAccount, a.Met, a.Late, a.Duplicate)
	}
	clear(c.seen)
	for i := range a.Outcomes {
		o := &a.Outcomes[i]
		switch {
		case c.seen[o.Member]:
			return fmt.Errorf("%w: two outcomes of member %s", ErrAccount, o.Name)
		case o.Outcome != protocol.OK:
			return fmt.Errorf("%w: member %s is %s", ErrAccount, o.Name, o.Outcome)
		case !bytes.Equal(o.Reply, payload):
			return fmt.Errorf("%w: member %s replied %d bytes other than those it was sent", ErrAccount, o.Name, len(o.Reply))
		}
		c.seen[o.Member] = true
	}
	return nil
}

func (c *middleconCaller) reached() int {
	if c.account == nil {
		return 0
	}
	return c.account.Counts()[protocol.OK]
}

func (c *middleconCaller) close() error { return c.conn.Close() }
