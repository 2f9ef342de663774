package ipc

import (
	"bytes"
	"context"
	"log/slog"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"ddcos/k2i"
	"ddcos/k2i/query"
	"ddcos/k2i/wire"
	"ddcos/middlecon"
	"ddcos/middlecon/broker/started"
	"ddcos/protocol"
)

// source holds the newest snapshot, as an agent does.
type source struct{ snap atomic.Pointer[k2i.Snapshot] }

func (s *source) Snapshot() *k2i.Snapshot { return s.snap.Load() }

func snapshot() *k2i.Snapshot {
	return &k2i.Snapshot{
		Host: k2i.Host{ID: "boot.1", Name: "node7", CPUs: 1, TicksPerSecond: 100, PageBytes: 4096},
		At:   time.Now(), Mode: k2i.ModeBPF, Visibility: k2i.VisibilityFull, BusyCPUs: k2i.NoRate(),
		Processes: []*k2i.Process{{PID: 1, RSSBytes: 10, RCPU: k2i.NoRate()}, {PID: 7, RSSBytes: 30, RCPU: 0.5}},
	}
}

// serveBroker runs a real broker until stop is called.
func serveBroker(t *testing.T, path string) (stop func()) {
	t.Helper()
	return started.At(t, protocol.Address{Network: "unix", Where: path}).Stop
}

// lines is a log that a test can wait for.
type lines struct {
	mu   sync.Mutex
	text bytes.Buffer
	more chan struct{} // holds one while there is something new
}

func (l *lines) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.text.Write(b)
	select {
	case l.more <- struct{}{}:
	default:
	}
	return len(b), nil
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// wait returns when the log has n times want.
func (l *lines) wait(t *testing.T, want string, n int) {
	t.Helper()
	deadline := time.After(time.Minute)
	for strings.Count(l.String(), want) < n {
		select {
		case <-l.more:
		case <-deadline:
			t.Fatalf("%q is not there %d times:\n%s", want, n, l)
		}
	}
}

// run keeps an agent in the room of the broker until stop is called.
func run(t *testing.T, address, name string, s Source) (m *Member, log *lines, stop func()) {
	t.Helper()
	log = &lines{more: make(chan struct{}, 1)}
	options := DefaultOptions()
	options.Broker, options.Name, options.Source = address, name, s
	options.Log, options.Connections = slog.New(slog.NewTextHandler(log, nil)), looker{}
	options.Backoff, options.MaxBackoff = time.Millisecond, 20*time.Millisecond
	m = New(options)
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		m.Run(ctx)
	}()
	stop = func() { cancel(); <-ended }
	t.Cleanup(stop)
	return m, log, stop
}

// call asks everybody in the room.
func call(t *testing.T, address string, payload []byte) *middlecon.Account {
	t.Helper()
	conn, err := middlecon.Dial(t.Context(), address, middlecon.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	account, err := conn.Call(t.Context(), wire.Room, payload, middlecon.CallOptions{Deadline: time.Minute})
	if err != nil {
		t.Fatal(err)
	}
	return account
}

func TestAnswers(t *testing.T) {
	path := filepath.Join(t.TempDir(), "m.sock")
	address := "unix://" + path
	serveBroker(t, path)
	s := &source{}
	m, log, _ := run(t, address, "node7", s)
	log.wait(t, "joined the room", 1)

	top := wire.EncodeRequest(wire.Request{Query: query.Query{Sort: []query.Key{{Field: "rss_bytes", Descending: true}}, Limit: 1}})
	tests := []struct {
		name    string
		snap    *k2i.Snapshot
		payload []byte
		outcome protocol.Outcome
		err     string
	}{
		{"no sample", nil, top, protocol.AppError, "no sample yet"},
		{"an answer", snapshot(), top, protocol.OK, ""},
		{"garbage", snapshot(), []byte{0xc1}, protocol.AppError, "malformed"},
		{"nothing", snapshot(), nil, protocol.AppError, "malformed"},
		{"a wrong key", snapshot(), wire.EncodeRequest(wire.Request{Query: query.Query{Sort: []query.Key{{Field: "rs"}}}}), protocol.AppError, "did you mean rss"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			s.snap.Store(test.snap)
			account := call(t, address, test.payload)
			if len(account.Outcomes) != 1 || account.Outcomes[0].Name != "node7" {
				t.Fatalf("account %+v", account)
			}
			o := account.Outcomes[0]
			if o.Outcome != test.outcome || !strings.Contains(o.Error, test.err) {
				t.Fatalf("got %v %q, want %v %q", o.Outcome, o.Error, test.outcome, test.err)
			}
			if o.Outcome != protocol.OK {
				return
			}
			a, err := wire.DecodeAnswer(o.Reply, query.Query{})
			if err != nil || len(a.Processes) != 1 || a.Processes[0].PID != 7 || a.Total != 2 {
				t.Errorf("answer %+v, %v", a, err)
			}
		})
	}
	if m.Questions() != 5 || m.Failures() != 4 || m.Joins() != 1 || m.Joined() != 1 {
		t.Errorf("%d questions, %d failures, %d joins", m.Questions(), m.Failures(), m.Joins())
	}
}

// TestAnswersAtLength needs more than one frame for a reply.
func TestAnswersAtLength(t *testing.T) {
	path := filepath.Join(t.TempDir(), "m.sock")
	address := "unix://" + path
	serveBroker(t, path)
	s := &source{}
	snap := snapshot()
	for i := range 4000 {
		snap.Processes = append(snap.Processes, &k2i.Process{PID: int32(100 + i), RCPU: k2i.NoRate()})
	}
	s.snap.Store(snap)
	_, log, _ := run(t, address, "node7", s)
	log.wait(t, "joined the room", 1)
	o := call(t, address, wire.EncodeRequest(wire.Request{})).Outcomes[0]
	a, err := wire.DecodeAnswer(o.Reply, query.Query{})
	if err != nil || len(a.Processes) != len(snap.Processes) || len(o.Reply) < 10*protocol.MaxFrame {
		t.Errorf("%v: %d bytes, %v", o.Outcome, len(o.Reply), err)
	}
}

