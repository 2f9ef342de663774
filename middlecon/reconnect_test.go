package middlecon_test

import (
	"context"
	"errors"
	"path/filepath"
	"testing"
	"time"

	"ddcos/middlecon"
	"ddcos/middlecon/broker/started"
	"ddcos/protocol"
)

// restartable runs brokers at one address, one after the other.
func restartable(t *testing.T) (address string, start func() (stop func())) {
	t.Helper()
	listen := protocol.Address{Network: "unix", Where: filepath.Join(t.TempDir(), "m.sock")}
	return listen.String(), func() func() { return started.At(t, listen).Stop }
}

func redial(t *testing.T, address string, lost func(error)) *middlecon.Conn {
	t.Helper()
	conn, err := middlecon.Dial(t.Context(), address, middlecon.Options{Timeout: patience, Reconnect: true, Lost: lost})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return conn
}

// fullOf reads views until a full or later one has that many members.
func fullOf(t *testing.T, w *middlecon.Watch, size int) *middlecon.View {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	var full *middlecon.View
	for {
		v, err := w.Next(ctx)
		if err != nil {
			t.Fatal(err)
		}
		if v.Full {
			full = v
		}
		if full != nil && v.Size == size {
			return full
		}
	}
}

// A broker that restarts has its members back, under their names and states,
// and those who watch see it.
func TestReconnect(t *testing.T) {
	address, start := restartable(t)
	stop := start()
	losses := make(chan error, 16)
	conn := redial(t, address, func(why error) { losses <- why })
	m, err := conn.Join(t.Context(), "r", middlecon.Member{Name: "m", Labels: map[string]string{"k": "v"}}, echo)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := m.SetState(t.Context(), map[string]string{"ready": "yes"}); err != nil {
		t.Fatal(err)
	}
	gone, err := conn.Join(t.Context(), "other", middlecon.Member{Name: "m"}, echo)
	if err != nil {
		t.Fatal(err)
	}
	if err := gone.Leave(t.Context()); err != nil {
		t.Fatal(err)
	}
	watcher := redial(t, address, nil)
	w, err := watcher.Watch("r")
	if err != nil {
		t.Fatal(err)
	}
	fullOf(t, w, 1)
	for round := range 3 {
		stop()
		if why := <-losses; why == nil {
			t.Error("lost for no reason")
		}
		stop = start()
		fullOf(t, w, 1)
		var a *middlecon.Account
		for deadline := time.Now().Add(patience); a == nil && time.Now().Before(deadline); {
			a, err = watcher.Call(t.Context(), "r", []byte("hi"), middlecon.CallOptions{Deadline: patience, State: map[string]string{"ready": "yes"}, Labels: map[string]string{"k": "v"}, Wait: 1})
		}
		if a == nil || a.Selected != 1 || string(outcomes(a)["m"].Reply) != "hi" {
			t.Fatalf("round %d: %+v, %v", round, a, err)
		}
		if view, err := watcher.Members(t.Context(), "r"); err != nil || view.Joined[0].ID != m.ID() || view.Number < m.View() {
			t.Errorf("%v is shown in view %d, and says it is %v since view %d: %v", view.Joined[0].ID, view.Number, m.ID(), m.View(), err)
		}
		if view, err := watcher.Members(t.Context(), "other"); err != nil || view.Size != 0 {
			t.Errorf("who had left is back: %+v, %v", view, err)
		}
	}
	if _, err := m.SetState(t.Context(), nil); err != nil {
		t.Error(err)
	}
	if err := m.Leave(t.Context()); err != nil {
		t.Error(err)
	}
	_ = conn.Close()
	<-conn.Done()
	if !errors.Is(conn.Err(), middlecon.ErrClosed) {
		t.Errorf("after Close: %v", conn.Err())
	}
	stop()
}

