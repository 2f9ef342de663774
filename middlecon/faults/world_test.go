package faults

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"ddcos/middlecon"
	"ddcos/protocol"
)

const theRoom = "faults"

// world is one broker, its members and callers, and what is known of them.
type world struct {
	*testing.T
	dir      string
	broker   *brokerProcess
	journals []string
	procs    []*process
	callers  []*caller
	watching context.CancelFunc
	watched  chan struct{} // closed when no more views come
	control  *middlecon.Conn

	mu      sync.Mutex // guards the fields below
	h       History
	era     int
	in      map[protocol.MemberID]string // the latest view
	view    uint64
	changed chan struct{} // closed at the next view
}

// begin starts a broker and watches its room.
func begin(t *testing.T, s setup) *world {
	t.Helper()
	t.Parallel()
	w := &world{T: t, dir: t.TempDir(), h: History{Margin: 15 * time.Second, Sick: map[string]bool{}}}
	w.broker = startBroker(t, w.dir, s)
	w.watch()
	t.Cleanup(func() {
		if t.Failed() {
			log, _ := os.ReadFile(w.broker.log)
			t.Logf("the broker's log: %s", log[max(0, len(log)-4000):])
		}
	})
	return w
}

// watch begins to follow one life of the broker.
func (w *world) watch() {
	w.Helper()
	options := middlecon.DefaultOptions()
	options.Timeout = patience
	conn, err := middlecon.Dial(w.Context(), w.broker.socket, options)
	if err != nil {
		w.Fatal(err)
	}
	watch, err := conn.Watch(theRoom)
	if err != nil {
		w.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	w.control, w.watching, w.watched = conn, cancel, make(chan struct{})
	w.mu.Lock()
	w.in, w.view, w.changed = map[protocol.MemberID]string{}, 0, make(chan struct{})
	era := w.era
	w.mu.Unlock()
	w.Cleanup(func() { cancel(); _ = conn.Close() })
	go func() {
		defer close(w.watched)
		for {
			v, err := watch.Next(ctx)
			if err != nil {
				return
			}
			w.viewed(era, v)
		}
	}()
}

func (w *world) viewed(era int, v *middlecon.View) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(v.Changed) > 0 || v.Will != nil {
		return // the view is as it was
	}
	view := View{Era: era, Room: v.Room, Number: v.Number, Size: v.Size, Full: v.Full}
	if v.Full {
		clear(w.in)
	}
	for _, m := range v.Joined {
		view.Joined = append(view.Joined, Named{m.ID, m.Name})
		w.in[m.ID] = m.Name
	}
	for _, g := range v.Gone {
		view.Gone = append(view.Gone, g.ID)
		if g.Reason == protocol.ReasonLost {
			view.Lost = append(view.Lost, Named{g.ID, g.Name})
		}
		delete(w.in, g.ID)
	}
	for _, a := range v.Absent {
		view.Lost = append(view.Lost, Named{a.Member, a.Name})
	}
	w.h.Views, w.view = append(w.h.Views, view), v.Number
	close(w.changed)
	w.changed = make(chan struct{})
}

// awaitView waits until the room's latest view is as wanted.
func (w *world) awaitView(what string, wanted func(names map[string]bool) bool) {
	w.Helper()
	deadline := time.After(patience)
	for {
		w.mu.Lock()
		names, changed := map[string]bool{}, w.changed
		for _, name := range w.in {
			names[name] = true
		}
		w.mu.Unlock()
		if wanted(names) {
			return
		}
		select {
		case <-changed:
		case <-deadline:
			w.Fatalf("waited %v: %s; the room has %d members", patience, what, len(names))
		}
	}
}

func (w *world) awaitSize(n int) {
	w.Helper()
	w.awaitView(fmt.Sprintf("a view of %d", n), func(names map[string]bool) bool { return len(names) == n })
}

// names are n of that prefix.
func names(prefix string, n int) []string {
	var all []string
	for i := range n {
		all = append(all, fmt.Sprintf("%s%d", prefix, i))
	}
	return all
}

// members starts a process of members and waits until all have joined.
func (w *world) members(p plan) *process {
	w.Helper()
	if p.Address == "" {
		p.Address = w.broker.socket
	}
	proc := w.play("members", p)
	w.awaitView(p.Names[0]+" and so on joined", func(in map[string]bool) bool {
		for _, name := range p.Names {
			if !in[name] {
				if !proc.alive() {
					log, _ := os.ReadFile(filepath.Join(w.dir, p.Names[0]+".log"))
					w.Fatalf("the members ended: %s", log)
				}
				return false
			}
		}
		return true
	})
	return proc
}

// play starts this test binary in a role.
func (w *world) play(role string, p plan) *process {
	w.Helper()
	p.Room, p.Journal = theRoom, filepath.Join(w.dir, p.Names[0]+".journal")
	text, err := json.Marshal(p)
	if err != nil {
		w.Fatal(err)
	}
	self, err := os.Executable()
	if err != nil {
		w.Fatal(err)
	}
	w.journals = append(w.journals, p.Journal)
	proc := run(w, role+" "+p.Names[0], filepath.Join(w.dir, p.Names[0]+".log"), []string{roleEnv + "=" + role, planEnv + "=" + string(text)}, append(p.Via, self)...)
	w.procs = append(w.procs, proc)
	return proc
}

// sick says to whom a fault is done.
func (w *world) sick(names ...string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, name := range names {
		w.h.Sick[name] = true
	}
}

// sample takes the broker's counts, and holds them to the invariants at the end.
func (w *world) sample(last bool) *protocol.Stats {
	w.Helper()
	stats, err := w.control.Status(w.Context())
	if err != nil {
		w.Fatal(err)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.h.Samples = append(w.h.Samples, Sample{Era: w.era, Last: last, Stats: *stats})
	return stats
}

// baseline is what is to be left after the load, before there are members: I13.
func (w *world) baseline() {
	w.Helper()
	await(w, "no session but one", func() bool { return w.broker.idle(w).Sessions == 1 })
	w.h.Idle = []Idle{w.broker.idle(w)}
}
