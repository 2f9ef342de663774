package middlecon_test

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync"
	"testing"
	"time"

	"ddcos/middlecon"
	"ddcos/protocol"
)

// Many more calls at once than the broker lets a session have all succeed: they
// wait for each other, and none is refused.
func TestCallsWaitForCredits(t *testing.T) {
	address := serve(t)
	joins(t, address, "r", "m", func(context.Context, *middlecon.Message) ([]byte, error) { return []byte("ok"), nil })
	caller := dial(t, address)
	var all sync.WaitGroup
	for i := range 2000 {
		all.Go(func() {
			options := middlecon.CallOptions{Deadline: time.Minute}
			a, err := caller.Call(t.Context(), "r", fmt.Append(nil, i), options)
			// The handler's own queue is short: it may be busy, the broker is not.
			if err != nil || a.Selected != 1 {
				t.Errorf("call %d: %+v, %v", i, a, err)
			}
		})
	}
	all.Wait()
	stats, err := caller.Status(t.Context())
	if err != nil || stats.Refused != 0 || stats.Overdrawn != 0 || stats.Accepted != 2000 {
		t.Errorf("%+v, %v", stats, err)
	}
}

// A call that is given up keeps its credit until the broker has told its end;
// who waits for one gives up with its context and not before.
func TestCreditOfACancelledCall(t *testing.T) {
	cancelled, answer := make(chan uint64, 1), make(chan struct{})
	conn := play(t, func(f *fake) {
		call, _ := f.next(protocol.KindCall)
		if _, ok := f.next(protocol.KindCancel); !ok {
			return
		}
		cancelled <- call.Sequence
		<-answer
		f.send(protocol.Header{Kind: protocol.KindAccount, Sequence: call.Sequence, Flags: protocol.FlagMore}, protocol.AccountChunk{}, nil)
		f.send(protocol.Header{Kind: protocol.KindAccount, Sequence: call.Sequence}, protocol.AccountChunk{Summary: &protocol.Summary{}}, nil)
		if call, ok := f.next(protocol.KindCall); ok {
			f.send(protocol.Header{Kind: protocol.KindAccount, Sequence: call.Sequence}, protocol.AccountChunk{Summary: &protocol.Summary{Room: "r"}}, nil)
			f.next(protocol.KindCall) // none: it holds the session open
		}
	})
	first, cancel := context.WithCancel(t.Context())
	given := make(chan error, 1)
	go func() {
		_, err := conn.Call(first, "r", nil, middlecon.CallOptions{Deadline: time.Minute})
		given <- err
	}()
	for deadline := time.Now().Add(patience); conn.CreditsLeft() > 0; runtime.Gosched() {
		if time.Now().After(deadline) {
			t.Fatal("the call takes no credit")
		}
	}
	cancel()
	if err := <-given; !errors.Is(err, context.Canceled) {
		t.Errorf("the call that was given up: %v", err)
	}
	<-cancelled
	brief, stop := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer stop()
	if _, err := conn.Call(brief, "r", nil, middlecon.CallOptions{Deadline: patience}); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("a call without a credit: %v", err)
	}
	close(answer)
	if a, err := conn.Call(t.Context(), "r", nil, middlecon.CallOptions{Deadline: patience}); err != nil || a.Room != "r" {
		t.Errorf("a call with the credit that came back: %+v, %v", a, err)
	}
}
