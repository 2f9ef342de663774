package broker

import (
	"fmt"
	"strings"
	"time"

	"ddcos/protocol"
)

// attackByNeverReading lets members join that never read, and publishes to them
// until all their queues are full, and long after. They overflow, and live.
func attackByNeverReading(a *attacker) {
	members := make([]*foe, a.Scale)
	a.several(len(members), 16, func(i int) {
		if members[i] = a.open([]string{"unix", "tcp"}[i%2], true); members[i] != nil {
			members[i].joins("deaf", fmt.Sprint("m", i))
		}
	})
	p := a.open("unix", true)
	if p == nil {
		return
	}
	const messages = 24 // of 60 KiB: the kernel takes some, the broker a few, and the rest overflows
	handed := uint32(0)
	for i := range uint64(messages) {
		p.put(bytesOf(protocol.Header{Kind: protocol.KindPublish, Sequence: i + 1}, protocol.Publish{Room: "deaf"}, make([]byte, 60<<10)))
		var answer protocol.Published
		f, err := p.read()
		if err == nil {
			err = protocol.DecodeAnswer(f.Meta, &answer)
		}
		if err != nil || f.Kind != protocol.KindPublished {
			a.wrong("publishing: a %v frame (%v), %v", f.Kind, f.Code, err)
			return
		}
		handed = answer.Handed
	}
	if handed > uint32(a.Scale)/10 {
		a.wrong("the last message was handed to %d of %d members that do not read", handed, a.Scale)
	}
	p.leave()
	for _, m := range members {
		if m != nil {
			m.leave()
		}
	}
}

// attackByDeafWatchers watches a busy room as often as one may, and never
// reads: who asks and does not read is ended.
func attackByDeafWatchers(a *attacker) {
	watchers := make([]*foe, a.Scale)
	for i := range watchers {
		if watchers[i] = a.open("unix", true); watchers[i] == nil {
			return
		}
		watchers[i].flood(64, func(n int) []byte {
			return bytesOf(protocol.Header{Kind: protocol.KindWatch, Sequence: uint64(n + 1)}, protocol.Watch{Room: "busy"}, nil)
		})
	}
	m := a.open("unix", true)
	if m == nil {
		return
	}
	m.awaitWatches(64 * a.Scale) // some may have to wait in line
	room := m.joins("busy", "mine")
	word := m.drain()
	pad := strings.Repeat("x", 250) // as many states as are allowed at once are more than a watcher may leave unread
	m.flood(5000, func(i int) []byte {
		state := protocol.State{State: map[string]string{"n": fmt.Sprint(i), "1": pad, "2": pad, "3": pad}}
		return bytesOf(protocol.Header{Kind: protocol.KindState, Sequence: 9, Room: room}, state, nil)
	})
	m.hangUp()
	<-word
	a.endAll(watchers)
}

// awaitWatches asks until there are so many watches.
func (f *foe) awaitWatches(n int) {
	var s protocol.Stats
	for began := time.Now(); s.Watches < uint64(n); {
		f.put(bytesOf(protocol.Header{Kind: protocol.KindStatus, Sequence: 1}, nil, nil))
		answer, err := f.read()
		if err == nil {
			err = protocol.DecodeAnswer(answer.Meta, &s)
		}
		if err != nil || time.Since(began) > patience {
			f.a.wrong("%d watches of %d: a %v frame (%v), %v", s.Watches, n, answer.Kind, answer.Code, err)
			return
		}
	}
}

// attackByRooms makes members and rooms of ever new names, by joining, watching
// and waiting, as many as a session may, and asks for more.
func attackByRooms(a *attacker) {
	refused := 0
	var held []*foe
	for s := range a.Scale {
		f := a.open("unix", true)
		if f == nil {
			return
		}
		held = append(held, f)
		const each = 300
		for i := range each {
			room := fmt.Sprintf("%d.%d", s, i)
			f.put(bytesOf(protocol.Header{Kind: protocol.KindJoin, Sequence: uint64(4*i + 1)}, protocol.Join{Room: "j" + room, Name: room, Labels: fullLabels(room)}, nil))
			f.put(bytesOf(protocol.Header{Kind: protocol.KindWatch, Sequence: uint64(4*i + 2)}, protocol.Watch{Room: "w" + room}, nil))
			wait := protocol.Call{Room: "c" + room, Wait: 1, WaitUS: 300e6}
			f.put(bytesOf(protocol.Header{Kind: protocol.KindCall, Sequence: uint64(4*i + 3), Budget: 1e6}, wait, nil))
			for range 3 {
				if answer := f.answer(i); answer.Kind == protocol.KindError {
					refused++
				}
			}
		}
	}
	a.figure("refused", float64(refused))
	for _, f := range held {
		f.leave()
	}
}

// answer reads one; a call that waits has none.
func (f *foe) answer(i int) protocol.Frame {
	f.put(bytesOf(protocol.Header{Kind: protocol.KindPing, Sequence: uint64(i)}, nil, nil))
	frame, err := f.read()
	if err != nil {
		f.a.wrong("no answer: %v", err)
	}
	return frame
}

// fullLabels are the most that a member may show, of its own text each.
func fullLabels(own string) map[string]string {
	labels := map[string]string{}
	for i := range protocol.MaxLabels {
		labels[fmt.Sprintf("%02d", i)] = own + strings.Repeat("x", protocol.MaxLabelText-len(own))
	}
	return labels
}

// attackByLosses lets sessions with as many members as may be, each with as
// much to show as may be, join and be lost, over and over: they are remembered.
func attackByLosses(a *attacker) {
	state := map[string]string{}
	for i := range protocol.MaxLabels {
		state[fmt.Sprint(i)] = strings.Repeat("s", 250)
	}
	tag := time.Now().UnixNano()
	a.several(a.Scale, 4, func(s int) {
		f := a.open("unix", true)
		if f == nil {
			return
		}
		for i := range 64 {
			name := fmt.Sprintf("%d.%d.%d", tag, s, i)
			f.put(bytesOf(protocol.Header{Kind: protocol.KindJoin, Sequence: uint64(i + 1)}, protocol.Join{Room: fmt.Sprint("lost", i), Name: name, Labels: fullLabels(name), State: state}, nil))
			if joined, err := f.read(); err != nil || joined.Kind != protocol.KindJoined {
				a.wrong("a %v frame (%v), %v", joined.Kind, joined.Code, err)
				return
			}
		}
		f.note("lives")
	})
}
