package bench

import (
	"fmt"

	"ddcos/protocol"
)

// middleconAsker sends to the first member by name, in frames of its own instead of the client
// library's, so that one-to-one messages are measured as every peer's are.
type middleconAsker struct{ in bool }

func (a *middleconAsker) ready() bool { return a.in }

func (a *middleconAsker) hello(out []byte) []byte { return (&middleconWire{}).hello(out) }

func (a *middleconAsker) ask(out []byte, call uint64, payload []byte) []byte {
	h := protocol.Header{Kind: protocol.KindCall, Sequence: call, Budget: uint32(callDeadline.Microseconds())}
	body := protocol.Call{Room: callRoom, Rule: protocol.RuleAtLeast, N: 1, To: "m0"}
	out, err := protocol.EndFrame(body.Append(protocol.AppendHeader(out, h)), len(out), payload)
	if err != nil {
		panic("bench: " + err.Error())
	}
	return out
}

// take reads the account of one member: whoever is not ok is an error.
func (a *middleconAsker) take(in, out []byte) (int, reply, []byte, error) {
	f, size, err := protocol.Parse(in, protocol.MaxFrame)
	if err != nil || size == 0 {
		return 0, reply{}, out, err
	}
	switch f.Kind {
	case protocol.KindWelcome:
		a.in = true
	case protocol.KindPing:
		out = mustAppend(out, protocol.Header{Kind: protocol.KindPong, Sequence: f.Sequence}, nil, nil)
	case protocol.KindError:
		return 0, reply{}, out, fmt.Errorf("the broker says %w", f.Code)
	case protocol.KindAccount:
		var one protocol.Entry
		entries := 0
		rest, err := protocol.ReadAccount(f.Meta, func(e *protocol.Entry) error {
			one = *e
			entries++
			return nil
		})
		if err != nil {
			return 0, reply{}, out, err
		}
		if rest.Summary == nil || entries != 1 || one.Outcome != protocol.OK {
			return 0, reply{}, out, fmt.Errorf("%w: not the account of one member that is ok: %d entries, %+v, %+v", ErrAccount, entries, one, rest)
		}
		return size, reply{call: f.Sequence, member: uint64(one.Member), payload: one.Reply, last: true}, out, nil
	}
	return size, reply{}, out, nil
}
