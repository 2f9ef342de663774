package k2i

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"
)

// A history of samples that share rows with the ones before gives the same
// snapshots as one in which every row is its own; and no row changes after it
// has been in a snapshot.
func TestSharingChangesNothing(t *testing.T) {
	for seed := range uint64(60) {
		r := rand.New(rand.NewPCG(seed, 4))
		alone, sharing := NewLive(NewExited(100, time.Hour), nil), NewLive(NewExited(100, time.Hour), nil)
		var last *Sample
		var raw []Process // of the last sample, before anything was derived
		said, shared := map[*Process]string{}, 0
		now := []Process{}
		for step := range 30 {
			at := 1000 * (step + 1)
			var events []Event
			now, events = turn(r, now, at)
			mode := EventsBPF
			if seed%8 == 0 {
				mode = EventsNone
			}
			var snaps [2]*Snapshot
			for i, live := range []*Live{alone, sharing} {
				cur := &Sample{Host: Host{ID: "boot.1", CPUBusyNS: 1}, Mono: ms(at), Mode: ModeBPF, Processes: Pointers(slices.Clone(now))}
				if i == 1 {
					shared += share(cur, last, raw)
					last, raw = cur, slices.Clone(now)
				}
				snaps[i] = live.Sample(cur, slices.Clone(events), Events{Mode: mode})
			}
			if want, got := printed(snaps[0].Processes), printed(snaps[1].Processes); !slices.Equal(want, got) {
				t.Fatalf("seed %d, step %d:\nalone   %s\nsharing %s", seed, step, want, got)
			}
			for _, p := range snaps[1].Processes {
				if _, ok := said[p]; !ok {
					said[p] = fmt.Sprintf("%+v", *p)
				}
			}
		}
		for p, text := range said {
			if now := fmt.Sprintf("%+v", *p); now != text {
				t.Fatalf("seed %d: a row was\n%s and became\n%s", seed, text, now)
			}
		}
		if shared < 20 {
			t.Errorf("seed %d: %d rows were shared", seed, shared)
		}
	}
}

// turn is what happens in a second: some work, some come, and some end.
func turn(r *rand.Rand, before []Process, at int) (now []Process, events []Event) {
	for _, p := range before {
		switch r.IntN(12) {
		case 0:
			p.CPUNS += uint64(ms(r.IntN(500)))
			p.ReadBytes = Count(r.IntN(9000))
		case 1:
			events = append(events, exit(at-500, 9, p))
			if p.CPUNS += uint64(ms(5)); r.IntN(2) == 0 {
				p.State = "Z"
				now = append(now, p)
			}
			continue
		}
		now = append(now, p)
	}
	for range r.IntN(3) {
		pid := int32(at/10 - r.IntN(90))
		if slices.ContainsFunc(now, func(p Process) bool { return p.PID == pid }) {
			continue
		}
		p := proc(pid, 1, 0)
		if len(now) > 0 {
			p.PPID = now[r.IntN(len(now))].PID
		}
		now = append(now, p)
	}
	slices.SortFunc(now, func(a, b Process) int { return int(a.PID - b.PID) })
	return now, events
}

// share has a sample share what has not changed since the last one.
func share(cur, last *Sample, raw []Process) (shared int) {
	cur.Shared = make([]bool, len(cur.Processes))
	for i, p := range cur.Processes {
		at := slices.IndexFunc(raw, func(q Process) bool { return q.Key() == p.Key() })
		if at >= 0 && fmt.Sprintf("%+v", raw[at]) == fmt.Sprintf("%+v", *p) {
			cur.Processes[i], cur.Shared[i] = last.Processes[at], true
			shared++
		}
	}
	return shared
}

func printed(rows []*Process) []string {
	var text []string
	for _, p := range rows {
		text = append(text, fmt.Sprintf("%+v", *p))
	}
	return text
}

// A process that does nothing gets its rates once, and is one row from then on.
func TestIdleRowStays(t *testing.T) {
	live := NewLive(NewExited(100, time.Hour), nil)
	var last *Sample
	var rows []*Process
	for at := 1; at <= 5; at++ {
		cur := &Sample{Host: Host{ID: "boot.1"}, Mono: ms(1000 * at), Mode: ModeBPF, Processes: Pointers([]Process{proc(1, 0, 7)})}
		if last != nil {
			cur.Processes[0], cur.Shared = last.Processes[0], []bool{true}
		}
		last = cur
		rows = append(rows, live.Sample(cur, nil, Events{Mode: EventsBPF}).Processes[0])
	}
	if rows[0].RCPU.Known() || rows[1].RCPU != 0 || rows[1] == rows[0] || rows[2] != rows[1] || rows[4] != rows[1] {
		t.Errorf("%p %p %p %p: %v, then %v", rows[0], rows[1], rows[2], rows[4], rows[0].RCPU, rows[1].RCPU)
	}
}
