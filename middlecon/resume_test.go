package middlecon_test

import (
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"ddcos/middlecon"
	"ddcos/middlecon/broker"
	"ddcos/middlecon/broker/started"
	"ddcos/protocol"
)

// relay is a road to a broker that can be cut and closed.
type relay struct {
	t    *testing.T
	to   string
	path string

	mu     sync.Mutex // guards the fields below
	conns  map[net.Conn]bool
	closed bool // nobody gets through
}

// newRelay listens in front of the broker at a Unix socket.
func newRelay(t *testing.T, broker string) *relay {
	t.Helper()
	a, err := protocol.ParseAddress(broker)
	if err != nil {
		t.Fatal(err)
	}
	r := &relay{t: t, to: a.Where, path: filepath.Join(t.TempDir(), "relay.sock"), conns: map[net.Conn]bool{}}
	l, err := net.Listen("unix", r.path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = l.Close()
		r.cut()
	})
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go r.carry(c)
		}
	}()
	return r
}

func (r *relay) address() string { return "unix://" + r.path }

// carry joins one connection to the broker, both ways, in small pieces, so that a cut
// is rarely between two frames.
func (r *relay) carry(c net.Conn) {
	to, err := net.Dial("unix", r.to)
	if err != nil {
		_ = c.Close()
		return
	}
	r.mu.Lock()
	closed := r.closed
	r.conns[c], r.conns[to] = true, true
	r.mu.Unlock()
	if closed {
		r.cut()
	}
	go pieces(to, c)
	pieces(c, to)
}

func pieces(to, from net.Conn) {
	for err := error(nil); err == nil; {
		_, err = io.CopyN(to, from, 1+rand.Int64N(200))
	}
	_ = to.Close()
	_ = from.Close()
}

// cut ends all connections that there are.
func (r *relay) cut() {
	r.mu.Lock()
	defer r.mu.Unlock()
	for c := range r.conns {
		_ = c.Close()
	}
	clear(r.conns)
}

// shut lets nobody through, or everybody again.
func (r *relay) shut(closed bool) {
	r.mu.Lock()
	r.closed = closed
	r.mu.Unlock()
	if closed {
		r.cut()
	}
}

// window is that of the sessions here that are to come back: they do, long before.
const window = 5 * time.Minute

// serveLasting is serve, where sessions may take so long to come back.
func serveLasting(t *testing.T) string {
	t.Helper()
	options := broker.DefaultOptions()
	options.Listen = []protocol.Address{{Network: "unix", Where: filepath.Join(t.TempDir(), "m.sock")}}
	options.ResumeWindow = window
	return started.With(t, options).Addresses()[0].String()
}

