package bench

import (
	"bytes"
	"errors"
	"fmt"
	"net"
	"strconv"

	"ddcos/protocol"
)

// replyRoom is where members of a system without reply addresses answer: the message says which
// call it is of.
const replyRoom = callRoom + ".reply"

func redisSystem() system {
	return system{
		name: "redis", program: "redis-server", debian: "redis-server", unix: true,
		note: "redis: Debian's redis-server, PUBLISH and SUBSCRIBE; members publish to a channel of the caller's, who learns from what PUBLISH answers how many to wait for",
		args: func(listen protocol.Address) []string {
			at := []string{"--port", "0", "--unixsocket", listen.Where}
			if host, port, err := net.SplitHostPort(listen.Where); listen.Network == "tcp" && err == nil {
				at = []string{"--bind", host, "--port", port}
			}
			return append(at, "--save", "", "--appendonly", "no", "--maxclients", "60000", "--protected-mode", "no", "--loglevel", "warning", "--logfile", "/dev/null")
		},
		wire:  func(_, rooms int) wire { return &redisWire{rooms: rooms} },
		asker: func() asker { return &redisAsker{} }, until: toldLast,
	}
}

// redisWire is a member that publishes each message as it is on the caller's channel. It speaks
// RESP3, in which one connection can do both, and wants no answer to what it publishes.
type redisWire struct{ rooms int }

func (w *redisWire) joined() bool { return w.rooms == 0 }

func (w *redisWire) hello(out []byte) []byte {
	out = append(out, "HELLO 3\r\nCLIENT REPLY OFF\r\nSUBSCRIBE"...)
	for i := range w.rooms {
		out = append(append(out, ' '), roomName(i)...)
	}
	return append(out, "\r\n"...)
}

func (w *redisWire) take(in, out []byte) (int, []byte, error) {
	m, size, err := parseRedis(in)
	if err != nil || size == 0 {
		return 0, out, err
	}
	switch string(m.verb) {
	case "subscribe":
		w.rooms--
	case "message":
		out = appendPublish(out, replyRoom, m.text)
	}
	return size, out, nil
}

// appendPublish appends PUBLISH as an array of three, in which any bytes are possible.
func appendPublish(out []byte, channel string, parts ...[]byte) []byte {
	out = append(out, "*3\r\n$7\r\nPUBLISH\r\n$"...)
	out = append(strconv.AppendInt(out, int64(len(channel)), 10), "\r\n"...)
	out = append(append(out, channel...), "\r\n$"...)
	length := 0
	for _, p := range parts {
		length += len(p)
	}
	out = append(strconv.AppendInt(out, int64(length), 10), "\r\n"...)
	for _, p := range parts {
		out = append(out, p...)
	}
	return append(out, "\r\n"...)
}

// redisAsker publishes the number of the call and the payload.
type redisAsker struct {
	in             bool
	expected, come int64 // replies to the last call; expected is 0 until the broker has said
}

func (a *redisAsker) ready() bool { return a.in }

func (a *redisAsker) hello(out []byte) []byte {
	return append(out, "HELLO 3\r\nSUBSCRIBE "+replyRoom+"\r\n"...)
}

func (a *redisAsker) ask(out []byte, call uint64, payload []byte) []byte {
	a.expected, a.come = 0, 0
	var number [24]byte
	return appendPublish(out, callRoom, appendNumber(number[:0], call), payload)
}

func (a *redisAsker) take(in, out []byte) (int, reply, []byte, error) {
	m, size, err := parseRedis(in)
	if err != nil || size == 0 {
		return 0, reply{}, out, err
	}
	switch string(m.verb) {
	case "subscribe":
		a.in = true
	case "message":
		call, payload, err := cutNumber(m.text)
		a.come++
		return size, reply{call: call, payload: payload, last: a.come == a.expected}, out, err
	case ":": // what PUBLISH answers comes before what it leads to
		if a.expected = m.number; m.number == 0 {
			return 0, reply{}, out, errors.New("nobody has subscribed")
		}
	}
	return size, reply{}, out, nil
}

// appendNumber appends what cutNumber reads.
func appendNumber(out []byte, call uint64) []byte {
	return append(strconv.AppendUint(out, call, 10), ' ')
}

// cutNumber parts the number of a call, which is not 0, from the payload.
func cutNumber(text []byte) (uint64, []byte, error) {
	number, payload, found := bytes.Cut(text, []byte(" "))
	call, err := strconv.ParseUint(string(number), 10, 64)
	if !found || err != nil || call == 0 {
		return 0, nil, fmt.Errorf("a reply without a number: %.40q", text)
	}
	return call, payload, nil
}
