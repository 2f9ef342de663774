package bench

import (
	"errors"
	"fmt"
	"net"

	"ddcos/protocol"
)

// MQTT 3.1.1: the first byte of the packets that a measurement knows.
const (
	mqttConnect   = 0x10
	mqttConnack   = 0x20
	mqttPublish   = 0x30 // of quality 0: at most once
	mqttSubscribe = 0x82
	mqttSuback    = 0x90
)

const mqttBroker = "mosquitto" //nolint:misspell // the product's name

// mqttMax is the longest packet that a measurement meets.
const mqttMax = 32 << 10

func mosquittoSystem() system {
	return system{
		name: mqttBroker, program: mqttBroker, debian: mqttBroker, // over Unix sockets it takes too few connections at once
		note: mqttBroker + ": Debian's, MQTT 3.1.1 at most once; members publish to a topic of the caller's, who is told how many replies to wait for",
		args: func(protocol.Address) []string { return []string{"-c"} },
		config: func(listen protocol.Address) string {
			host, port, _ := net.SplitHostPort(listen.Where)
			return "listener " + port + " " + host + "\nallow_anonymous true\nset_tcp_nodelay true\nmax_queued_messages 0\nlog_type error\nuser root\n"
		},
		wire:  func(_, rooms int) wire { return &mqttWire{rooms: rooms} },
		asker: func() asker { return &mqttAsker{} }, until: toldCount,
	}
}

// mochiSystem is a broker of the same protocol in Go.
func mochiSystem() system {
	return system{
		name: "mochi", program: "bench-mochi", made: "peers", unix: true, spare: ", which needs its module",
		note:  "mochi: mochi-mqtt v2.7.9 (bench/peers/bench-mochi), MQTT 3.1.1 at most once; members publish to a topic of the caller's, who is told how many replies to wait for",
		args:  func(listen protocol.Address) []string { return []string{"--listen", listen.Where} },
		wire:  func(_, rooms int) wire { return &mqttWire{rooms: rooms} },
		asker: func() asker { return &mqttAsker{} }, until: toldCount,
	}
}

// appendMQTTHello connects without a name and a keepalive, and subscribes to the topics.
func appendMQTTHello(out []byte, topics ...string) []byte {
	out = append(out, mqttConnect, 12, 0, 4, 'M', 'Q', 'T', 'T', 4, 2, 0, 0, 0, 0)
	body := []byte{0, 1}
	for _, topic := range topics {
		body = append(appendMQTTString(body, topic), 0)
	}
	out = appendMQTTLength(append(out, mqttSubscribe), len(body))
	return append(out, body...)
}

func appendMQTTString(out []byte, s string) []byte {
	return append(append(out, byte(len(s)>>8), byte(len(s))), s...)
}

// appendMQTTLength appends 7 bits a byte, the lowest first.
func appendMQTTLength(out []byte, n int) []byte {
	for ; n > 0x7f; n >>= 7 {
		out = append(out, byte(n)|0x80)
	}
	return append(out, byte(n))
}

func appendMQTTPublish(out []byte, topic string, parts ...[]byte) []byte {
	length := 2 + len(topic)
	for _, p := range parts {
		length += len(p)
	}
	out = appendMQTTString(appendMQTTLength(append(out, mqttPublish), length), topic)
	for _, p := range parts {
		out = append(out, p...)
	}
	return out
}

// parseMQTT reads the packet at the head of b; size is 0 while b holds only a part of it. text is
// what a publish carries. What a broker refuses is an error.
func parseMQTT(b []byte) (kind byte, text []byte, size int, err error) {
	length, at := 0, 1
	for shift := 0; ; shift += 7 {
		if at >= len(b) {
			return 0, nil, 0, nil
		}
		length |= int(b[at]&0x7f) << shift
		at++
		if b[at-1] < 0x80 {
			break
		}
		if shift == 21 {
			return 0, nil, 0, errors.New("a packet of no known length")
		}
	}
	if length > mqttMax {
		return 0, nil, 0, fmt.Errorf("a packet of %d bytes", length)
	}
	if len(b) < at+length {
		return 0, nil, 0, nil
	}
	body := b[at : at+length]
	switch kind = b[0]; kind {
	case mqttConnack:
		if length != 2 || body[1] != 0 {
			return 0, nil, 0, fmt.Errorf("it refuses the connection: % x", body)
		}
	case mqttSuback:
		if length < 3 || body[length-1] > 2 {
			return 0, nil, 0, fmt.Errorf("it refuses the subscription: % x", body)
		}
	case mqttPublish:
		if length < 2 || 2+int(body[0])<<8+int(body[1]) > length {
			return 0, nil, 0, errors.New("a topic that is longer than its packet")
		}
		text = body[2+int(body[0])<<8+int(body[1]):]
	}
	return kind, text, at + length, nil
}

// mqttWire is a member that publishes each message as it is on the caller's topic.
type mqttWire struct {
	rooms int
	in    bool
}

func (w *mqttWire) joined() bool { return w.in }

func (w *mqttWire) hello(out []byte) []byte {
	var topics []string
	for i := range w.rooms {
		topics = append(topics, roomName(i))
	}
	return appendMQTTHello(out, topics...)
}

func (w *mqttWire) take(in, out []byte) (int, []byte, error) {
	kind, text, size, err := parseMQTT(in)
	switch kind {
	case mqttSuback:
		w.in = true
	case mqttPublish:
		out = appendMQTTPublish(out, replyRoom, text)
	}
	return size, out, err
}

// mqttAsker publishes the number of the call and the payload.
type mqttAsker struct{ in bool }

func (a *mqttAsker) ready() bool { return a.in }

func (a *mqttAsker) hello(out []byte) []byte { return appendMQTTHello(out, replyRoom) }

func (a *mqttAsker) ask(out []byte, call uint64, payload []byte) []byte {
	var number [24]byte
	return appendMQTTPublish(out, callRoom, appendNumber(number[:0], call), payload)
}

func (a *mqttAsker) take(in, out []byte) (int, reply, []byte, error) {
	kind, text, size, err := parseMQTT(in)
	switch kind {
	case mqttSuback:
		a.in = true
	case mqttPublish:
		call, payload, err := cutNumber(text)
		return size, reply{call: call, payload: payload}, out, err
	}
	return size, reply{}, out, err
}
