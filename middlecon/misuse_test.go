package middlecon_test

import (
	"context"
	"errors"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"ddcos/middlecon"
	"ddcos/protocol"
)

// A Join that is given up leaves nobody in the room, whether its answer has come by
// then or not: such a member would answer no call.
func TestJoinThatIsGivenUp(t *testing.T) {
	address := serve(t)
	conn := dial(t, address)
	for range 50 {
		ctx, cancel := context.WithCancel(t.Context())
		go cancel()
		m, err := conn.Join(ctx, "r", middlecon.Member{Name: "m"}, echo)
		switch {
		case err == nil:
			if err := m.Leave(t.Context()); err != nil {
				t.Fatal(err)
			}
		case !errors.Is(err, context.Canceled):
			t.Fatal(err)
		default:
			awaitSize(t, address, "r", 0)
		}
	}
	if _, err := conn.Join(t.Context(), "r", middlecon.Member{Name: "m"}, echo); err != nil {
		t.Error(err)
	}
}

// A membership that was left is over: what is asked of it meets no later one of the room.
func TestLeftMembershipIsOver(t *testing.T) {
	address := serve(t)
	joins(t, address, "r", "stays", echo) // so that the room is the same one
	conn := dial(t, address)
	first, err := conn.Join(t.Context(), "r", middlecon.Member{Name: "first"}, echo)
	if err != nil {
		t.Fatal(err)
	}
	if err := first.Leave(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := conn.Join(t.Context(), "r", middlecon.Member{Name: "second"}, echo); err != nil {
		t.Fatal(err)
	}
	if err := first.Leave(t.Context()); !errors.Is(err, protocol.CodeNotMember) {
		t.Errorf("left twice: %v", err)
	}
	if _, err := first.SetState(t.Context(), map[string]string{"k": "v"}); !errors.Is(err, protocol.CodeNotMember) {
		t.Errorf("a state after that: %v", err)
	}
	view, err := conn.Members(t.Context(), "r")
	if err != nil || view.Size != 2 || view.Joined[1].Name != "second" || view.Joined[1].Version != 0 {
		t.Errorf("%+v, %v", view, err)
	}
	if a, err := conn.Call(t.Context(), "r", nil, middlecon.CallOptions{Deadline: patience}); err != nil || !a.Met || a.Selected != 2 {
		t.Errorf("%+v, %v", a, err)
	}
}

// Leaving with a context that is over leaves all the same.
func TestLeaveWithoutWaiting(t *testing.T) {
	address := serve(t)
	m := joins(t, address, "r", "m", echo)
	over, cancel := context.WithCancel(t.Context())
	cancel()
	if err := m.Leave(over); err != nil && !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	awaitSize(t, address, "r", 0)
	select {
	case <-m.Done():
	default:
		t.Error("the membership is not over")
	}
}

// Who leaves while the rejoin is on its way has left when that is answered.
func TestLeaveWhileRejoining(t *testing.T) {
	admit, left := make(chan struct{}), make(chan bool, 1)
	conn := play(t, func(f *fake) {
		f.admit()
		join, _ := f.next(protocol.KindJoin)
		<-admit
		f.send(protocol.Header{Kind: protocol.KindJoined, Sequence: join.Sequence, Room: 7, Member: 8}, protocol.Joined{View: 9}, nil)
		leave, ok := f.next(protocol.KindLeave)
		f.send(protocol.Header{Kind: protocol.KindLeft, Sequence: leave.Sequence, Room: 7}, nil, nil)
		left <- ok && leave.Room == 7
	})
	m, err := conn.Join(t.Context(), "r", middlecon.Member{Name: "m"}, echo)
	if err != nil {
		t.Fatal(err)
	}
	conn.Again(func() {})
	done := make(chan error, 1)
	go func() { done <- m.Leave(t.Context()) }()
	for conn.Standing() > 0 {
		runtime.Gosched()
	}
	close(admit)
	if err := <-done; err != nil || !<-left {
		t.Error(err)
	}
}

// What waits for a membership's handler is nothing to wait for when it was left.
func TestRetireAfterLeave(t *testing.T) {
	address := serve(t)
	begun, hold := make(chan struct{}), make(chan struct{})
	conn := dial(t, address)
	m, err := conn.Join(t.Context(), "r", middlecon.Member{Name: "m"}, func(context.Context, *middlecon.Message) ([]byte, error) {
		close(begun)
		<-hold
		return nil, nil
	})
	if err != nil {
		t.Fatal(err)
	}
	caller := dial(t, address)
	var calls sync.WaitGroup
	for range 3 {
		calls.Go(func() {
			if _, err := caller.Call(t.Context(), "r", nil, middlecon.CallOptions{Deadline: time.Minute}); err != nil {
				t.Error(err)
			}
		})
	}
	<-begun
	awaitInFlight(t, caller, 3)
	if err := m.Leave(t.Context()); err != nil {
		t.Fatal(err)
	}
	calls.Wait()
	close(hold)
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	if err := conn.Retire(ctx); err != nil {
		t.Errorf("Retire: %v", err)
	}
}

// awaitInFlight waits until the broker has so many calls in flight.
func awaitInFlight(t *testing.T, conn *middlecon.Conn, calls uint64) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	for {
		if s, err := conn.Status(ctx); err != nil {
			t.Fatal(err)
		} else if s.InFlight == calls {
			return
		}
	}
}

