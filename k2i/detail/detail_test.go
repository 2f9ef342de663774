package detail

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"ddcos/k2i"
	"ddcos/k2i/procfs"
)

// fake is a process whose memory cannot be read until it is let go.
type fake struct {
	hold    chan struct{} // nil for a process that answers
	ended   *bool         // after the first read
	reads   *int
	threads int
}

func (f fake) wait() {
	if f.reads != nil {
		*f.reads++
	}
	if f.hold != nil {
		<-f.hold
	}
}

func (f fake) Rollup() (procfs.Rollup, error) {
	f.wait()
	return procfs.Rollup{PSSBytes: 7, USSBytes: 5, SwapPSSBytes: k2i.Unread}, nil
}

func (f fake) FDs() ([]k2i.FD, int, error) {
	return []k2i.FD{{FD: 3, Kind: "file", Target: "/x"}}, 10, nil
}

func (f fake) Limits() ([]k2i.Limit, error) { return nil, errors.New("odd") }

func (f fake) Wchan() (string, error) { return "do_wait", nil }

func (f fake) Stack() ([]string, error) { return []string{"a", "b"}, nil }

func (f fake) Close() {}

func (f fake) Lives() error {
	if f.ended != nil && *f.ended {
		_, err := (&procfs.FS{}).Pin(k2i.Key{PID: -1})
		return err
	}
	return nil
}

// host is fakes by pid.
type host struct {
	mu   sync.Mutex // guards all
	all  map[int32]fake
	pins int
}

func (h *host) pin(key k2i.Key) (pinned, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.pins++
	f, ok := h.all[key.PID]
	if !ok {
		return nil, errors.New("no such process")
	}
	return f, nil
}

func row(pid int32) *k2i.Process {
	p := k2i.Blank()
	p.PID, p.StartTicks = pid, 1
	return &p
}

// reasons are the parts that are missing.
func reasons(d *k2i.Detail) map[k2i.Part]k2i.GapReason {
	m := map[k2i.Part]k2i.GapReason{}
	for _, g := range d.Gaps {
		m[g.Part] = g.Reason
	}
	return m
}

func TestReadAll(t *testing.T) {
	h := &host{all: map[int32]fake{9: {}}}
	r := newReader(h.pin, Options{})
	d := r.Read(t.Context(), row(9), k2i.Parts())
	if d.PSSBytes != 7 || d.USSBytes != 5 || d.SwapPSSBytes != k2i.Unread || d.FDCount != 10 || len(d.FDs) != 1 || d.Wchan != "do_wait" || len(d.Stack) != 2 {
		t.Errorf("%+v", d)
	}
	if len(d.Gaps) != 1 || d.Gaps[0] != (k2i.Gap{Part: k2i.PartLimits, Reason: k2i.GapFailed, Help: k2i.GapFailed.Help(), Count: 1}) {
		t.Errorf("gaps %+v", d.Gaps)
	}
	if some := r.Read(t.Context(), row(9), []k2i.Part{k2i.PartStack}); some.FDCount != k2i.Unread || some.PSSBytes != k2i.Unread || some.Stack == nil || len(some.Gaps) != 0 {
		t.Errorf("%+v", some)
	}
	if none := r.Read(t.Context(), row(9), nil); len(none.Gaps) != 0 || none.Gaps == nil {
		t.Errorf("%+v", none)
	}
	if s := r.Stats(); s != (Stats{Reads: 6}) {
		t.Errorf("%+v", s)
	}
}

// What need not be tried is not.
func TestNotTried(t *testing.T) {
	h := &host{}
	r := newReader(h.pin, Options{MaxRSSBytes: 100})
	kernel, large, ended := row(2), row(3), row(4)
	kernel.Kernel, large.RSSBytes, ended.EndedNS = true, 101, 5
	for want, p := range map[k2i.GapReason]*k2i.Process{k2i.GapKernel: kernel, k2i.GapTooLarge: large, k2i.GapEnded: ended} {
		if got := reasons(r.Read(t.Context(), p, []k2i.Part{k2i.PartPSS})); got[k2i.PartPSS] != want {
			t.Errorf("got %v, want %s", got, want)
		}
	}
	if h.pins != 0 || r.Stats() != (Stats{}) {
		t.Errorf("%d were read, %+v", h.pins, r.Stats())
	}
}

// A process that ends while it is read has no answer: its pid's may be another's.
func TestEndsMeanwhile(t *testing.T) {
	ended := true
	h := &host{all: map[int32]fake{9: {ended: &ended}}}
	d := newReader(h.pin, Options{}).Read(t.Context(), row(9), []k2i.Part{k2i.PartPSS, k2i.PartFDs, k2i.PartStack})
	if d.PSSBytes != k2i.Unread || d.FDs != nil || d.Stack != nil || len(d.Gaps) != 3 {
		t.Errorf("%+v", d)
	}
	for part, reason := range reasons(d) {
		if reason == "" {
			t.Errorf("%s: %s", part, reason)
		}
	}
}

