package middlecon_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"ddcos/middlecon"
	"ddcos/protocol"
)

// worker joins as a session of its own that takes offers.
func worker(t testing.TB, address, name string, bid func(context.Context, *middlecon.Message) (uint64, error), work middlecon.Handler) *middlecon.Conn {
	t.Helper()
	conn := dial(t, address)
	if _, err := conn.Join(t.Context(), "r", middlecon.Member{Name: name, Bid: bid, Work: work}, echo); err != nil {
		t.Fatal(err)
	}
	return conn
}

func costs(n uint64) func(context.Context, *middlecon.Message) (uint64, error) {
	return func(context.Context, *middlecon.Message) (uint64, error) { return n, nil }
}

func TestOffer(t *testing.T) {
	address := serve(t)
	joins(t, address, "r", "takes none", echo)
	worker(t, address, "declines", func(context.Context, *middlecon.Message) (uint64, error) { return 0, errors.New("no disk") }, echo)
	worker(t, address, "panics", func(context.Context, *middlecon.Message) (uint64, error) { panic("planted") }, echo)
	worker(t, address, "dear", costs(9), echo)
	worker(t, address, "cheap", costs(3), func(_ context.Context, m *middlecon.Message) ([]byte, error) {
		return append([]byte("did "), m.Payload...), nil
	})
	var told []middlecon.Bound
	a, err := dial(t, address).Offer(t.Context(), "r", []byte("job"), middlecon.OfferOptions{
		Deadline: 2 * patience, Window: patience, Bound: func(b middlecon.Bound) { told = append(told, b) },
	})
	if err != nil {
		t.Fatal(err)
	}
	got := outcomes(a)
	for name, want := range map[string]struct {
		outcome protocol.Outcome
		text    string
	}{
		"takes none": {protocol.Refused, "takes no offers"},
		"declines":   {protocol.Refused, "no disk"},
		"panics":     {protocol.Refused, "the bid panicked: planted"},
		"dear":       {protocol.NotBound, ""},
		"cheap":      {protocol.OK, "did job"},
	} {
		if o := got[name]; o.Outcome != want.outcome || o.Error+string(o.Reply) != want.text {
			t.Errorf("%s: %v %q %q, want %v %q", name, o.Outcome, o.Error, o.Reply, want.outcome, want.text)
		}
	}
	o, ok := a.BoundOutcome()
	if !ok || o.Name != "cheap" || !a.Met || a.Bids != 2 || a.Selected != 5 || len(told) != 1 || told[0].Member != a.Bound || told[0].Name != "cheap" {
		t.Errorf("bound %+v, met %v, %d bids, %d selected, told %+v", o, a.Met, a.Bids, a.Selected, told)
	}
	// All had answered, so the window was not waited for.
	if a.Elapsed >= patience {
		t.Errorf("it took %v", a.Elapsed)
	}
	if _, err := dial(t, address).Offer(t.Context(), "r", nil, middlecon.OfferOptions{Window: middlecon.DefaultDeadline}); !errors.Is(err, protocol.CodeBadDeadline) {
		t.Errorf("a window as long as the deadline: %v", err)
	}
}

// Many offers by many callers to a few members, calls among them: each is done
// once, by the one that its account names.
func TestOffersAreDoneOnce(t *testing.T) {
	address := serve(t)
	const members, callers, each = 4, 4, 25
	var done sync.Map // by payload, who did it
	for i := range members {
		name := fmt.Sprint("w", i)
		var at atomic.Int32
		worker(t, address, name, nil, func(_ context.Context, m *middlecon.Message) ([]byte, error) {
			if at.Add(1) != 1 {
				t.Errorf("%s works on two at once", name)
			}
			defer at.Add(-1)
			if first, again := done.LoadOrStore(string(m.Payload), name); again {
				t.Errorf("%s is done by %v and by %s", m.Payload, first, name)
			}
			return []byte(name), nil
		})
	}
	var all sync.WaitGroup
	for i := range callers {
		conn := dial(t, address)
		all.Go(func() {
			for k := range each {
				job := fmt.Sprintf("%d.%d", i, k)
				a, err := conn.Offer(t.Context(), "r", []byte(job), middlecon.OfferOptions{Deadline: patience})
				if err != nil || !a.Met {
					t.Errorf("%s: %v, %+v", job, err, a)
					return
				}
				by, _ := done.Load(job)
				if o, _ := a.BoundOutcome(); o.Name != by || string(o.Reply) != by {
					t.Errorf("%s is bound to %s and was done by %v", job, o.Name, by)
				}
			}
		})
	}
	all.Wait()
	s, err := dial(t, address).Status(t.Context())
	if err != nil || s.OffersAccepted != callers*each || s.OffersFinished != callers*each || s.OffersBound != callers*each || s.Accepted != 0 {
		t.Errorf("status %+v, %v", s, err)
	}
}

