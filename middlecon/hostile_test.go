package middlecon_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"ddcos/middlecon"
	"ddcos/protocol"
)

// Whatever a broker answers to a call, the caller gets a whole account or an
// error, never a short account.
func TestHostileAccounts(t *testing.T) {
	entry := protocol.Entry{Member: 1, Name: "m", Outcome: protocol.OK}
	for _, c := range []struct {
		name   string
		answer func(f *fake, call uint64)
		want   string
	}{
		{"it dies", func(f *fake, _ uint64) {}, "ended the session"},
		{"it dies in mid-account", func(f *fake, call uint64) {
			f.send(protocol.Header{Kind: protocol.KindAccount, Sequence: call, Flags: protocol.FlagMore}, protocol.AccountChunk{Entries: []protocol.Entry{entry}}, nil)
		}, "ended the session"},
		{"it does not add up", func(f *fake, call uint64) {
			f.send(protocol.Header{Kind: protocol.KindAccount, Sequence: call}, protocol.AccountChunk{Entries: []protocol.Entry{entry}, Summary: &protocol.Summary{Selected: 2}}, nil)
		}, "does not add up"},
		{"it has no summary", func(f *fake, call uint64) {
			f.send(protocol.Header{Kind: protocol.KindAccount, Sequence: call}, protocol.AccountChunk{}, nil)
		}, "does not add up"},
		{"its body is broken", func(f *fake, call uint64) {
			f.send(protocol.Header{Kind: protocol.KindAccount, Sequence: call}, "a string", nil)
		}, "malformed"},
		{"it says so", func(f *fake, call uint64) {
			f.send(protocol.Header{Kind: protocol.KindError, Sequence: call, Code: protocol.CodeTooManyCalls}, protocol.ErrorText{Text: "later"}, nil)
		}, "too_many_calls: later"},
		{"it speaks another tongue", func(f *fake, _ uint64) {
			_, _ = f.c.Write([]byte("HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n"))
		}, "bad_version"},
		{"it sends what it may not", func(f *fake, _ uint64) { f.send(protocol.Header{Kind: protocol.KindHello}, nil, nil) }, "hello frame"},
	} {
		t.Run(c.name, func(t *testing.T) {
			conn := play(t, func(f *fake) {
				if call, ok := f.next(protocol.KindCall); ok {
					c.answer(f, call.Sequence)
				}
			})
			a, err := conn.Call(t.Context(), "r", nil, middlecon.CallOptions{Deadline: time.Second})
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("account %+v, error %v; want %q", a, err, c.want)
			}
		})
	}
}

// An account that a broker begins and never ends is given up, and what came of it told.
func TestUnfinishedAccount(t *testing.T) {
	t.Parallel()
	conn := play(t, func(f *fake) {
		if call, ok := f.next(protocol.KindCall); ok {
			f.send(protocol.Header{Kind: protocol.KindAccount, Sequence: call.Sequence, Flags: protocol.FlagMore},
				protocol.AccountChunk{Entries: []protocol.Entry{{Member: 1, Name: "m", Outcome: protocol.OK}}}, nil)
			<-f.t.Context().Done()
		}
	})
	a, err := conn.Call(t.Context(), "r", nil, middlecon.CallOptions{Deadline: time.Millisecond})
	if err == nil || !strings.Contains(err.Error(), "after the deadline: the broker may be stopped; 1 outcomes have come, and not the end") {
		t.Errorf("account %+v, error %v", a, err)
	}
}

// An account without an end fills the caller's memory up to a limit.
func TestEndlessAccount(t *testing.T) {
	chunk := protocol.AccountChunk{}
	for i := range protocol.MaxChunk {
		chunk.Entries = append(chunk.Entries, protocol.Entry{Member: protocol.MemberID(i), Outcome: protocol.OK})
	}
	conn := play(t, func(f *fake) {
		call, _ := f.next(protocol.KindCall)
		frame, err := protocol.AppendFrame(nil, protocol.Header{Kind: protocol.KindAccount, Sequence: call.Sequence, Flags: protocol.FlagMore}, protocol.Encode(chunk), nil)
		if err != nil {
			f.t.Error(err)
		}
		for err == nil {
			_, err = f.c.Write(frame)
		}
	})
	_, err := conn.Call(t.Context(), "r", nil, middlecon.CallOptions{Deadline: protocol.MaxDeadline})
	if !errors.Is(err, protocol.CodeMalformed) {
		t.Errorf("error %v", err)
	}
}

// Deliveries for rooms that nobody joined, cancels of what never was and
// accounts that nobody waits for are dropped.
func TestStrayFramesAreDropped(t *testing.T) {
	conn := play(t, func(f *fake) {
		f.deliver(1, patience)
		f.send(protocol.Header{Kind: protocol.KindCancel, Room: 3, Sequence: 4}, nil, nil)
		f.send(protocol.Header{Kind: protocol.KindAccount, Sequence: 99}, protocol.AccountChunk{}, nil)
		f.send(protocol.Header{Kind: protocol.KindView, Sequence: 99}, protocol.ViewChunk{}, nil)
		f.send(protocol.Header{Kind: protocol.KindGoAway}, protocol.GoAway{Text: "soon"}, nil)
		f.send(protocol.Header{Kind: 200, Flags: protocol.FlagIgnorable}, nil, nil)
		f.send(protocol.Header{Kind: protocol.KindPing, Sequence: 5}, nil, nil)
		if pong, ok := f.next(protocol.KindPong); ok {
			f.send(protocol.Header{Kind: protocol.KindError, Code: protocol.CodeShuttingDown, Sequence: 0}, protocol.ErrorText{Text: "bye"}, nil)
			if pong.Sequence != 5 {
				f.t.Errorf("pong %d", pong.Sequence)
			}
		}
	})
	<-conn.Done()
	if err := conn.Err(); !errors.Is(err, protocol.CodeShuttingDown) {
		t.Errorf("ended with %v", err)
	}
}
