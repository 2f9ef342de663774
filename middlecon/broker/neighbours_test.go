package broker

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"ddcos/middlecon"
	"ddcos/protocol"
)

const (
	neighbourMembers = 8
	neighbourCallers = 2
	neighbourRoom    = "neighbours"
)

// neighbours are healthy: members of one room, and callers of all of them at a
// steady pace. Whatever happens beside them, each account is complete.
type neighbours struct {
	address  string
	mu       sync.Mutex
	calls    []nearCall
	wrong    []string      // accounts that were not whole
	answered chan struct{} // one for each call, as far as somebody awaits it
	cancel   context.CancelFunc
	running  sync.WaitGroup
}

// nearCall is one of theirs.
type nearCall struct {
	due  time.Time
	took time.Duration // from then to its account
}

// settleNear lets the members join and the callers begin.
func settleNear(t testing.TB, address string, pace time.Duration) *neighbours {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	n := &neighbours{address: address, cancel: cancel, answered: make(chan struct{})}
	for i := range neighbourMembers {
		conn := n.dial(t)
		echo := func(_ context.Context, m *middlecon.Message) ([]byte, error) { return m.Payload, nil }
		if _, err := conn.Join(ctx, neighbourRoom, middlecon.Member{Name: fmt.Sprint("n", i)}, echo); err != nil {
			t.Fatal(err)
		}
	}
	for range neighbourCallers {
		conn := n.dial(t)
		n.running.Go(func() { n.callOn(ctx, conn, pace) })
	}
	t.Cleanup(func() {
		cancel()
		n.running.Wait()
	})
	return n
}

func (n *neighbours) dial(t testing.TB) *middlecon.Conn {
	t.Helper()
	conn, err := middlecon.Dial(t.Context(), n.address, middlecon.Options{Timeout: patience})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return conn
}

// callOn calls at a pace, but not in step with others who do. A call that is late because
// the one before took long counts from when it was due.
func (n *neighbours) callOn(ctx context.Context, conn *middlecon.Conn, pace time.Duration) {
	due := time.Now()
	for ctx.Err() == nil {
		sleepUntil(due)
		a, err := conn.Call(ctx, neighbourRoom, []byte("how are you"), middlecon.CallOptions{Deadline: patience})
		if ctx.Err() != nil {
			return
		}
		n.mu.Lock()
		n.calls = append(n.calls, nearCall{due: due, took: time.Since(due)})
		if why := incomplete(a, err); why != "" && len(n.wrong) < 10 {
			n.wrong = append(n.wrong, why)
		}
		n.mu.Unlock()
		select {
		case n.answered <- struct{}{}:
		default:
		}
		if due = due.Add(pace/2 + rand.N(pace)); err != nil {
			return
		}
	}
}

// sleepUntil is more exact than the timers of Go, which are up to a millisecond late where
// nothing else goes on in the process.
func sleepUntil(due time.Time) {
	for wait := time.Until(due); wait > 0; wait = time.Until(due) {
		at := unix.NsecToTimespec(wait.Nanoseconds())
		_ = unix.ClockNanosleep(unix.CLOCK_MONOTONIC, 0, &at, nil) // a signal may end it
	}
}

// incomplete tells what an account of the neighbours lacks.
func incomplete(a *middlecon.Account, err error) string {
	if err != nil {
		return err.Error()
	}
	if a.Selected != neighbourMembers || len(a.Outcomes) != neighbourMembers || !a.Met || len(a.Absent) > 0 || a.Late+a.Duplicate > 0 {
		return fmt.Sprintf("%+v", a)
	}
	names := map[string]bool{}
	for _, o := range a.Outcomes {
		if names[o.Name] = true; o.Outcome != protocol.OK || string(o.Reply) != "how are you" {
			return fmt.Sprintf("%+v", o)
		}
	}
	if len(names) != neighbourMembers {
		return fmt.Sprintf("%d members, some twice", len(names))
	}
	return ""
}

// heard takes the calls that were answered since it was asked last.
func (n *neighbours) heard(t testing.TB) []nearCall {
	t.Helper()
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, why := range n.wrong {
		t.Errorf("a neighbour's account: %s", why)
	}
	calls := n.calls
	n.calls, n.wrong = nil, nil
	return calls
}

// await lets so many more of the neighbours' calls be answered, without taking
// a processor for it.
func (n *neighbours) await(t testing.TB, calls int) {
	t.Helper()
	within := time.After(patience)
	for range calls {
		select {
		case <-n.answered:
		case <-within:
			t.Fatalf("the neighbours' calls are not answered within %v", patience)
		}
	}
}