// A process that does not answer costs its own question the deadline, the next
// one nothing, and nobody else anything; when it answers at last, all is as before.
func TestStuck(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hold := make(chan struct{})
		h := &host{all: map[int32]fake{8: {}, 9: {hold: hold}}}
		r := newReader(h.pin, Options{Workers: 2, Stuck: 2, Deadline: time.Second})
		began := time.Now()
		d := r.Read(t.Context(), row(9), []k2i.Part{k2i.PartPSS, k2i.PartWchan})
		if got := reasons(d); got[k2i.PartPSS] != k2i.GapDeadline || d.Wchan != "do_wait" || time.Since(began) != time.Second {
			t.Errorf("%+v after %v", d, time.Since(began))
		}
		began = time.Now()
		if got := reasons(r.Read(t.Context(), row(9), []k2i.Part{k2i.PartPSS})); got[k2i.PartPSS] != k2i.GapStuck {
			t.Errorf("asked again: %v", got)
		}
		if d := r.Read(t.Context(), row(9), []k2i.Part{k2i.PartWchan}); d.Wchan != "do_wait" {
			t.Errorf("another part: %+v", d)
		}
		if d := r.Read(t.Context(), row(8), []k2i.Part{k2i.PartPSS}); d.PSSBytes != 7 {
			t.Errorf("another process: %+v", d)
		}
		if s := r.Stats(); time.Since(began) != 0 || s.Stuck != 1 || s.Deadlines != 1 {
			t.Errorf("after %v %+v", time.Since(began), s)
		}
		close(hold)
		synctest.Wait()
		if d := r.Read(t.Context(), row(9), []k2i.Part{k2i.PartPSS}); d.PSSBytes != 7 || r.Stats().Stuck != 0 {
			t.Errorf("afterwards: %+v, %+v", d, r.Stats())
		}
	})
}

// However many processes are stuck, no more readers wait for them than is
// allowed, everybody is answered, and who is let go frees a reader.
func TestAllAreStuck(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const workers, stuck, processes = 3, 4, 20
		h := &host{all: map[int32]fake{1: {}}}
		var holds []chan struct{}
		for i := range processes {
			hold := make(chan struct{})
			holds = append(holds, hold)
			h.all[int32(100+i)] = fake{hold: hold}
		}
		r := newReader(h.pin, Options{Workers: workers, Stuck: stuck, Deadline: time.Second})
		counts := map[k2i.GapReason]int{}
		for i := range processes {
			for _, reason := range reasons(r.Read(t.Context(), row(int32(100+i)), []k2i.Part{k2i.PartPSS})) {
				counts[reason]++
			}
		}
		if counts[k2i.GapDeadline] != workers+stuck || counts[k2i.GapBusy] != processes-workers-stuck {
			t.Errorf("%v", counts)
		}
		if s := r.Stats(); s.Stuck != workers+stuck || s.Busy != processes-workers-stuck || s.Reads != workers+stuck {
			t.Errorf("%+v", s)
		}
		if got := reasons(r.Read(t.Context(), row(1), []k2i.Part{k2i.PartPSS})); got[k2i.PartPSS] != k2i.GapBusy {
			t.Errorf("another process: %v", got)
		}
		for i := range processes {
			close(holds[i])
			synctest.Wait()
			if i < workers+stuck && r.Stats().Stuck != workers+stuck-1-i {
				t.Errorf("%d let go: %+v", i+1, r.Stats())
			}
		}
		for range 2 * workers { // all of the workers are there again, and no more
			if d := r.Read(t.Context(), row(1), []k2i.Part{k2i.PartPSS}); d.PSSBytes != 7 {
				t.Errorf("afterwards: %+v", d)
			}
		}
		if len(r.pool.free) != workers {
			t.Errorf("%d workers", len(r.pool.free))
		}
	})
}

// A caller that gives up is answered at once; its reader is not counted for ever.
func TestCallerGivesUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hold := make(chan struct{})
		h := &host{all: map[int32]fake{9: {hold: hold}}}
		r := newReader(h.pin, Options{})
		ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
		defer cancel()
		if got := reasons(r.Read(ctx, row(9), []k2i.Part{k2i.PartPSS})); got[k2i.PartPSS] != k2i.GapDeadline {
			t.Errorf("%v", got)
		}
		close(hold)
		synctest.Wait()
		if s := r.Stats(); s.Stuck != 0 {
			t.Errorf("%+v", s)
		}
	})
}

// Many ask at once, of processes that answer, late or never.
func TestManyAsk(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hold := make(chan struct{})
		h := &host{all: map[int32]fake{}}
		for i := range int32(40) {
			f := fake{}
			if i%8 == 0 {
				f.hold = hold
			}
			h.all[i] = f
		}
		r := newReader(h.pin, Options{Workers: 3, Stuck: 4, Deadline: time.Second})
		var group sync.WaitGroup
		for i := range int32(400) {
			group.Go(func() {
				d := r.Read(context.Background(), row(i%40), []k2i.Part{k2i.PartPSS, k2i.PartFDs})
				if known := d.PSSBytes == 7; known == (reasons(d)[k2i.PartPSS] != "") {
					t.Errorf("%+v", d)
				}
			})
		}
		group.Wait()
		if s := r.Stats(); s.Stuck > 3+4 || s.Deadlines > 3+4 {
			t.Errorf("%+v", s)
		}
		close(hold)
		synctest.Wait()
		if s := r.Stats(); s.Stuck != 0 || len(r.pool.free) != 3 {
			t.Errorf("afterwards %+v, %d workers", s, len(r.pool.free))
		}
	})
}
