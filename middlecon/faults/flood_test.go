package faults

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"ddcos/protocol"
)

// flood is what strangers do to a broker's memory, and what they were told.
type flood struct {
	w     *world
	mu    sync.Mutex
	told  map[protocol.Code]int
	conns []*raw
}

func (f *flood) open() *raw {
	r := connectRaw(f.w, f.w.broker.socket, 0).welcome()
	f.mu.Lock()
	defer f.mu.Unlock()
	f.conns = append(f.conns, r)
	return r
}

// hears takes whatever comes until the answer to a ping or the end.
func (f *flood) hears(r *raw) (lives bool) {
	_, _ = r.c.Write(encode(r.TB, protocol.Header{Kind: protocol.KindPing, Sequence: 1 << 60}, nil, nil)) // it may have been ended
	for {
		frame, err := r.read()
		if err != nil || frame.Kind == protocol.KindPong {
			return err == nil
		}
		if frame.Kind == protocol.KindError {
			f.mu.Lock()
			f.told[frame.Code]++
			f.mu.Unlock()
		}
	}
}

var errFlood = errors.New("a call of the flood")

// full is text of so many bytes, of its own.
func full(own string, size int) string { return own + strings.Repeat("x", size-len(own)) }

// begins holds frames that do not end.
func (f *flood) begins(n int) {
	frame := encode(f.w, protocol.Header{Kind: protocol.KindPing}, nil, make([]byte, 60_000))
	for range n {
		_, _ = f.open().c.Write(frame[:len(frame)-1])
	}
}

// joins makes members that show as much as one may.
func (f *flood) joins(n int) {
	for s := range n {
		r := f.open()
		for i := range 64 {
			body := protocol.Join{Room: fmt.Sprint("full", i), Name: fmt.Sprint("m", s), Labels: map[string]string{}, State: map[string]string{}}
			for k := range protocol.MaxLabels {
				body.Labels[fmt.Sprint(k)] = full(fmt.Sprintf("%d.%d.%d", s, i, k), protocol.MaxLabelText)
				body.State[fmt.Sprint(k)] = full(fmt.Sprintf("%d.%d.%d", s, i, k), 250)
			}
			r.send(protocol.Header{Kind: protocol.KindJoin, Sequence: uint64(i + 1)}, body, nil)
		}
		f.hears(r)
	}
}

// waits makes calls with a long message that wait for members who never come.
func (f *flood) waits(n int) {
	payload := make([]byte, 60_000)
	for s := range n {
		r := f.open()
		for i := range 200 {
			h := protocol.Header{Kind: protocol.KindCall, Sequence: uint64(i + 1), Budget: 1_000_000}
			r.send(h, protocol.Call{Room: fmt.Sprint("nobody", s), Wait: 1, WaitUS: 60_000_000}, payload)
			f.w.mu.Lock() // some are refused, the others abandoned
			f.w.h.Calls = append(f.w.h.Calls, Call{Key: Key{fmt.Sprint("flood", s), i}, Room: "nobody", Err: errFlood, Begin: Now(), End: Now()})
			f.w.mu.Unlock()
		}
		f.hears(r)
	}
}

// neverReads makes members that are sent long messages and read none.
func (f *flood) neverReads(n int) {
	for i := range n {
		r := f.open()
		r.send(protocol.Header{Kind: protocol.KindJoin, Sequence: 1}, protocol.Join{Room: "deaf", Name: fmt.Sprint("d", i)}, nil)
		f.hears(r)
	}
	p := f.open()
	for i := range 20 {
		p.send(protocol.Header{Kind: protocol.KindPublish, Sequence: uint64(i + 1)}, protocol.Publish{Room: "deaf"}, make([]byte, 60_000))
	}
	f.hears(p)
}

// TestMemoryFlood (fault 20): a broker in a control group of little memory is flooded in
// every way there is to have it hold something, many times what it has. It refuses what
// is beyond, with codes, and is not killed; who called before calls on, and afterwards all
// is as it was.
func TestMemoryFlood(t *testing.T) {
	group := cgroup(t, "memory", map[string]string{"memory.limit_in_bytes": fmt.Sprint(128 << 20)})
	w := begin(t, setup{via: []string{"sh", "-c", `echo $$ >"$0"; exec "$@"`, filepath.Join(group.dir, "cgroup.procs")}})
	w.baseline()
	w.members(plan{Names: names("well", 4)})
	c := w.caller("c")
	c.must(ask{})
	before := w.broker.idle(w).Sessions
	f := &flood{w: w, told: map[protocol.Code]int{}}
	var floods sync.WaitGroup
	for _, one := range []func(){
		func() { f.begins(800) },    // 48 MB
		func() { f.joins(100) },     // 64 MB
		func() { f.waits(20) },      // 240 MB
		func() { f.neverReads(80) }, // 96 MB
	} {
		floods.Go(one)
	}
	ended := make(chan struct{})
	go func() { floods.Wait(); close(ended) }()
	served, overloaded := 0, 0
	for over := false; !over; {
		select {
		case <-ended:
			over = true
		default:
		}
		switch a, err := c.call(ask{}); {
		case err == nil && a.Met:
			served++
		case errors.Is(err, protocol.CodeOverloaded):
			overloaded++
		default:
			t.Fatalf("a call beside the flood: %v, %v; the broker lives: %v", a, err, w.broker.alive())
		}
	}
	for _, r := range f.conns {
		f.hears(r)
	}
	t.Logf("%d calls served, %d overloaded; the flood was told %v", served, overloaded, f.told)
	if served == 0 || f.told[protocol.CodeOverloaded] == 0 || f.told[protocol.CodeTooManyCalls] == 0 || f.told[protocol.CodeTooManyMembers] == 0 {
		t.Error("something was not refused")
	}
	log, err := os.ReadFile(w.broker.log)
	if err != nil || !w.broker.alive() || strings.Count(string(log), "msg=serving") != 1 {
		t.Fatalf("the broker was killed: %v", err)
	}
	for _, r := range f.conns {
		_ = r.c.Close()
	}
	await(t, "the flood has gone", func() bool { return w.broker.idle(w).Sessions <= before })
	deadline := time.Now().Add(patience)
	for {
		a, err := c.call(ask{})
		if err == nil && a.Met {
			break
		}
		if !errors.Is(err, protocol.CodeOverloaded) || time.Now().After(deadline) {
			t.Fatalf("afterwards: %v, %v", a, err)
		}
	}
	w.finish()
}
