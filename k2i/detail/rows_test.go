package detail

import (
	"errors"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"ddcos/k2i"
)

func rows(pids ...int32) []*k2i.Process {
	var list []*k2i.Process
	for _, pid := range pids {
		list = append(list, row(pid))
	}
	return list
}

// Each row has what was asked for and nothing else, or the gap is counted.
func TestFill(t *testing.T) {
	h := &host{all: map[int32]fake{1: {}, 2: {}, 3: {}}}
	r := newReader(h.pin, Options{})
	list := rows(1, 2, 3, 9)
	list[1].Kernel = true
	gaps := r.Fill(t.Context(), list, []string{"uss_bytes", "fd_count", "pss_bytes", "comm"})
	if list[0].PSSBytes != 7 || list[0].USSBytes != 5 || list[0].FDCount != 10 || list[0].Wchan != "" || list[1].PSSBytes != k2i.Unread || list[1].FDCount != 10 || list[3].FDCount != k2i.Unread {
		t.Errorf("%+v %+v %+v", list[0], list[1], list[3])
	}
	want := map[k2i.GapReason]int{k2i.GapKernel: 1, k2i.GapFailed: 2}
	for _, g := range gaps {
		want[g.Reason] -= g.Count
	}
	if want[k2i.GapKernel] != 0 || want[k2i.GapFailed] != 0 || len(want) != 2 || r.Stats().Reads != 7 {
		t.Errorf("%+v, %+v", gaps, r.Stats())
	}
	if gaps := r.Fill(t.Context(), list, []string{"comm"}); gaps != nil || r.Stats().Reads != 7 {
		t.Errorf("%+v", gaps)
	}
}

// More than one question may have are not read, and are counted.
func TestFillTooMany(t *testing.T) {
	h := &host{all: map[int32]fake{1: {}}}
	r := newReader(h.pin, Options{})
	var list []*k2i.Process
	for range MaxFilled + 5 {
		list = append(list, row(1))
	}
	gaps := r.Fill(t.Context(), list, []string{"wchan"})
	if len(gaps) != 1 || gaps[0].Reason != k2i.GapTooMany || gaps[0].Count != 5 || list[MaxFilled-1].Wchan != "do_wait" || list[MaxFilled].Wchan != "" {
		t.Errorf("%+v", gaps)
	}
}

// Processes that do not answer cost a question its time and no more: it ends, and
// says how many it did not come to.
func TestFillOfStuck(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hold := make(chan struct{})
		h := &host{all: map[int32]fake{}}
		var list []*k2i.Process
		for pid := range int32(100) {
			h.all[pid] = fake{hold: hold}
			list = append(list, row(pid))
		}
		h.all[3] = fake{}
		r := newReader(h.pin, Options{Workers: 2, Stuck: 4, Deadline: time.Second})
		began := time.Now()
		gaps := r.Fill(t.Context(), list, []string{"pss_bytes"})
		if took := time.Since(began); took > fillTime {
			t.Errorf("it took %v", took)
		}
		missing := 0
		for _, g := range gaps {
			missing += g.Count
		}
		if missing != 99 || list[3].PSSBytes != 7 || r.Stats().Stuck > 6 {
			t.Errorf("%+v, %+v", gaps, r.Stats())
		}
		close(hold)
		synctest.Wait()
	})
}

func TestThreads(t *testing.T) {
	h := &host{all: map[int32]fake{1: {threads: 3}, 2: {threads: 1}, 4: {threads: MaxThreads}}}
	r := newReader(h.pin, Options{Deadline: time.Minute})
	threads, gaps := r.Threads(t.Context(), rows(1, 2, 3))
	if len(threads) != 4 || len(gaps) != 1 || gaps[0].Part != partThreads || gaps[0].Reason != k2i.GapFailed {
		t.Errorf("%d, %+v", len(threads), gaps)
	}
	if !slices.ContainsFunc(threads, func(p *k2i.Process) bool { return p.PID == 1 && p.TID == 3 }) {
		t.Errorf("%+v", threads)
	}
	threads, gaps = r.Threads(t.Context(), rows(1, 4, 2))
	if len(threads) != MaxThreads || len(gaps) != 1 || gaps[0].Reason != k2i.GapTooMany {
		t.Errorf("%d, %+v", len(threads), gaps)
	}
}

func (f fake) FDCount() (int, error) { return 10, nil }

func (f fake) Threads(process *k2i.Process, limit int) (list []k2i.Process, n int, err error) {
	if f.threads == 0 {
		return nil, 0, errors.New("none")
	}
	for i := range min(f.threads, limit) {
		p := *process
		p.TID = k2i.Count(i + 1)
		list = append(list, p)
	}
	return list, f.threads, nil
}
