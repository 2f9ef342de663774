package bench

import (
	"bytes"
	"errors"
	"fmt"
	"strconv"
)

// What a nats-server says, as far as a measurement cares.
type natsVerb int

const (
	natsOther natsVerb = iota // INFO, +OK
	natsMsg
	natsPing
	natsPong
)

// A line and a payload are no longer than this: one of them fits readBuffer.
const (
	natsMaxLine    = 16 << 10
	natsMaxPayload = 32 << 10
)

// natsMessage points into the bytes that it was parsed from.
type natsMessage struct {
	verb                    natsVerb
	subject, reply, payload []byte
}

// parseNATS reads the message at the head of b; size is 0 while b holds only a part of it.
func parseNATS(b []byte) (m natsMessage, size int, err error) {
	end := bytes.IndexByte(b[:min(len(b), natsMaxLine)], '\n')
	if end < 0 {
		if len(b) >= natsMaxLine {
			return m, 0, fmt.Errorf("a line of over %d bytes", natsMaxLine)
		}
		return m, 0, nil
	}
	line := bytes.TrimSuffix(b[:end], []byte("\r"))
	size = end + 1
	switch {
	case bytes.HasPrefix(line, []byte("MSG ")):
		return parseMsg(b, line[len("MSG "):], size)
	case bytes.HasPrefix(line, []byte("PING")):
		m.verb = natsPing
	case bytes.HasPrefix(line, []byte("PONG")):
		m.verb = natsPong
	case bytes.HasPrefix(line, []byte("-ERR")):
		return m, 0, fmt.Errorf("it says %.200q", line)
	}
	return m, size, nil
}

// parseMsg reads "subject sid [reply] bytes" and the payload that begins at start of b.
func parseMsg(b, line []byte, start int) (natsMessage, int, error) {
	m := natsMessage{verb: natsMsg}
	last := bytes.LastIndexByte(line, ' ')
	length, err := strconv.ParseUint(string(line[last+1:]), 10, 31)
	if last < 0 || err != nil || length > natsMaxPayload {
		return m, 0, fmt.Errorf("a message of no known length: %.200q", line)
	}
	var rest []byte
	m.subject, rest, _ = bytes.Cut(line[:last], []byte(" "))
	_, m.reply, _ = bytes.Cut(rest, []byte(" ")) // behind the subscription's id
	end := start + int(length)
	if len(b) < end+2 {
		return m, 0, nil
	}
	if b[end] != '\r' || b[end+1] != '\n' {
		return m, 0, errors.New("a message that is longer than it says")
	}
	m.payload = b[start:end]
	return m, end + 2, nil
}