// The bound one is lost while it works: the caller is told, and offers again.
func TestOfferAgain(t *testing.T) {
	address := serve(t)
	var conns sync.Map
	work := func(ctx context.Context, m *middlecon.Message) ([]byte, error) {
		if string(m.Payload) == "again" {
			return []byte("done"), nil
		}
		<-ctx.Done()
		return nil, ctx.Err()
	}
	for _, name := range []string{"one", "two"} {
		conns.Store(name, worker(t, address, name, nil, work))
	}
	conn := dial(t, address)
	a, err := conn.Offer(t.Context(), "r", []byte("first"), middlecon.OfferOptions{Deadline: patience, Bound: func(b middlecon.Bound) {
		c, _ := conns.Load(b.Name)
		go func() { _ = c.(*middlecon.Conn).Close() }()
	}})
	if err != nil {
		t.Fatal(err)
	}
	lost, ok := a.BoundOutcome()
	if !ok || lost.Outcome != protocol.LostAfterSend || a.Met || a.Elapsed >= patience {
		t.Fatalf("%+v, %v", a, ok)
	}
	if a, err = conn.Offer(t.Context(), "r", []byte("again"), middlecon.OfferOptions{Deadline: patience}); err != nil || !a.Met {
		t.Fatalf("%+v, %v", a, err)
	}
	if o, _ := a.BoundOutcome(); o.Name == lost.Name || string(o.Reply) != "done" {
		t.Errorf("again: %+v", o)
	}
}

// A member that works does not bid, and answers calls meanwhile.
func TestBusyWorker(t *testing.T) {
	address := serve(t)
	begun, end := make(chan struct{}), make(chan struct{})
	worker(t, address, "only", nil, func(context.Context, *middlecon.Message) ([]byte, error) {
		close(begun)
		<-end
		return nil, nil
	})
	first := make(chan *middlecon.Account, 1)
	go func() {
		a, _ := dial(t, address).Offer(t.Context(), "r", nil, middlecon.OfferOptions{Deadline: patience})
		first <- a
	}()
	<-begun
	conn := dial(t, address)
	a, err := conn.Offer(t.Context(), "r", nil, middlecon.OfferOptions{Deadline: 2 * time.Second})
	if err != nil || a.Bound != 0 || a.Outcomes[0].Outcome != protocol.Timeout || a.Elapsed < 2*time.Second {
		t.Errorf("while it works: %+v, %v", a, err)
	}
	if a, err := conn.Call(t.Context(), "r", []byte("hi"), middlecon.CallOptions{Deadline: patience}); err != nil || !a.Met {
		t.Errorf("a call meanwhile: %+v, %v", a, err)
	}
	close(end)
	if a := <-first; a == nil || !a.Met {
		t.Errorf("the work: %+v", a)
	}
}

// The context of the work ends when its caller is gone.
func TestOfferCancelled(t *testing.T) {
	address := serve(t)
	begun, ended := make(chan struct{}), make(chan struct{})
	worker(t, address, "w", nil, func(ctx context.Context, _ *middlecon.Message) ([]byte, error) {
		close(begun)
		<-ctx.Done()
		close(ended)
		return nil, ctx.Err()
	})
	ctx, cancel := context.WithCancel(t.Context())
	go func() { <-begun; cancel() }()
	if _, err := dial(t, address).Offer(ctx, "r", nil, middlecon.OfferOptions{Deadline: patience}); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v", err)
	}
	<-ended
}

// A worker begins when it is bound and not before, and once.
func TestWorkerOnTheWire(t *testing.T) {
	began := make(chan string, 8)
	end := make(chan struct{})
	finished := make(chan []protocol.Frame, 1)
	conn := play(t, func(f *fake) {
		f.admit()
		offered := func(call uint64) {
			f.send(protocol.Header{Kind: protocol.KindOffered, Sequence: call, Room: 1, Budget: uint32(patience.Microseconds())},
				protocol.Deliver{View: 1, Host: "h"}, fmt.Append(nil, call))
		}
		bind := func(call uint64) {
			f.send(protocol.Header{Kind: protocol.KindBind, Sequence: call, Room: 1, Budget: uint32(patience.Microseconds())}, nil, nil)
		}
		bind(7) // it was not offered that
		offered(8)
		f.next(protocol.KindBid)
		f.send(protocol.Header{Kind: protocol.KindCancel, Sequence: 8, Room: 1}, nil, nil)
		bind(8) // too late: it has forgotten
		offered(9)
		f.next(protocol.KindBid)
		bind(9)
		bind(9)
		f.next(protocol.KindReceipt) // of the bind, or of the offer where the runtime was slow to bid
		close(end)
		reply, _ := f.next(protocol.KindReply)
		f.send(protocol.Header{Kind: protocol.KindPing, Sequence: 1}, nil, nil)
		after, _ := f.any() // a second reply, if there were one
		finished <- []protocol.Frame{reply, after}
	})
	_, err := conn.Join(t.Context(), "r", middlecon.Member{Name: "w", Work: func(_ context.Context, m *middlecon.Message) ([]byte, error) {
		began <- string(m.Payload)
		<-end
		return nil, nil
	}}, echo)
	if err != nil {
		t.Fatal(err)
	}
	if said := <-finished; said[0].Sequence != 9 || said[0].Outcome != protocol.OK || said[1].Kind != protocol.KindPong {
		t.Errorf("it said %+v", said)
	}
	if n := len(began); n != 1 || <-began != "9" {
		t.Errorf("it began %d times", n)
	}
}
