package middlecon_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"ddcos/middlecon"
	"ddcos/protocol"
)

// A call that waits reaches members that join after it was made.
func TestCallWaitsForMembers(t *testing.T) {
	address := serve(t)
	conn := dial(t, address)
	accounts := make(chan *middlecon.Account, 1)
	go func() {
		a, err := conn.Call(t.Context(), "r", []byte("hi"), middlecon.CallOptions{Deadline: patience, Wait: 2, WaitUpTo: time.Minute})
		if err != nil {
			t.Error(err)
		}
		accounts <- a
	}()
	joins(t, address, "r", "first", echo)
	joins(t, address, "r", "second", echo)
	if a := <-accounts; a == nil || !a.Met || a.Selected != 2 || string(outcomes(a)["first"].Reply) != "hi" {
		t.Errorf("%+v", a)
	}
	a, err := conn.Call(t.Context(), "r", nil, middlecon.CallOptions{Wait: 3, WaitUpTo: 20 * time.Millisecond, Need: protocol.Rule{Kind: protocol.RuleAtLeast, N: 3}})
	if err != nil || a.Selected != 2 || a.Met || a.Waited < 20*time.Millisecond || a.Waited > patience {
		t.Errorf("a third that does not come: %+v, %v", a, err)
	}
	if _, err := conn.Call(t.Context(), "r", nil, middlecon.CallOptions{Wait: 3, WaitUpTo: time.Hour}); !errors.Is(err, protocol.CodeBadDeadline) {
		t.Errorf("an hour: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := conn.Call(ctx, "r", nil, middlecon.CallOptions{Wait: 3}); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
}

func TestNeedLabel(t *testing.T) {
	address := serve(t)
	started, told := make(chan struct{}), make(chan struct{})
	joins(t, address, "r", "stuck", func(ctx context.Context, _ *middlecon.Message) ([]byte, error) {
		close(started)
		<-ctx.Done()
		close(told)
		return nil, nil
	})
	leads := func(context.Context, *middlecon.Message) ([]byte, error) { <-started; return nil, nil }
	if _, err := dial(t, address).Join(t.Context(), "r", middlecon.Member{Name: "leader", Labels: map[string]string{"role": "leader"}}, leads); err != nil {
		t.Fatal(err)
	}
	need := protocol.Rule{Kind: protocol.RuleLabel, Key: "role", Value: "leader"}
	a, err := dial(t, address).Call(t.Context(), "r", nil, middlecon.CallOptions{Deadline: patience, Need: need})
	if err != nil || !a.Met || a.Rule != need || outcomes(a)["stuck"].Outcome != protocol.Cancelled {
		t.Errorf("%+v, %v", a, err)
	}
	<-told
}

func TestForget(t *testing.T) {
	address := serve(t)
	for _, name := range []string{"a", "b", "c"} {
		conn := dial(t, address)
		if _, err := conn.Join(t.Context(), "r", middlecon.Member{Name: name}, echo); err != nil {
			t.Fatal(err)
		}
		_ = conn.Close()
	}
	awaitSize(t, address, "r", 0)
	conn := dial(t, address)
	if n, err := conn.Forget(t.Context(), "r", "b"); n != 1 || err != nil {
		t.Errorf("b: %d, %v", n, err)
	}
	if _, err := conn.Forget(t.Context(), "r", "b"); !errors.Is(err, protocol.CodeNoSuchMember) {
		t.Errorf("b again: %v", err)
	}
	if n, err := conn.Forget(t.Context(), "r", ""); n != 2 || err != nil {
		t.Errorf("all: %d, %v", n, err)
	}
	if view, err := conn.Members(t.Context(), "r"); err != nil || len(view.Absent) != 0 {
		t.Errorf("%+v, %v", view, err)
	}
}
