package procfs

import (
	"bytes"
	"encoding/binary"
	"testing"
	"time"

	"ddcos/k2i"
)

// netlink is one message as the kernel sends it.
func netlink(what, cpu, serial uint32, at time.Duration, numbers ...uint32) []byte {
	var e []byte
	for _, n := range []uint32{cnProc, cnProc, serial, 0, 0} {
		e = binary.NativeEndian.AppendUint32(e, n)
	}
	e = binary.NativeEndian.AppendUint32(e, what)
	e = binary.NativeEndian.AppendUint32(e, cpu)
	e = binary.NativeEndian.AppendUint64(e, uint64(at))
	for _, n := range numbers {
		e = binary.NativeEndian.AppendUint32(e, n)
	}
	b := binary.NativeEndian.AppendUint32(nil, uint32(netlinkBytes+len(e)))
	return append(append(b, make([]byte, netlinkBytes-4)...), e...)
}

func TestMessages(t *testing.T) {
	fork := netlink(procFork, 1, 7, time.Second, 10, 11, 20, 21)
	exec := netlink(procExec, 0, 8, 2*time.Second, 30, 31)
	exit := netlink(procExit, 1, 9, 3*time.Second, 40, 41, 9, 17, 50, 51)
	b := bytes.Join([][]byte{fork, exec, exit}, nil)
	for i, want := range []message{
		{what: procFork, cpu: 1, serial: 7, at: time.Second, parent: 11, pid: 20, tgid: 21},
		{what: procExec, cpu: 0, serial: 8, at: 2 * time.Second, pid: 30, tgid: 31},
		{what: procExit, cpu: 1, serial: 9, at: 3 * time.Second, pid: 40, tgid: 41, status: 9, parent: 51},
	} {
		m, rest, ok := nextMessage(b)
		want.at += suspended()
		if !ok || m != want {
			t.Errorf("message %d: %+v, %v; want %+v", i, m, ok, want)
		}
		b = rest
	}
	if _, _, ok := nextMessage(b); ok {
		t.Error("a message of nothing")
	}
	for n := range fork {
		if _, _, ok := nextMessage(fork[:n]); ok {
			t.Errorf("a message of its first %d bytes", n)
		}
	}
}

// Serial numbers that are left out are events that were lost, wherever they wrap.
func TestConnectorCountsLoss(t *testing.T) {
	for name, c := range map[string]struct {
		serials [][2]uint32 // CPU, serial
		lost    uint64
	}{
		"none":         {[][2]uint32{{0, 5}, {0, 6}, {1, 9}, {0, 7}, {1, 10}}, 0},
		"three":        {[][2]uint32{{0, 5}, {0, 8}, {1, 9}, {1, 11}}, 3},
		"where it ran": {[][2]uint32{{0, 1<<32 - 1}, {0, 0}, {0, 2}}, 1},
	} {
		conn := &Connector{serials: map[uint32]uint32{}}
		for _, s := range c.serials {
			conn.take(&message{what: 4, cpu: s[0], serial: s[1]}) // of no interest, but counted
		}
		if seen, lost := conn.Counts(); seen != 0 || lost != c.lost {
			t.Errorf("%s: %d seen, %d lost, want %d", name, seen, lost, c.lost)
		}
	}
}

// What waits to be drained is bounded, and what finds no room is counted.
func TestConnectorIsBounded(t *testing.T) {
	fs, err := New(t.Context(), DefaultRoot)
	if err != nil {
		t.Fatal(err)
	}
	conn := &Connector{fs: fs, serials: map[uint32]uint32{}, starts: map[int32]uint64{}, ending: map[int32]int32{}}
	conn.waiting = append(conn.waiting, make([]k2i.Event, maxWaiting-1)...)
	for serial := range uint32(3) {
		conn.take(&message{what: procFork, serial: serial, pid: 1 << 30, tgid: 1 << 30, at: time.Second})
	}
	if seen, lost := conn.Counts(); seen != 3 || lost != 2 || len(conn.waiting) != maxWaiting {
		t.Errorf("%d seen, %d lost, %d wait", seen, lost, len(conn.waiting))
	}
	events, more, err := conn.Drain(nil, maxWaiting-1)
	if err != nil || len(events) != maxWaiting-1 || !more {
		t.Errorf("%d events, more %v, %v", len(events), more, err)
	}
	conn.take(&message{what: procFork, serial: 3, pid: 1 << 30, tgid: 1 << 30, at: time.Second})
	if _, lost := conn.Counts(); lost != 2 || len(conn.waiting) != 2 {
		t.Errorf("where some have been taken %d are lost, %d wait", lost, len(conn.waiting))
	}
	events, more, err = conn.Drain(events, maxWaiting)
	if err != nil || len(events) != maxWaiting+1 || more || cap(conn.waiting) > fewWaiting {
		t.Errorf("%d events, more %v, room for %d is kept, %v", len(events), more, cap(conn.waiting), err)
	}
	last := events[maxWaiting-1]
	if !last.Partial || last.Process.PID != 1<<30 || last.Process.StartTicks != 100 {
		t.Errorf("a process that cannot be read: %+v", last)
	}
}

// Whatever bytes come, reading them ends.
func FuzzMessage(f *testing.F) {
	f.Add(netlink(procFork, 1, 7, time.Second, 10, 11, 20, 21))
	f.Add(netlink(procExit, 1, 9, time.Second, 40, 41, 9, 17, 50, 51))
	f.Add([]byte{255, 255, 255, 255})
	f.Fuzz(func(t *testing.T, b []byte) {
		for {
			_, rest, ok := nextMessage(b)
			if !ok {
				return
			}
			if len(rest) >= len(b) {
				t.Fatalf("%d bytes after %d", len(rest), len(b))
			}
			b = rest
		}
	})
}
