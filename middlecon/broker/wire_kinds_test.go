package broker

import (
	"bytes"
	"fmt"
	"os"
	"strings"
	"testing"

	"ddcos/protocol"
)

// W10 and W14: every kind there is or may be, in every state, as SPEC.md has it:
// each session ends by the code that the table names, or lives.
func TestEveryKindAsTheSpecificationHasIt(t *testing.T) {
	b := start(t, nil)
	table := whatMayCome(t)
	for kind := range 256 {
		for _, flags := range []protocol.Flags{0, protocol.FlagMore, protocol.FlagIgnorable, 0xff} {
			k := protocol.Kind(kind)
			row := k.String()
			if !k.Known() {
				if row = "unknown"; flags&protocol.FlagIgnorable != 0 {
					row = "unknown, ignorable"
				}
			}
			want, ok := table[row]
			if !ok {
				t.Fatalf("the table has no row for %s", row)
			}
			frame := bytesOf(protocol.Header{Kind: k, Flags: flags, Sequence: 5, Outcome: protocol.OK}, requestBodies()[k], nil)
			if k == protocol.KindHello {
				frame = helloFrame()
			}
			for state, r := range []*raw{connect(t, b, "unix"), welcome(t, b, "unix")} {
				r.write(frame)
				got := "·"
				if want[state] == "the broker closes" {
					if r.ended() == 0 {
						got = want[state]
					}
				} else if want[state] != "·" && want[state] != "skipped" {
					got = r.ended().String()
				} else {
					if want[state] == "skipped" {
						got = "skipped"
					}
					r.awaitPong()
				}
				if got != want[state] {
					t.Errorf("%s, flags %x, in state %d: %s, want %s", row, flags, state, got, want[state])
				}
				_ = r.c.Close()
			}
		}
	}
}

// whatMayCome reads SPEC.md's table of what a process may send: by kind, what
// happens to it on a new and on an open session.
func whatMayCome(t *testing.T) map[string][2]string {
	t.Helper()
	text, err := os.ReadFile("../../protocol/SPEC.md")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(text), "| from the process | new | open |")
	body, _, ok := strings.Cut(rest, "\n\n")
	if !ok {
		t.Fatal("SPEC.md has no table of what a process may send")
	}
	table := map[string][2]string{}
	for line := range strings.Lines(body) {
		cells := strings.Split(strings.Trim(strings.TrimSpace(line), "|"), "|")
		if len(cells) < 3 {
			continue
		}
		kinds := strings.TrimSpace(cells[0])
		row := [2]string{strings.TrimSpace(cells[1]), strings.TrimSpace(cells[2])}
		table[kinds] = row
		for kind := range strings.SplitSeq(kinds, ", ") {
			if _, ok := table[kind]; !ok {
				table[kind] = row
			}
		}
	}
	table["unknown"] = [2]string{"unexpected", "unexpected"}
	return table
}

// awaitPong fails unless the session answers, after whatever else it is told.
func (r *raw) awaitPong() {
	r.t.Helper()
	r.send(protocol.Header{Kind: protocol.KindPing, Sequence: 1 << 60}, nil, nil)
	for {
		f := r.next()
		if f.Kind == protocol.KindError && f.Sequence == 0 {
			r.t.Fatalf("the session ended with %v", f.Code)
		}
		if f.Kind == protocol.KindPong && f.Sequence == 1<<60 {
			return
		}
	}
}

// W5: a conversation of many kinds gives the same answers wherever it is cut in
// two, and when it comes over and over in one piece.
func TestAConversationCutAnywhere(t *testing.T) {
	b := start(t, nil)
	witness := welcome(t, b, "unix")
	talk := func() []byte {
		var all []byte
		for _, f := range []struct {
			h       protocol.Header
			body    any
			payload string
		}{
			{protocol.Header{Kind: protocol.KindWatch, Sequence: 1}, protocol.Watch{Room: "r"}, ""},
			{protocol.Header{Kind: protocol.KindJoin, Sequence: 2}, protocol.Join{Room: "r", Name: "n", Labels: map[string]string{"k": "v"}}, ""},
			{protocol.Header{Kind: protocol.KindPublish, Sequence: 3}, protocol.Publish{Room: "r", Labels: map[string]string{"k": "v"}}, "hello"},
			{protocol.Header{Kind: protocol.KindCall, Sequence: 4, Budget: 1e6}, protocol.Call{Room: "r", To: "nobody"}, "hello"},
			{protocol.Header{Kind: protocol.KindJoin, Sequence: 5}, protocol.Join{Room: "r", Name: "n"}, ""},
			{protocol.Header{Kind: 200, Flags: protocol.FlagIgnorable}, nil, "of a later version"},
			{protocol.Header{Kind: protocol.KindReply, Sequence: 1 << 50, Outcome: protocol.OK}, nil, "nobody asked"},
			{protocol.Header{Kind: protocol.KindCancel, Sequence: 1}, nil, ""},
			{protocol.Header{Kind: protocol.KindPing, Sequence: 6}, nil, ""},
		} {
			all = append(all, bytesOf(f.h, f.body, []byte(f.payload))...)
		}
		return all
	}()
	want := "view 1, joined 2, view 1, deliver, published 3, error 4 no_such_member, error 5 already_member, pong 6, "
	number := uint32(0) // of the room
	hear := func(r *raw, pongs int) string {
		var heard strings.Builder
		for pongs > 0 {
			f := r.next()
			switch f.Kind {
			case protocol.KindDeliver:
				heard.WriteString("deliver, ")
				continue
			case protocol.KindError:
				fmt.Fprintf(&heard, "error %d %v, ", f.Sequence, f.Code)
				continue
			case protocol.KindPong:
				pongs--
			case protocol.KindJoined:
				number = f.Room
			}
			fmt.Fprintf(&heard, "%v %d, ", f.Kind, f.Sequence)
		}
		return heard.String()
	}
	for at := range len(talk) + 1 {
		r := welcome(t, b, []string{"unix", "tcp"}[at%2])
		r.write(talk[:at])
		witness.lives() // the broker has seen the first half
		r.write(talk[at:])
		if got := hear(r, 1); got != want {
			t.Fatalf("cut at %d:\n%s want\n%s", at, got, want)
		}
		r.send(protocol.Header{Kind: protocol.KindLeave, Sequence: 10, Room: number}, nil, nil)
		r.expect(protocol.KindLeft, nil)
		_ = r.c.Close()
	}
	const times = 120 // of nine frames
	r := welcome(t, b, "unix")
	r.write(bytes.Repeat(talk, times))
	again := "view 1, error 2 already_member, deliver, published 3, error 4 no_such_member, error 5 already_member, pong 6, "
	if got := hear(r, times); got != want+strings.Repeat(again, times-1) {
		t.Errorf("%d times in one piece: %d bytes of another transcript", times, len(got))
	}
}
