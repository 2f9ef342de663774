package room

import (
	"bytes"
	"testing"
	"time"

	"ddcos/protocol"
)

// A long reply is told as it came, wherever its parts and its blocks end, and no part of
// it moves what came before: each byte stays where it was put.
func TestLongReply(t *testing.T) {
	for _, part := range []int{1, 3, 7, 8, 50, 99, 100} {
		limits := DefaultLimits()
		limits.BlockBytes = 8
		r := New(1, limits)
		r.Step(0, Join{Session: 1, Sequence: 1, Body: protocol.Join{Room: "room", Name: "m"}})
		r.Step(0, Call{Session: 9, Budget: time.Second, Body: protocol.Call{Room: "room"}})
		said := make([]byte, 100)
		for i := range said {
			said[i] = byte(i)
		}
		var effects []Effect
		var second *byte // of the second block
		for rest := said; len(rest) > 0; {
			n := min(part, len(rest))
			effects = r.Step(0, Reply{Session: 1, Call: 1, Room: 1, Outcome: protocol.OK, Part: rest[:n], More: n < len(rest)})
			rest = rest[n:]
			if c := r.calls[1]; c != nil && second == nil && c.account.ReplyBytes(0) > 8 {
				second = &c.account.rest[0][0][0]
			}
		}
		a := effects[0].(Finished).Account
		if a.ReplyBytes(0) != len(said) || second != nil && second != &a.rest[0][0][0] {
			t.Errorf("parts of %d: %d bytes, the second block at %p and then %p", part, a.ReplyBytes(0), second, &a.rest[0][0][0])
		}
		for from := range said {
			for to := from; to <= len(said); to++ {
				if got := a.Reply(0, from, to-from, nil); !bytes.Equal(got, said[from:to]) {
					t.Fatalf("parts of %d: from %d to %d: %v", part, from, to, got)
				}
			}
		}
		if got := a.Reply(0, 4, 40, []byte("x")); !bytes.Equal(got, append([]byte("x"), said[4:44]...)) {
			t.Errorf("behind something: %v", got)
		}
	}
}
