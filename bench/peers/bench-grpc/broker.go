package main

import (
	"encoding/binary"
	"errors"
	"strings"
	"sync"

	"google.golang.org/grpc"
	"google.golang.org/protobuf/types/known/wrapperspb"
)

// callRoom is the room that is called.
const callRoom = "bench"

// numberBytes name a call or a member.
const numberBytes = 8

// peer is a stream that several goroutines send on.
type peer struct {
	mu     sync.Mutex // guards sends
	stream grpc.ServerStream
	id     uint64
}

func (p *peer) send(m any) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.stream.SendMsg(m)
}

// call is one that members have not all answered.
type call struct {
	caller *peer
	number uint64 // the caller's
	left   int    // members that have not answered
}

// broker knows who is in which room, and which calls are not all answered.
//
// Every message is a protobuf BytesValue. A member opens /bench.Broker/Join and sends the names of
// its rooms, separated by blanks; eight zero bytes say that it is in. What is delivered to it is
// eight bytes that name the call, and the payload; it answers with both. A caller opens
// /bench.Broker/Call and gets eight zero bytes, too; it sends eight bytes of its own and the
// payload, and gets of each member of the room "bench" those eight, eight that name the member, one
// that is 1 with the last, and the member's payload.
//
// What it does not do: deadlines, outcomes, limits of its own. A member that goes during a call
// leaves that call without an end.
type broker struct {
	mu    sync.Mutex // guards all
	rooms map[string]map[uint64]*peer
	calls map[uint64]*call
	last  uint64 // number that was given
}

func newBroker() *broker {
	return &broker{rooms: map[string]map[uint64]*peer{}, calls: map[uint64]*call{}}
}

// join serves one member.
func (b *broker) join(stream grpc.ServerStream) error {
	in := new(wrapperspb.BytesValue)
	if err := stream.RecvMsg(in); err != nil {
		return err
	}
	rooms := strings.Fields(string(in.Value))
	p := &peer{stream: stream}
	b.mu.Lock()
	b.last++
	p.id = b.last
	for _, room := range rooms {
		if b.rooms[room] == nil {
			b.rooms[room] = map[uint64]*peer{}
		}
		b.rooms[room][p.id] = p
	}
	b.mu.Unlock()
	defer func() {
		b.mu.Lock()
		defer b.mu.Unlock()
		for _, room := range rooms {
			delete(b.rooms[room], p.id)
		}
	}()
	if err := p.send(wrapperspb.Bytes(make([]byte, numberBytes))); err != nil {
		return err
	}
	for {
		in.Reset()
		if err := stream.RecvMsg(in); err != nil {
			return err
		}
		if err := b.collect(p, in.Value); err != nil {
			return err
		}
	}
}

// collect passes one reply on to who called.
func (b *broker) collect(member *peer, value []byte) error {
	if len(value) < numberBytes {
		return errors.New("a reply without a number")
	}
	number := binary.BigEndian.Uint64(value)
	b.mu.Lock()
	c := b.calls[number]
	if c == nil {
		b.mu.Unlock()
		return nil
	}
	c.left--
	last := byte(0)
	if c.left == 0 {
		last = 1
		delete(b.calls, number)
	}
	out := binary.BigEndian.AppendUint64(nil, c.number)
	out = append(binary.BigEndian.AppendUint64(out, member.id), last)
	// Under the lock, so that the last reply is the last. That a caller has gone is no fault of a
	// member's: its own stream finds out.
	_ = c.caller.send(wrapperspb.Bytes(append(out, value[numberBytes:]...)))
	b.mu.Unlock()
	return nil
}

// serveCaller serves one caller.
func (b *broker) serveCaller(stream grpc.ServerStream) error {
	p := &peer{stream: stream}
	if err := p.send(wrapperspb.Bytes(make([]byte, numberBytes))); err != nil {
		return err
	}
	in := new(wrapperspb.BytesValue)
	for {
		in.Reset()
		if err := stream.RecvMsg(in); err != nil {
			return err
		}
		if err := b.fanOut(p, in.Value); err != nil {
			return err
		}
	}
}

// fanOut sends what is encoded once to every member.
func (b *broker) fanOut(caller *peer, value []byte) error {
	if len(value) < numberBytes {
		return errors.New("a call without a number")
	}
	b.mu.Lock()
	b.last++
	number := b.last
	var members []*peer
	for _, m := range b.rooms[callRoom] {
		members = append(members, m)
	}
	b.calls[number] = &call{caller: caller, number: binary.BigEndian.Uint64(value), left: len(members)}
	b.mu.Unlock()
	if len(members) == 0 {
		return errors.New("nobody is in the room")
	}
	out := append(binary.BigEndian.AppendUint64(nil, number), value[numberBytes:]...)
	prepared := new(grpc.PreparedMsg)
	if err := prepared.Encode(members[0].stream, wrapperspb.Bytes(out)); err != nil {
		return err
	}
	for _, m := range members {
		_ = m.send(prepared) // one that has gone is found by its own stream
	}
	return nil
}
