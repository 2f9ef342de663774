package bench

import (
	"encoding/binary"
	"fmt"
	"strings"

	"ddcos/protocol"
)

// grpcNumber is how long what names a call or a member is.
const grpcNumber = 8

func grpcSystem() system {
	return system{
		name: "grpc", program: "bench-grpc", made: "peers", unix: true, spare: ", which needs its module",
		note:  "grpc: a broker of bidirectional streams over grpc-go v1.85.0 with its defaults (bench/peers/bench-grpc), without names, deadlines and outcomes; it marks the last reply",
		args:  func(listen protocol.Address) []string { return []string{"--listen", listen.Where} },
		wire:  func(_, rooms int) wire { return &grpcWire{rooms: rooms} },
		asker: func() asker { return &grpcAsker{} }, until: toldLast,
	}
}

// grpcWire is a member: a stream that returns each message as it is.
type grpcWire struct {
	h2
	rooms int
	in    bool
}

func (w *grpcWire) joined() bool { return w.in }

func (w *grpcWire) hello(out []byte) []byte {
	var names []string
	for i := range w.rooms {
		names = append(names, roomName(i))
	}
	return w.send(w.h2.hello(out, "/bench.Broker/Join"), []byte(strings.Join(names, " ")))
}

func (w *grpcWire) take(in, out []byte) (int, []byte, error) {
	used, value, out, err := w.h2.take(in, out)
	switch {
	case err != nil || value == nil:
		return used, out, err
	case len(value) < grpcNumber:
		return 0, out, fmt.Errorf("a delivery of %d bytes", len(value))
	case binary.BigEndian.Uint64(value) == 0:
		w.in = true
		return used, out, nil
	}
	return used, w.send(out, value), nil
}

// grpcAsker is a caller's stream.
type grpcAsker struct {
	h2
	in bool
}

func (a *grpcAsker) ready() bool { return a.in }

func (a *grpcAsker) hello(out []byte) []byte { return a.h2.hello(out, "/bench.Broker/Call") }

func (a *grpcAsker) ask(out []byte, call uint64, payload []byte) []byte {
	return a.send(out, binary.BigEndian.AppendUint64(nil, call), payload)
}

func (a *grpcAsker) take(in, out []byte) (int, reply, []byte, error) {
	used, value, out, err := a.h2.take(in, out)
	switch {
	case err != nil || value == nil:
		return used, reply{}, out, err
	case !a.in && len(value) == grpcNumber:
		a.in = true
		return used, reply{}, out, nil
	case len(value) < 2*grpcNumber+1:
		return 0, reply{}, out, fmt.Errorf("a reply of %d bytes", len(value))
	}
	return used, reply{
		call: binary.BigEndian.Uint64(value), member: binary.BigEndian.Uint64(value[grpcNumber:]),
		payload: value[2*grpcNumber+1:], last: value[2*grpcNumber] == 1,
	}, out, nil
}