// looker finds one connection of whatever process it is asked for.
type looker struct{}

func (looker) Connections(_ context.Context, filter k2i.ConnectionFilter) (*k2i.Connections, error) {
	if len(filter.PIDs) == 0 {
		return nil, context.DeadlineExceeded
	}
	return &k2i.Connections{Mode: k2i.ModeBPF, Rows: []k2i.Connection{{PID: filter.PIDs[0], LocalAddr: "10.0.0.1", LocalPort: 80}}}, nil
}

// Connections are asked for in the same room, and come in a body of their own.
func TestAnswersConnections(t *testing.T) {
	path := filepath.Join(t.TempDir(), "m.sock")
	address := "unix://" + path
	serveBroker(t, path)
	s := &source{}
	s.snap.Store(snapshot())
	_, log, _ := run(t, address, "node7", s)
	log.wait(t, "joined the room", 1)
	o := call(t, address, wire.EncodeRequest(wire.Request{Connections: &k2i.ConnectionFilter{PIDs: []int32{7}}})).Outcomes[0]
	a, err := wire.DecodeConnections(o.Reply)
	if err != nil || a.Host.Name != "node7" || len(a.Connections.Rows) != 1 || a.Connections.Rows[0].PID != 7 || a.Connections.Rows[0].LocalPort != 80 {
		t.Errorf("%v %q: %+v, %v", o.Outcome, o.Error, a, err)
	}
	o = call(t, address, wire.EncodeRequest(wire.Request{Connections: &k2i.ConnectionFilter{}})).Outcomes[0]
	if o.Outcome != protocol.AppError || !strings.Contains(o.Error, "deadline") {
		t.Errorf("%v %q", o.Outcome, o.Error)
	}
}

func TestLivesWithoutABroker(t *testing.T) {
	path := filepath.Join(t.TempDir(), "m.sock")
	address := "unix://" + path
	s := &source{}
	s.snap.Store(snapshot())
	m, log, stop := run(t, address, "node7", s)
	log.wait(t, "cannot be reached", 1)
	for round := 1; round <= 3; round++ {
		end := serveBroker(t, path)
		log.wait(t, "joined the room", round)
		if o := call(t, address, wire.EncodeRequest(wire.Request{})).Outcomes; len(o) != 1 || o[0].Outcome != protocol.OK {
			t.Fatalf("round %d: %+v", round, o)
		}
		end()
		log.wait(t, "the broker goes away", round)
	}
	stop()
	if m.Joined() != 0 || m.Joins() != 3 {
		t.Errorf("joined %v, %d joins", m.Joined(), m.Joins())
	}
	// However often it was dialled, a reason is told once for each time away.
	if n := strings.Count(log.String(), "cannot be reached"); n > 4 {
		t.Errorf("%d lines say the same:\n%s", n, log)
	}
}

func TestNameTaken(t *testing.T) {
	path := filepath.Join(t.TempDir(), "m.sock")
	address := "unix://" + path
	serveBroker(t, path)
	s := &source{}
	_, first, stopFirst := run(t, address, "node7", s)
	first.wait(t, "joined the room", 1)
	_, second, _ := run(t, address, "node7", s)
	second.wait(t, "give this one a name of its own with --name", 1)
	stopFirst() // the name is free again
	second.wait(t, "joined the room", 1)
}

// TestLeaves finds nobody absent after an agent was told to stop.
func TestLeaves(t *testing.T) {
	path := filepath.Join(t.TempDir(), "m.sock")
	address := "unix://" + path
	serveBroker(t, path)
	_, log, stop := run(t, address, "node7", &source{})
	log.wait(t, "joined the room", 1)
	stop()
	if account := call(t, address, nil); len(account.Outcomes) != 0 || len(account.Absent) != 0 {
		t.Errorf("it was lost, not left: %+v", account)
	}
}

// An agent is in the room of each broker; it leaves one that drains, as nobody who is
// lost does, and comes back to it.
func TestSeveralBrokers(t *testing.T) {
	first, second := filepath.Join(t.TempDir(), "m.sock"), filepath.Join(t.TempDir(), "m.sock")
	stopFirst := serveBroker(t, first)
	serveBroker(t, second)
	s := &source{}
	s.snap.Store(snapshot())
	m, log, _ := run(t, "unix://"+first+", unix://"+second, "node7", s)
	log.wait(t, "joined the room", 2)
	if m.Joined() != 2 {
		t.Errorf("in %d rooms", m.Joined())
	}
	for _, path := range []string{first, second} {
		if a := call(t, "unix://"+path, wire.EncodeRequest(wire.Request{})); len(a.Outcomes) != 1 || !a.Met {
			t.Errorf("%+v", a)
		}
	}
	conn, err := middlecon.Dial(t.Context(), "unix://"+first, middlecon.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	watch, err := conn.Watch(wire.Room)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := watch.Next(t.Context()); err != nil {
		t.Fatal(err)
	}
	stopFirst() // within its grace
	if view, err := watch.Next(t.Context()); err != nil || len(view.Gone) != 1 || view.Gone[0].Reason != protocol.ReasonLeft {
		t.Errorf("%+v, %v", view, err)
	}
	if a := call(t, "unix://"+second, wire.EncodeRequest(wire.Request{})); len(a.Outcomes) != 1 || !a.Met {
		t.Errorf("%+v", a)
	}
	serveBroker(t, first)
	log.wait(t, "joined the room", 3)
}
