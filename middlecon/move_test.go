package middlecon_test

import (
	"context"
	"errors"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"ddcos/middlecon"
	"ddcos/middlecon/broker/started"
	"ddcos/protocol"
)

// drainable is a broker that the test drains.
type drainable struct {
	*started.Broker
	address string
}

func startDrainable(t *testing.T) *drainable {
	t.Helper()
	b, address := started.Unix(t)
	return &drainable{b, address}
}

// moving is a connection to the first of both that moves, and tells when it has.
func moving(t *testing.T, from, to *drainable) (conn *middlecon.Conn, moved chan string) {
	t.Helper()
	moved = make(chan string, 4)
	conn, err := middlecon.Dial(t.Context(), from.address+","+to.address, middlecon.Options{
		Timeout: patience, HeadStart: patience, Reconnect: true,
		Lost:  func(why error) { t.Errorf("lost: %v", why) },
		Moved: func(_, at protocol.Address) { moved <- at.String() },
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return conn, moved
}

// within fails the test where nothing comes.
func within[T any](t *testing.T, what string, from <-chan T) T {
	t.Helper()
	select {
	case v := <-from:
		return v
	case <-time.After(patience):
		t.Fatalf("waited %v for %s", patience, what)
		panic("unreachable")
	}
}

// A drain costs no call: what is in flight finishes in the old session, what is new
// goes to the other broker, and members are left, not lost.
func TestMoves(t *testing.T) {
	a, b := startDrainable(t), startDrainable(t)
	member, memberMoved := moving(t, a, b)
	caller, callerMoved := moving(t, a, b)
	begun, finish := make(chan struct{}), make(chan struct{})
	var once sync.Once
	m, err := member.Join(t.Context(), "r", middlecon.Member{Name: "m", State: map[string]string{"k": "1"}}, func(_ context.Context, m *middlecon.Message) ([]byte, error) {
		if string(m.Payload) == "slow" {
			once.Do(func() { close(begun) })
			<-finish
		}
		return m.Payload, nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := m.SetState(t.Context(), map[string]string{"k": "2"}); err != nil {
		t.Fatal(err)
	}
	watch, err := dial(t, a.address).Watch("r")
	if err != nil {
		t.Fatal(err)
	}
	slow := make(chan *middlecon.Account, 1)
	go func() {
		account, err := caller.Call(context.Background(), "r", []byte("slow"), middlecon.CallOptions{Deadline: time.Minute})
		if err != nil {
			t.Errorf("the call in flight: %v", err)
		}
		slow <- account
	}()
	within(t, "the handler", begun)
	a.Drain(time.Minute)
	// A call that is turned away does not wait for the jitter, and is made at the other broker.
	for caller.At().String() == a.address {
		if account, err := caller.Call(t.Context(), "none", nil, middlecon.CallOptions{Deadline: patience}); err != nil || account.Selected != 0 {
			t.Fatalf("%+v, %v", account, err)
		}
	}
	if at := within(t, "the caller to move", callerMoved); at != b.address || caller.At().String() != at {
		t.Errorf("moved to %s", at)
	}
	// So does what a member asks for.
	other, err := member.Join(t.Context(), "other", middlecon.Member{Name: "m"}, echo)
	if err != nil {
		t.Fatal(err)
	}
	within(t, "the member to move", memberMoved) // its jitter would be half a minute
	awaitSize(t, b.address, "r", 1)
	if view, err := caller.Members(t.Context(), "r"); err != nil || view.Joined[0].State["k"] != "2" {
		t.Errorf("%+v, %v", view, err)
	}
	if view, err := caller.Members(t.Context(), "other"); err != nil || view.Size != 1 || view.Joined[0].ID != other.ID() {
		t.Errorf("%+v, %v", view, err)
	}
	close(finish)
	if account := within(t, "the slow call", slow); account == nil || string(outcomes(account)["m"].Reply) != "slow" {
		t.Errorf("%+v", account)
	}
	gone := protocol.Gone{}
	for ctx := t.Context(); gone.Name == ""; {
		view, err := watch.Next(ctx)
		if err != nil {
			t.Fatal(err)
		}
		if len(view.Gone) > 0 {
			gone = view.Gone[0]
		}
	}
	if gone.Name != "m" || gone.Reason != protocol.ReasonLeft {
		t.Errorf("%+v", gone)
	}
	within(t, "the end of the broker", a.Ended)
}

// Under calls without a pause nothing fails, and no handler runs twice for a call,
// whenever the drain comes.
func TestMovesUnderLoad(t *testing.T) {
	a, b := startDrainable(t), startDrainable(t)
	const callers, each = 4, 200
	var mu sync.Mutex
	ran := map[string]int{}
	member, memberMoved := moving(t, a, b)
	if _, err := member.Join(t.Context(), "r", middlecon.Member{Name: "m"}, func(_ context.Context, m *middlecon.Message) ([]byte, error) {
		mu.Lock()
		defer mu.Unlock()
		ran[string(m.Payload)]++
		return m.Payload, nil
	}); err != nil {
		t.Fatal(err)
	}
	var group sync.WaitGroup
	var finished atomic.Int64
	half := make(chan struct{})
	for i := range callers {
		conn, _ := moving(t, a, b)
		group.Go(func() {
			for n := range each {
				if finished.Add(1) == callers*each/2 {
					close(half)
				}
				text := strconv.Itoa(i) + "." + strconv.Itoa(n)
				// A caller may be there before the member: that is what Wait is for.
				account, err := conn.Call(context.Background(), "r", []byte(text), middlecon.CallOptions{Deadline: patience, Wait: 1, WaitUpTo: patience})
				if err != nil || !account.Met || account.Selected != 1 {
					t.Errorf("call %s: %+v, %v", text, account, err)
					return
				}
			}
		})
	}
	within(t, "half of the calls", half)
	a.Drain(20 * time.Second) // in half of which it moves, at random
	within(t, "the member to move", memberMoved)
	group.Wait()
	within(t, "the end of the broker", a.Ended)
	for text, n := range ran {
		if n != 1 {
			t.Errorf("%s ran %d times", text, n)
		}
	}
	if len(ran) != callers*each {
		t.Errorf("%d calls ran of %d", len(ran), callers*each)
	}
}

// With one broker there is nowhere to go: who asked for it is told, and can retire.
func TestRetires(t *testing.T) {
	a := startDrainable(t)
	away := make(chan protocol.GoAway, 1)
	conn, err := middlecon.Dial(t.Context(), a.address, middlecon.Options{Timeout: patience, Away: func(g protocol.GoAway) { away <- g }})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := conn.Join(t.Context(), "r", middlecon.Member{Name: "m"}, echo); err != nil {
		t.Fatal(err)
	}
	watch, err := dial(t, a.address).Watch("r")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := watch.Next(t.Context()); err != nil {
		t.Fatal(err)
	}
	a.Drain(patience)
	if g := within(t, "go_away", away); g.MoveMS == 0 {
		t.Errorf("%+v", g)
	}
	if _, err := conn.Call(t.Context(), "r", nil, middlecon.CallOptions{Deadline: patience}); !errors.Is(err, protocol.CodeShuttingDown) {
		t.Errorf("a call: %v", err)
	}
	if err := conn.Retire(t.Context()); err != nil {
		t.Error(err)
	}
	if view, err := watch.Next(t.Context()); err != nil || len(view.Gone) != 1 || view.Gone[0].Reason != protocol.ReasonLeft {
		t.Errorf("%+v, %v", view, err)
	}
	within(t, "the end of the broker", a.Ended)
}
