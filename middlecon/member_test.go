package middlecon_test

import (
	"context"
	"errors"
	"path/filepath"
	"runtime"
	"slices"
	"testing"
	"time"

	"ddcos/middlecon"
	"ddcos/protocol"
)

func TestNamesAreUnique(t *testing.T) {
	address := serve(t)
	joins(t, address, "r", "m", echo)
	conn := dial(t, address)
	if _, err := conn.Join(t.Context(), "r", middlecon.Member{Name: "m"}, echo); !errors.Is(err, protocol.CodeNameTaken) {
		t.Errorf("a second m: %v", err)
	}
	if _, err := conn.Join(t.Context(), "r", middlecon.Member{Name: "n"}, echo); err != nil {
		t.Errorf("n: %v", err)
	}
	if _, err := conn.Join(t.Context(), "r", middlecon.Member{Name: "o"}, echo); !errors.Is(err, protocol.CodeAlreadyMember) {
		t.Errorf("twice in one room: %v", err)
	}
}

func TestWatch(t *testing.T) {
	address := serve(t)
	first := joins(t, address, "r", "first", echo)
	w, err := dial(t, address).Watch("r")
	if err != nil {
		t.Fatal(err)
	}
	next := func() *middlecon.View {
		t.Helper()
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		defer cancel()
		v, err := w.Next(ctx)
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
	if v := next(); !v.Full || v.Size != 1 || v.Joined[0].Name != "first" {
		t.Errorf("the full view: %+v", v)
	}
	second := dial(t, address)
	if _, err := second.Join(t.Context(), "r", middlecon.Member{Name: "second", Labels: map[string]string{"k": "v"}}, echo); err != nil {
		t.Fatal(err)
	}
	if v := next(); v.Full || v.Size != 2 || v.Joined[0].Labels["k"] != "v" {
		t.Errorf("a join: %+v", v)
	}
	_ = second.Close()
	if v := next(); v.Size != 1 || v.Gone[0].Name != "second" || v.Gone[0].Reason != protocol.ReasonLost {
		t.Errorf("a loss: %+v", v)
	}
	view, err := dial(t, address).Members(t.Context(), "r")
	if err != nil || view.Size != 1 || len(view.Absent) != 1 || view.Absent[0].Name != "second" {
		t.Errorf("members after a loss: %+v, %v", view, err)
	}
	if err := first.Leave(t.Context()); err != nil {
		t.Fatal(err)
	}
	if v := next(); v.Size != 0 || v.Gone[0].Reason != protocol.ReasonLeft {
		t.Errorf("a leave: %+v", v)
	}
	w.Stop()
	if _, err := w.Next(t.Context()); !errors.Is(err, middlecon.ErrClosed) {
		t.Errorf("after Stop: %v", err)
	}
}

// A quick handler mostly costs one frame: it gets a turn before the receipt,
// but not more, and another processor may take it. A slow one is acknowledged.
func TestReceiptOnlyWhereTheHandlerIsSlow(t *testing.T) {
	const quick = 200
	// A second processor, which others may be busy with, would have the handler's turn or not.
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	release := make(chan struct{})
	receipts := make(chan int, 1)
	conn := play(t, func(f *fake) {
		f.admit()
		acknowledged := 0
		for call := range uint64(quick) {
			f.deliver(call+1, patience)
			for {
				frame, ok := f.any()
				if !ok {
					return
				}
				if frame.Kind == protocol.KindReply {
					break
				}
				acknowledged++
			}
		}
		f.deliver(quick+1, patience)
		if _, ok := f.next(protocol.KindReceipt); ok {
			receipts <- acknowledged
			close(release)
			f.next(protocol.KindReply)
		}
	})
	handled := 0
	_, err := conn.Join(t.Context(), "r", middlecon.Member{Name: "m"}, func(context.Context, *middlecon.Message) ([]byte, error) {
		if handled++; handled > quick {
			<-release
		}
		return []byte("ok"), nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if n := <-receipts; n > quick/10 {
		t.Errorf("%d of %d quick messages cost a receipt", n, quick)
	} else {
		t.Logf("%d of %d quick messages cost a receipt", n, quick)
	}
	<-release
}

// Deliveries beyond what a membership keeps are refused, not piled up.
func TestBusyMemberRefuses(t *testing.T) {
	release := make(chan struct{})
	refused := make(chan uint64, 16)
	conn := play(t, func(f *fake) {
		f.admit()
		for call := range uint64(7) { // InFlight is 4, and one is in the handler
			f.deliver(call+1, patience)
		}
		for {
			frame, ok := f.any()
			if !ok {
				return
			}
			if frame.Kind == protocol.KindReply && frame.Outcome == protocol.Refused && string(frame.Payload) == "busy" {
				refused <- frame.Sequence
			}
		}
	})
	_, err := conn.Join(t.Context(), "r", middlecon.Member{Name: "m"}, func(context.Context, *middlecon.Message) ([]byte, error) {
		<-release
		return nil, nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if last := <-refused; last < 5 {
		t.Errorf("call %d was refused although there was room for it", last)
	}
	close(release)
}

// Deliveries that are cancelled while they wait take nobody's place.
func TestCancelledDeliveriesMakeWay(t *testing.T) {
	begun, release := make(chan struct{}), make(chan struct{})
	replies := make(chan protocol.Frame, 64)
	conn := play(t, func(f *fake) {
		defer close(replies)
		f.admit()
		f.deliver(1, patience)
		<-begun                                    // all others wait
		for call := uint64(2); call < 42; call++ { // InFlight is 4
			f.deliver(call, patience)
			f.send(protocol.Header{Kind: protocol.KindCancel, Sequence: call, Room: 1}, nil, nil)
		}
		f.deliver(42, patience)
		f.send(protocol.Header{Kind: protocol.KindPing, Sequence: 1}, nil, nil)
		for last := uint64(0); last != 42; {
			frame, ok := f.any()
			switch {
			case !ok:
				return
			case frame.Kind == protocol.KindPong: // all was read
				close(release)
			case frame.Kind == protocol.KindReply:
				last = frame.Sequence
				replies <- frame
			}
		}
	})
	handled := 0
	_, err := conn.Join(t.Context(), "r", middlecon.Member{Name: "m"}, func(context.Context, *middlecon.Message) ([]byte, error) {
		if handled++; handled == 1 {
			close(begun)
			<-release
		}
		return nil, nil
	})
	if err != nil {
		t.Fatal(err)
	}
	var replied []uint64
	for r := range replies {
		if replied = append(replied, r.Sequence); r.Outcome != protocol.OK {
			t.Errorf("call %d is %v: %s", r.Sequence, r.Outcome, r.Payload)
		}
	}
	if want := []uint64{1, 42}; !slices.Equal(replied, want) {
		t.Errorf("the calls %d were replied to, want %d", replied, want)
	}
}

func TestDialErrors(t *testing.T) {
	dir := t.TempDir()
	for _, address := range []string{"unix://" + filepath.Join(dir, "nobody.sock"), "tcp://127.0.0.1:1"} {
		if _, err := middlecon.Dial(t.Context(), address, middlecon.Options{}); !errors.Is(err, middlecon.ErrUnreachable) {
			t.Errorf("%s: %v", address, err)
		}
	}
	for _, address := range []string{"", "host:1", "unix://relative"} {
		if _, err := middlecon.Dial(t.Context(), address, middlecon.Options{}); err == nil || errors.Is(err, middlecon.ErrUnreachable) {
			t.Errorf("%q: %v", address, err)
		}
	}
}

// Close wakes everybody who waits.
func TestClose(t *testing.T) {
	address := serve(t)
	joins(t, address, "r", "waits", func(ctx context.Context, _ *middlecon.Message) ([]byte, error) {
		<-ctx.Done()
		return nil, nil
	})
	conn := dial(t, address)
	w, err := conn.Watch("r")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Next(t.Context()); err != nil {
		t.Fatal(err)
	}
	errs := make(chan error, 2)
	go func() {
		_, err := conn.Call(context.Background(), "r", nil, middlecon.CallOptions{Deadline: time.Minute})
		errs <- err
	}()
	go func() {
		_, err := w.Next(context.Background())
		errs <- err
	}()
	_ = conn.Close()
	for range 2 {
		if err := <-errs; !errors.Is(err, middlecon.ErrClosed) {
			t.Errorf("woken with %v", err)
		}
	}
	<-conn.Done()
	if _, err := conn.Members(t.Context(), "r"); !errors.Is(err, middlecon.ErrClosed) {
		t.Errorf("after Close: %v", err)
	}
}
