package faults

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"ddcos/k2i"
	"ddcos/k2i/fleet"
	"ddcos/k2i/ipc"
	"ddcos/k2i/query"
	"ddcos/k2i/wire"
	"ddcos/middlecon"
	"ddcos/protocol"
)

// still is an agent whose host does not change.
type still k2i.Snapshot

func (s *still) Snapshot() *k2i.Snapshot { return (*k2i.Snapshot)(s) }

// awaitMembers waits until a broker's room has so many.
func awaitMembers(t *testing.T, address, room string, n int) {
	t.Helper()
	conn, err := middlecon.Dial(t.Context(), address, middlecon.Options{Timeout: patience})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	watch, err := conn.Watch(room)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	for {
		view, err := watch.Next(ctx)
		if err != nil {
			t.Fatalf("waiting for %d members: %v", n, err)
		}
		if view.Size == n {
			return
		}
	}
}

// TestOneOfTwoBrokersKilled (fault 4): agents are at two brokers, and one of these is
// killed while all hosts are asked, at another moment each time. Each host's row is
// there, once, at the cost of one more question at most.
func TestOneOfTwoBrokersKilled(t *testing.T) {
	t.Parallel()
	brokers := []*brokerProcess{startBroker(t, t.TempDir(), setup{}), startBroker(t, t.TempDir(), setup{})}
	both := brokers[0].socket + "," + brokers[1].socket
	const hosts = 20
	ctx, cancel := context.WithCancel(context.Background())
	var agents sync.WaitGroup
	defer agents.Wait()
	defer cancel()
	for i := range hosts {
		name := fmt.Sprintf("host%02d", i)
		options := ipc.DefaultOptions()
		options.Broker, options.Name, options.Backoff, options.MaxBackoff = both, name, 5*time.Millisecond, 50*time.Millisecond
		options.Source = &still{
			Host: k2i.Host{ID: k2i.HostID(name), Name: name, CPUs: 1, TicksPerSecond: 100, PageBytes: 4096}, At: time.Now(),
			Mode: k2i.ModeBPF, Visibility: k2i.VisibilityFull, BusyCPUs: k2i.NoRate(),
			Processes: []*k2i.Process{{PID: 1, RCPU: k2i.NoRate()}},
		}
		agents.Go(func() { ipc.New(options).Run(ctx) })
	}
	var retries, reasked int
	var worst, back time.Duration
	for round := range 50 {
		for _, b := range brokers {
			awaitMembers(t, b.socket, wire.Room, hosts)
		}
		killed := brokers[round/2%2]
		source := fleet.Brokers(both, 10*time.Second, middlecon.Options{})
		if round%2 == 0 { // else it opens its sessions meanwhile
			if _, err := fleet.Ask(t.Context(), source, query.Query{}); err != nil {
				t.Fatal(err)
			}
		}
		at := time.Now()
		done := make(chan struct{})
		time.AfterFunc(rand.N(8*time.Millisecond), func() {
			defer close(done)
			killed.end()
		})
		table, err := fleet.Ask(t.Context(), source, query.Query{})
		if err != nil {
			t.Fatalf("round %d: %v", round, err)
		}
		worst = max(worst, time.Since(at))
		<-done
		_ = source.Close()
		asked := 0
		for _, b := range table.Brokers {
			asked += b.Questions
			reasked += b.Hosts
		}
		if len(table.Hosts) != hosts || len(table.Rows) != hosts || len(table.Failed()) != 0 || asked > 2 {
			t.Errorf("round %d: %d hosts, %d rows, %d questions: %+v, failed %+v", round, len(table.Hosts), len(table.Rows), asked, table.Brokers, table.Failed())
		}
		retries += asked - 1
		at = time.Now()
		killed.serve(t)
		awaitMembers(t, killed.socket, wire.Room, hosts)
		back = max(back, time.Since(at))
	}
	t.Logf("50 times: %d second questions, %d hosts asked at the other; an answer after %v at most; a new broker has all %d hosts after %v at most", retries, reasked, worst, hosts, back)
}

// TestDrainOfMany (fault 4): a broker of 2,000 sessions is drained under calls. No call
// fails and nobody is lost; all have moved within the grace, and not all at once.
func TestDrainOfMany(t *testing.T) {
	const sessions, callers, grace = 2000, 4, 40 * time.Second
	w := begin(t, setup{flags: []string{"--grace", grace.String()}})
	second := startBroker(t, t.TempDir(), setup{})
	both := w.broker.socket + "," + second.socket
	w.members(plan{Names: names("m", sessions), Address: both, Reconnect: true})
	watch, err := middlecon.Dial(t.Context(), second.socket, middlecon.Options{Timeout: patience})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = watch.Close() }()
	views, err := watch.Watch(theRoom)
	if err != nil {
		t.Fatal(err)
	}
	var over atomic.Bool
	var calls atomic.Int64
	var group sync.WaitGroup
	for i := range callers {
		conn, err := middlecon.Dial(t.Context(), both, middlecon.Options{Timeout: patience, Reconnect: true, Lost: func(why error) { t.Errorf("a caller lost its broker: %v", why) }})
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = conn.Close() }()
		group.Go(func() {
			for n := uint64(1); !over.Load(); n++ {
				key := Key{fmt.Sprintf("c%d", i), int(n)}
				account, err := conn.Call(context.Background(), theRoom, Payload(key, nil, 0), middlecon.CallOptions{Deadline: patience})
				if err != nil {
					t.Errorf("call %v: %v", key, err)
					return
				}
				if ok := account.Counts()[protocol.OK]; ok != account.Selected {
					t.Errorf("call %v: %v", key, account.Counts())
				}
				calls.Add(1)
			}
		})
	}
	begun := time.Now()
	w.broker.signal(t, unix.SIGTERM)
	var arrived []time.Duration
	ctx, cancel := context.WithTimeout(t.Context(), 2*grace)
	defer cancel()
	for size := 0; size < sessions; {
		view, err := views.Next(ctx)
		if err != nil {
			t.Fatalf("%d of %d have moved: %v", size, sessions, err)
		}
		for range view.Joined {
			arrived = append(arrived, time.Since(begun))
		}
		size = view.Size
	}
	over.Store(true)
	group.Wait()
	<-w.broker.done
	tenth := arrived[len(arrived)/10]
	most := arrived[len(arrived)*9/10]
	if last := arrived[len(arrived)-1]; last > grace {
		t.Errorf("the last came after %v, the grace is %v", last, grace)
	}
	if most-tenth < grace/moveWindow/4 {
		t.Errorf("eight in ten came within %v of a grace of %v", most-tenth, grace)
	}
	t.Logf("%d sessions moved: a tenth after %v, half after %v, nine tenths after %v, the last after %v; %d calls, none failed",
		sessions, tenth, arrived[len(arrived)/2], most, arrived[len(arrived)-1], calls.Load())
}

// moveWindow is the part of the grace over which sessions spread their moving.
const moveWindow = 2
