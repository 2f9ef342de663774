package broker

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

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
	took     []time.Duration // from when a call was due to its account
	wrong    []string        // accounts that were not whole
	answered chan struct{}   // one for each call, as far as somebody awaits it
	cancel   context.CancelFunc
	running  sync.WaitGroup
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
	conn, err := middlecon.Dial(t.Context(), n.address, middlecon.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return conn
}

// callOn calls at every tick. A call that is late because the one before took
// long counts from when it was due.
func (n *neighbours) callOn(ctx context.Context, conn *middlecon.Conn, pace time.Duration) {
	due := time.Now()
	for ctx.Err() == nil {
		if wait := time.Until(due); wait > 0 {
			select {
			case <-ctx.Done():
				return
			case <-time.After(wait):
			}
		}
		a, err := conn.Call(ctx, neighbourRoom, []byte("how are you"), middlecon.CallOptions{Deadline: patience})
		if ctx.Err() != nil {
			return
		}
		n.mu.Lock()
		n.took = append(n.took, time.Since(due))
		if why := incomplete(a, err); why != "" && len(n.wrong) < 10 {
			n.wrong = append(n.wrong, why)
		}
		n.mu.Unlock()
		select {
		case n.answered <- struct{}{}:
		default:
		}
		if due = due.Add(pace); err != nil {
			return
		}
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

// heard takes how long the calls took since it was asked last, in order.
func (n *neighbours) heard(t testing.TB) []time.Duration {
	t.Helper()
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, why := range n.wrong {
		t.Errorf("a neighbour's account: %s", why)
	}
	took := n.took
	n.took, n.wrong = nil, nil
	slices.Sort(took)
	return took
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
