package bench

import (
	"fmt"
	"net"

	"ddcos/protocol"
)

// cSystem is what the same reads and writes cost with nothing around them: bench/peers/c/fanout.c.
func cSystem() system {
	return system{
		name: "c", program: "bench-c", made: "peers", unix: true, spare: ", which needs a C compiler",
		note: "c: a bare one-threaded epoll server in C, without rooms, names, views, queues and deadlines; it hands its caller all replies at once, after the last",
		args: func(listen protocol.Address) []string {
			if host, port, err := net.SplitHostPort(listen.Where); listen.Network == "tcp" && err == nil {
				return []string{"tcp", host, port}
			}
			return []string{listen.Network, listen.Where}
		},
		wire:  newMiddleconWire,
		asker: func() asker { return &cAsker{} }, until: toldLast,
	}
}

// cAsker says hello and calls in middlecon's frames. What answers a call is an account frame whose
// field room is the number of reply frames that follow it.
type cAsker struct {
	in   bool
	left uint32 // replies of the account that has begun
}

func (a *cAsker) ready() bool { return a.in }

func (a *cAsker) hello(out []byte) []byte {
	return mustAppend(out, protocol.Header{Kind: protocol.KindHello}, nil, nil)
}

func (a *cAsker) ask(out []byte, call uint64, payload []byte) []byte {
	return mustAppend(out, protocol.Header{Kind: protocol.KindCall, Sequence: call}, nil, payload)
}

func (a *cAsker) take(in, out []byte) (int, reply, []byte, error) {
	f, size, err := protocol.Parse(in, protocol.MaxFrame)
	if err != nil || size == 0 {
		return 0, reply{}, out, err
	}
	switch {
	case f.Kind == protocol.KindWelcome:
		a.in = true
	case f.Kind == protocol.KindAccount && a.left == 0:
		a.left = f.Room
	case f.Kind == protocol.KindReply && a.left > 0:
		a.left--
		return size, reply{call: f.Sequence, member: uint64(f.Member), payload: f.Payload, last: a.left == 0}, out, nil
	default:
		return 0, reply{}, out, fmt.Errorf("a %s frame where none should be", f.Kind)
	}
	return size, reply{}, out, nil
}