// What was in flight ends with an error, and a handler of the lost session does
// not answer a call of the next, though that has the same number.
func TestReconnectAnswersNothingOfBefore(t *testing.T) {
	address, start := restartable(t)
	stop := start()
	member := redial(t, address, nil)
	started, release := make(chan struct{}), make(chan struct{})
	handled := 0
	_, err := member.Join(t.Context(), "r", middlecon.Member{Name: "m"}, func(ctx context.Context, _ *middlecon.Message) ([]byte, error) {
		if handled++; handled > 1 {
			return []byte("new"), nil
		}
		close(started)
		<-ctx.Done() // it ends with the session
		<-release
		return []byte("old"), nil
	})
	if err != nil {
		t.Fatal(err)
	}
	lost := make(chan struct{}, 16)
	caller := redial(t, address, func(error) { lost <- struct{}{} })
	failed := make(chan error, 1)
	go func() {
		_, err := caller.Call(context.Background(), "r", nil, middlecon.CallOptions{Deadline: time.Minute})
		failed <- err
	}()
	<-started
	stop()
	if err := <-failed; !errors.Is(err, middlecon.ErrUnreachable) {
		t.Errorf("the call in flight: %v", err)
	}
	<-lost
	if _, err := caller.Call(t.Context(), "r", nil, middlecon.CallOptions{Deadline: patience}); !errors.Is(err, middlecon.ErrUnreachable) {
		t.Errorf("a call without a session: %v", err)
	}
	defer start()()
	other := make(chan *middlecon.Account, 1)
	go func() {
		for {
			a, err := caller.Call(context.Background(), "r", nil, middlecon.CallOptions{Deadline: time.Minute, Wait: 1, WaitUpTo: time.Minute})
			if err == nil {
				other <- a
				return
			}
		}
	}()
	awaitSize(t, address, "r", 1)
	close(release)
	if a := <-other; string(outcomes(a)["m"].Reply) != "new" {
		t.Errorf("%+v", a)
	}
}

// Close also ends a connection that is between two sessions.
func TestCloseWhileReconnecting(t *testing.T) {
	address, start := restartable(t)
	stop := start()
	lost := make(chan struct{}, 1)
	conn := redial(t, address, func(error) { lost <- struct{}{} })
	m, err := conn.Join(t.Context(), "r", middlecon.Member{Name: "m"}, echo)
	if err != nil {
		t.Fatal(err)
	}
	stop()
	<-lost
	if _, err := m.SetState(t.Context(), nil); !errors.Is(err, middlecon.ErrUnreachable) {
		t.Errorf("a state without a session: %v", err)
	}
	_ = conn.Close()
	<-conn.Done()
	if _, err := conn.Members(t.Context(), "r"); !errors.Is(err, middlecon.ErrClosed) {
		t.Errorf("after Close: %v", err)
	}
}

// The broker shows a member that is back before the member itself has heard of
// it: what it asks for just then is not refused.
func TestAskedRightAfterRejoining(t *testing.T) {
	for range 8 {
		address, start := restartable(t)
		stop := start()
		m, err := redial(t, address, nil).Join(t.Context(), "r", middlecon.Member{Name: "m"}, echo)
		if err != nil {
			t.Fatal(err)
		}
		stop()
		stop = start()
		w, err := redial(t, address, nil).Watch("r")
		if err != nil {
			t.Fatal(err)
		}
		fullOf(t, w, 1)
		if _, err := m.SetState(t.Context(), map[string]string{"k": "v"}); err != nil {
			t.Errorf("state: %v", err)
		}
		if err := m.Leave(t.Context()); err != nil {
			t.Errorf("leave: %v", err)
		}
		stop()
	}
}

// Without Reconnect a session that is lost says that the broker cannot be reached, also
// to who asks later; one that is closed does not.
func TestLostForGood(t *testing.T) {
	b, address := started.Unix(t)
	conn, closed := dial(t, address), dial(t, address)
	_ = closed.Close()
	b.Stop()
	<-conn.Done()
	if _, err := conn.Members(t.Context(), "r"); !errors.Is(err, middlecon.ErrUnreachable) || !errors.Is(conn.Err(), middlecon.ErrUnreachable) {
		t.Errorf("%v, then %v", conn.Err(), err)
	}
	if err := closed.Err(); !errors.Is(err, middlecon.ErrClosed) || errors.Is(err, middlecon.ErrUnreachable) {
		t.Errorf("closed: %v", err)
	}
}

// A watch that is stopped while its connection's next session begins is stopped there,
// too: its end may come before it.
func TestWatchStoppedWhileReconnecting(t *testing.T) {
	stopped := make(chan bool, 1)
	conn := play(t, func(f *fake) {
		_, _ = f.next(protocol.KindWatch)
		again, _ := f.next(protocol.KindWatch)
		end, ok := f.next(protocol.KindCancel)
		stopped <- ok && end.Sequence == again.Sequence
	})
	w, err := conn.Watch("r")
	if err != nil {
		t.Fatal(err)
	}
	conn.Again(w.Stop)
	_ = conn.Close()
	if !<-stopped {
		t.Error("the broker has the watch still")
	}
}