// Options that no connection can have are refused at once.
func TestOptionsAreChecked(t *testing.T) {
	address := serve(t)
	for _, o := range []middlecon.Options{{InFlight: -1}, {Timeout: -1}, {HeadStart: -1}, {Resume: -time.Second}, {Resume: 1000 * time.Hour}} {
		conn, err := middlecon.Dial(t.Context(), address, o)
		if err == nil {
			_ = conn.Close()
			t.Errorf("%+v: no error", o)
		} else if errors.Is(err, middlecon.ErrUnreachable) {
			t.Errorf("%+v: %v", o, err)
		}
	}
}

// A member without a handler is asked nothing: it says so.
func TestMemberWithoutHandler(t *testing.T) {
	address := serve(t)
	joins(t, address, "r", "m", nil)
	a, err := dial(t, address).Call(t.Context(), "r", nil, middlecon.CallOptions{Deadline: patience})
	if err != nil || len(a.Outcomes) != 1 || a.Outcomes[0].Outcome != protocol.Refused || a.Outcomes[0].Error != "takes no calls" {
		t.Errorf("%+v, %v", a, err)
	}
}

// The maps of a Member are the caller's again after Join.
func TestMemberIsCopied(t *testing.T) {
	labels, state := map[string]string{"k": "v"}, map[string]string{"s": "1"}
	conn := play(t, func(f *fake) {
		f.admit()
		f.next(protocol.KindBye)
	})
	m, err := conn.Join(t.Context(), "r", middlecon.Member{Name: "m", Labels: labels, State: state}, echo)
	if err != nil {
		t.Fatal(err)
	}
	labels["k"], state["s"] = "x", "x"
	if text := string(m.Body()); strings.Contains(text, "x") {
		t.Errorf("the next session is told %q", text)
	}
	_ = conn.Close()
}

// Whoever waits for a watch that is over hears so, also when several wait.
func TestWatchHasManyReaders(t *testing.T) {
	conn := dial(t, serve(t))
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	for range 20 {
		w, err := conn.Watch("r")
		if err != nil {
			t.Fatal(err)
		}
		if _, err := w.Next(ctx); err != nil {
			t.Fatal(err)
		}
		var readers sync.WaitGroup
		for range 4 {
			readers.Go(func() {
				if _, err := w.Next(ctx); !errors.Is(err, middlecon.ErrClosed) {
					t.Error(err)
				}
			})
		}
		runtime.Gosched()
		w.Stop()
		readers.Wait()
	}
}

// Who gets no credit is told that, and not that the broker is stopped.
func TestNoCreditIsSaid(t *testing.T) {
	asked := make(chan struct{})
	conn := play(t, func(f *fake) {
		f.next(protocol.KindCall)
		close(asked)
		f.next(protocol.KindCall) // none: it holds the session open
	})
	go func() {
		_, _ = conn.Call(t.Context(), "r", nil, middlecon.CallOptions{Deadline: patience}) // it is never answered
	}()
	<-asked
	if err := conn.Credit(t.Context(), time.Millisecond); !errors.Is(err, protocol.CodeTooManyCalls) {
		t.Error(err)
	}
}

// A connection that was retired is closed, and not broken.
func TestRetiredIsClosed(t *testing.T) {
	address := serve(t)
	for range 20 {
		conn := dial(t, address)
		if err := conn.Retire(t.Context()); err != nil {
			t.Fatal(err)
		}
		if err := conn.Err(); !errors.Is(err, middlecon.ErrClosed) {
			t.Fatalf("it ended with %v", err)
		}
	}
}
