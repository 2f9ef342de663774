package bench

import (
	"bytes"
	"fmt"
	"strconv"

	"ddcos/protocol"
)

// Names that the measurement uses on a nats-server.
const (
	natsReplies = "bench.reply." // and the number of the call
	natsConnect = `CONNECT {"verbose":false,"pedantic":false,"lang":"go","version":"1"}` + "\r\n"
)

func natsSystem() system {
	return system{
		name: "nats", program: "bench-nats", made: "peers",
		note:  "nats: nats-server v2.15.2; its caller is told how many replies to wait for",
		args:  func(listen protocol.Address) []string { return []string{"--listen", listen.Where} },
		wire:  func(_, rooms int) wire { return &natsWire{rooms: rooms} },
		asker: func() asker { return &natsAsker{} }, until: toldCount,
		heartbeat: func(string) bool { return true },
		returning: natsReturning,
	}
}

// natsUnknownSystem is the same server for a caller that does not know how many members there
// are, as is usual: nobody tells it, and so it waits for silence as nats.js does by default.
func natsUnknownSystem() system {
	s := natsSystem()
	s.name, s.until, s.returning = "nats-unknown", bySilence, nil
	s.note = fmt.Sprintf("nats-unknown: the same, but its caller is not told how many; it takes the replies for all when none has come for %v, as nats.js does", stall)
	return s
}

// natsWire is a member that answers each message with the message's own payload.
type natsWire struct {
	rooms int // to subscribe to
	in    bool
	asked bool // whether it lives
}

func (w *natsWire) pinged() bool { return w.asked }

func (w *natsWire) joined() bool { return w.in }

func (w *natsWire) hello(out []byte) []byte {
	out = append(out, natsConnect...)
	for i := range w.rooms {
		out = fmt.Appendf(out, "SUB %s %d\r\n", roomName(i), i+1)
	}
	return append(out, "PING\r\n"...)
}

func (w *natsWire) take(in, out []byte) (int, []byte, error) {
	m, size, err := parseNATS(in)
	if err != nil || size == 0 {
		return 0, out, err
	}
	switch m.verb {
	case natsMsg:
		out = appendPub(out, m.reply, nil, m.payload)
	case natsPing:
		w.asked = true
		out = append(out, "PONG\r\n"...)
	case natsPong: // what was said before it has been done
		w.in = true
	}
	return size, out, nil
}

// appendPub appends a message to subject; reply, where the answers go, may be empty.
func appendPub(out, subject, reply, payload []byte) []byte {
	out = append(append(out, "PUB "...), subject...)
	if len(reply) > 0 {
		out = append(append(out, ' '), reply...)
	}
	out = strconv.AppendInt(append(out, ' '), int64(len(payload)), 10)
	out = append(append(out, "\r\n"...), payload...)
	return append(out, "\r\n"...)
}

// natsAsker publishes with a reply subject of the call's own; nobody says who replied.
type natsAsker struct{ in bool }

func (a *natsAsker) ready() bool { return a.in }

func (a *natsAsker) hello(out []byte) []byte {
	return append(append(out, natsConnect...), "SUB "+natsReplies+"* 1\r\nPING\r\n"...)
}

func (a *natsAsker) ask(out []byte, call uint64, payload []byte) []byte {
	var inbox [len(natsReplies) + 20]byte
	return appendPub(out, []byte(callRoom), strconv.AppendUint(append(inbox[:0], natsReplies...), call, 10), payload)
}

func (a *natsAsker) take(in, out []byte) (int, reply, []byte, error) {
	m, size, err := parseNATS(in)
	if err != nil || size == 0 {
		return 0, reply{}, out, err
	}
	switch m.verb {
	case natsMsg:
		call, err := strconv.ParseUint(string(bytes.TrimPrefix(m.subject, []byte(natsReplies))), 10, 64)
		if err != nil {
			return 0, reply{}, out, fmt.Errorf("a reply to %.200q", m.subject)
		}
		return size, reply{call: call, payload: m.payload}, out, nil
	case natsPing:
		out = append(out, "PONG\r\n"...)
	case natsPong:
		a.in = true
	}
	return size, reply{}, out, nil
}
