package k2i

import (
	"slices"
	"testing"
	"time"
)

// goneAt is a process that ended so many seconds after the boot.
func goneAt(pid int32, seconds int) *Process {
	p := Blank()
	p.PID, p.StartTicks, p.EndedNS = pid, uint64(pid), Count(time.Duration(seconds)*time.Second)
	return &p
}

func pidsOf(rows []*Process) []int32 {
	var pids []int32
	for _, p := range rows {
		pids = append(pids, p.PID)
	}
	return pids
}

func TestExitedIsBoundedInNumber(t *testing.T) {
	e := NewExited(3, time.Hour)
	for pid := range int32(8) {
		e.Put(goneAt(pid+1, int(pid+1)))
	}
	if got := pidsOf(e.View()); !slices.Equal(got, []int32{6, 7, 8}) || e.Dropped() != 5 {
		t.Errorf("%v, %d dropped", got, e.Dropped())
	}
	if e.Get(Key{5, 5}) != nil || e.Get(Key{8, 7}) != nil || e.Get(Key{8, 8}).PID != 8 {
		t.Error("found what was dropped, or did not find what is there")
	}
	if len(e.serials) != 3 {
		t.Errorf("%d serial numbers are kept", len(e.serials))
	}
}

func TestExitedIsBoundedInTime(t *testing.T) {
	e := NewExited(10, 10*time.Second)
	for _, seconds := range []int{1, 2, 8} {
		e.Put(goneAt(int32(seconds), seconds))
	}
	for now, want := range map[int][]int32{11: {1, 2, 8}, 12: {2, 8}, 18: {8}, 19: nil} {
		e := NewExited(10, 10*time.Second)
		for _, seconds := range []int{1, 2, 8} {
			e.Put(goneAt(int32(seconds), seconds))
		}
		e.Expire(time.Duration(now) * time.Second)
		if got := pidsOf(e.View()); !slices.Equal(got, want) || e.Dropped() != 0 {
			t.Errorf("at %d s: %v, want %v; %d dropped", now, got, want, e.Dropped())
		}
	}
	e.Expire(time.Hour)
	e.Put(goneAt(9, 3600))
	if got := pidsOf(e.View()); !slices.Equal(got, []int32{9}) {
		t.Errorf("after all expired: %v", got)
	}
}

// Whatever is put in and forgotten between them, every view stays what it was.
func TestExitedViewsAreApart(t *testing.T) {
	e := NewExited(8, 20*time.Second)
	type given struct {
		view []*Process
		was  []Process
	}
	var all []given
	for second := range 200 {
		e.Put(goneAt(int32(1+second*7%30), second+1))
		if second%3 == 0 {
			e.Expire(time.Duration(second) * time.Second)
		}
		g := given{view: e.View()}
		for _, p := range g.view {
			g.was = append(g.was, *p)
		}
		all = append(all, g)
		for i, g := range all {
			for j, p := range g.view {
				if p.PID != g.was[j].PID || p.EndedNS != g.was[j].EndedNS {
					t.Fatalf("in second %d, view %d: %d is %+v, was %+v", second, i, j, p, g.was[j])
				}
			}
		}
		if len(e.rows) > 8 || cap(e.rows) > 64 || len(e.serials) != len(e.rows) {
			t.Fatalf("%d rows, room for %d, %d serial numbers", len(e.rows), cap(e.rows), len(e.serials))
		}
	}
}

// What was given away stays as it was, whatever is told later.
func TestExitedViewNeverChanges(t *testing.T) {
	e := NewExited(2, time.Hour)
	e.Put(goneAt(1, 1))
	e.Put(goneAt(2, 2))
	view := e.View()
	better := goneAt(1, 1)
	better.CPUNS = 7
	e.Put(better)
	if view[0].CPUNS != 0 || e.View()[0].CPUNS != 7 || e.Get(Key{1, 1}).CPUNS != 7 {
		t.Errorf("the old view has %d, the new one %d", view[0].CPUNS, e.View()[0].CPUNS)
	}
	e.Put(goneAt(3, 3))
	e.Expire(2 * time.Hour)
	if got := pidsOf(view); !slices.Equal(got, []int32{1, 2}) {
		t.Errorf("the old view became %v", got)
	}
	if len(e.View()) != 0 {
		t.Errorf("the new one is %v", pidsOf(e.View()))
	}
}