// lasting dials a session that outlives its connection; resumed holds a token for each
// resume.
func lasting(t *testing.T, address string, o middlecon.Options) (c *middlecon.Conn, resumed chan struct{}) {
	t.Helper()
	resumed = make(chan struct{}, 1000)
	if o.Resume == 0 {
		o.Resume = window
	}
	o.Timeout, o.Resumed = patience, func(error) { resumed <- struct{}{} }
	c, err := middlecon.Dial(t.Context(), address, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return c, resumed
}

func await(t *testing.T, what string, c <-chan struct{}) {
	t.Helper()
	select {
	case <-c:
	case <-time.After(patience):
		t.Fatalf("%s: not in %v", what, patience)
	}
}

// A handler that runs while its connection is cut and resumed keeps its context, and
// its reply comes home.
func TestHandlerOutlivesItsConnection(t *testing.T) {
	address := serveLasting(t)
	road := newRelay(t, address)
	conn, resumed := lasting(t, road.address(), middlecon.Options{})
	begun, finish := make(chan struct{}, 1), make(chan struct{})
	m, err := conn.Join(t.Context(), "r", middlecon.Member{Name: "m"}, func(ctx context.Context, _ *middlecon.Message) ([]byte, error) {
		begun <- struct{}{}
		select {
		case <-finish:
			return []byte("done"), ctx.Err()
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	id := m.ID()
	caller := dial(t, address)
	answer := make(chan error, 1)
	go func() {
		a, err := caller.Call(t.Context(), "r", nil, middlecon.CallOptions{Deadline: time.Minute})
		if err == nil && (len(a.Outcomes) != 1 || a.Outcomes[0].Outcome != protocol.OK || string(a.Outcomes[0].Reply) != "done") {
			err = fmt.Errorf("account %+v", a)
		}
		answer <- err
	}()
	await(t, "the handler begins", begun)
	for range 3 {
		road.cut()
		await(t, "the session is resumed", resumed)
	}
	close(finish)
	if err := <-answer; err != nil {
		t.Error(err)
	}
	if m.ID() != id {
		t.Errorf("the member is %v and was %v", m.ID(), id)
	}
}

// Over roads that are cut all the time, every call reaches every member once, and
// every account says so: as a caller and as a member.
func TestCallsOverRoadsThatAreCut(t *testing.T) {
	const members, least = 3, 150
	address := serveLasting(t)
	var mu sync.Mutex
	ran := map[string]int{}
	var roads []*relay
	for i := range members {
		road := newRelay(t, address)
		roads = append(roads, road)
		conn, _ := lasting(t, road.address(), middlecon.Options{})
		_, err := conn.Join(t.Context(), "r", middlecon.Member{Name: fmt.Sprint("m", i)}, func(_ context.Context, m *middlecon.Message) ([]byte, error) {
			mu.Lock()
			defer mu.Unlock()
			ran[fmt.Sprintf("%s at m%d", m.Payload, i)]++
			return m.Payload, nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	road := newRelay(t, address)
	roads = append(roads, road)
	caller, _ := lasting(t, road.address(), middlecon.Options{})
	stop := make(chan struct{})
	var cutter sync.WaitGroup
	var cuts atomic.Int64
	cutter.Go(func() {
		for {
			select {
			case <-stop:
				return
			case <-time.After(time.Duration(5+rand.IntN(20)) * time.Millisecond):
				roads[rand.IntN(len(roads))].cut()
				cuts.Add(1)
			}
		}
	})
	calls := 0
	for seen := int64(0); calls < least || seen == 0; calls++ { // the last call comes after a cut
		seen = cuts.Load()
		a, err := caller.Call(t.Context(), "r", fmt.Appendf(nil, "call %d", calls), middlecon.CallOptions{Deadline: time.Minute})
		if err != nil {
			t.Fatalf("call %d: %v", calls, err)
		}
		for _, o := range a.Outcomes {
			if o.Outcome != protocol.OK || string(o.Reply) != fmt.Sprint("call ", calls) {
				t.Errorf("call %d: %s is %v, %q, %s", calls, o.Name, o.Outcome, o.Reply, o.Error)
			}
		}
	}
	close(stop)
	cutter.Wait()
	if len(ran) != members*calls {
		t.Errorf("%d handlers ran for %d calls to %d", len(ran), calls, members)
	}
	for which, n := range ran {
		if n != 1 {
			t.Errorf("%s ran %d times", which, n)
		}
	}
	s, err := dial(t, address).Status(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%d cuts, %d resumes", cuts.Load(), s.Resumed)
	if s.Resumed == 0 || s.Expired != 0 || s.Accepted != uint64(calls) || s.Absent != 0 {
		t.Errorf("%+v", s)
	}
}

// Whose session is over when it comes back rejoins as after any loss.
func TestResumeTooLateIsALoss(t *testing.T) {
	address := serve(t)
	road := newRelay(t, address)
	lost := make(chan struct{}, 100)
	conn, _ := lasting(t, road.address(), middlecon.Options{Reconnect: true, Resume: 50 * time.Millisecond, Lost: func(error) { lost <- struct{}{} }})
	m, err := conn.Join(t.Context(), "r", middlecon.Member{Name: "m"}, echo)
	if err != nil {
		t.Fatal(err)
	}
	w, err := dial(t, address).Watch("r")
	if err != nil {
		t.Fatal(err)
	}
	fullOf(t, w, 1)
	first := m.ID()
	road.shut(true)
	await(t, "the session is lost", lost)
	for gone := false; !gone; {
		v, err := w.Next(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		gone = len(v.Gone) > 0
	}
	road.shut(false)
	a, err := dial(t, address).Call(t.Context(), "r", []byte("x"), middlecon.CallOptions{Deadline: patience, Wait: 1, WaitUpTo: patience})
	if err != nil || a.Counts()[protocol.OK] != 1 {
		t.Fatalf("%+v, %v", a, err)
	}
	if m.ID() == first {
		t.Error("a session that was lost has the same member still")
	}
}

// A will is published when a process is lost, and not when it closes.
func TestWillOfTheLost(t *testing.T) {
	address := serve(t)
	heard := make(chan *middlecon.Message, 10)
	heir := dial(t, address)
	if _, err := heir.Join(t.Context(), "r", middlecon.Member{Name: "heir"}, func(_ context.Context, m *middlecon.Message) ([]byte, error) {
		heard <- m
		return nil, nil
	}); err != nil {
		t.Fatal(err)
	}
	w, err := heir.Watch("r")
	if err != nil {
		t.Fatal(err)
	}
	leave := func(text string, road string) *middlecon.Conn {
		c := dial(t, road)
		if _, err := c.Join(t.Context(), "r", middlecon.Member{Name: text}, echo); err != nil {
			t.Fatal(err)
		}
		if err := c.SetWill(t.Context(), "r", []byte(text), middlecon.WillOptions{}); err != nil {
			t.Fatal(err)
		}
		return c
	}
	road := newRelay(t, address)
	if err := leave("closes", road.address()).Close(); err != nil {
		t.Fatal(err)
	}
	awaitSize(t, address, "r", 1) // its goodbye has come: it is not cut
	leave("dies", road.address())
	road.cut()
	m := <-heard
	if m.Will == nil || m.Will.Name != "dies" || string(m.Payload) != "dies" || !m.NoReply || m.Will.Member == 0 || m.Will.Reason == "" {
		t.Errorf("heard %+v, %+v", m, m.Will)
	}
	for {
		v, err := w.Next(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if v.Will == nil {
			continue
		}
		if v.Will.Name != "dies" || string(v.Will.Payload) != "dies" || v.Size != 2 {
			t.Errorf("watched %+v, %+v", v, v.Will)
		}
		break
	}
	s, err := heir.Status(t.Context())
	if err != nil || s.WillsSent != 1 || s.Wills != 0 {
		t.Errorf("%+v, %v", s, err)
	}
}

// A ping is acknowledged before it is answered, so that a broker which only pings has
// nothing to keep.
func TestPingIsAcknowledged(t *testing.T) {
	l, err := net.Listen("unix", filepath.Join(t.TempDir(), "fake.sock"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	said := make(chan []string, 1)
	go func() {
		c, err := l.Accept()
		if err != nil {
			said <- []string{err.Error()}
			return
		}
		defer func() { _ = c.Close() }()
		f := &fake{t: t, c: c}
		f.next(protocol.KindHello)
		f.send(protocol.Header{Kind: protocol.KindWelcome}, protocol.Welcome{Version: protocol.Version, MaxFrame: protocol.MaxFrame, WindowMS: 60_000, Resume: make([]byte, 16)}, nil)
		var all []string
		for i := range uint64(2) {
			f.send(protocol.Header{Kind: protocol.KindPing, Sequence: 70 + i}, nil, nil)
			for range 2 {
				frame, _ := f.any()
				all = append(all, fmt.Sprint(frame.Kind, " ", frame.Sequence))
			}
		}
		said <- all
	}()
	conn, err := middlecon.Dial(t.Context(), "unix://"+l.Addr().String(), middlecon.Options{Timeout: patience, Resume: time.Minute})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	if got, want := <-said, []string{"ack 2", "pong 70", "ack 3", "pong 71"}; !slices.Equal(got, want) {
		t.Errorf("it said %q, want %q", got, want)
	}
}
