package probe

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"ddcos/ebpf"
)

// told stands for the map of known cgroups.
type told map[uint64]bool

func (m told) Put(key, _ any) error { m[key.(uint64)] = true; return nil }
func (m told) Delete(key any) error { delete(m, key.(uint64)); return nil }

// full is a map that takes nothing more.
type full struct{}

func (full) Put(any, any) error { return errors.New("no room") }
func (full) Delete(any) error   { return errors.New("no such key") }

// send is what one process's cgroup looks like in the stream, leaf first.
func send(c *cgroupPaths, id uint64, names ...string) {
	for i, name := range names {
		record := cgroupRecord(id, uint32(i), name)
		c.add(&record)
	}
}

func TestCgroupPaths(t *testing.T) {
	known := told{}
	c := newCgroupPaths(known)
	send(c, 1, "")
	send(c, 2, "leaf", "middle", "")
	send(c, 2, "leaf", "middle", "") // of the next process, sent before the map said that it is known
	send(c, 3, "cut off")            // never arrives whole
	send(c, 4, "odd\x1b[2J name", "")
	send(c, 3, "again", "")
	send(c, 5, strings.Repeat("n", 256), "")
	for id, want := range map[uint64]string{
		1: "/", 2: "/middle/leaf", 3: "/again", 4: "/odd\x1b[2J name", 5: "/" + strings.Repeat("n", 256), 6: "",
	} {
		if got := c.paths[id]; got != want || known[id] != (want != "") {
			t.Errorf("cgroup %d: got %q, told %v", id, got, known[id])
		}
	}
	c.forget(map[uint64]struct{}{2: {}})
	if len(c.paths) != 1 || len(c.names) != 0 || len(known) != 1 || !known[2] {
		t.Errorf("after forgetting: %v, %v, told %v", c.paths, c.names, known)
	}
}

// A path that is deeper than the program walks ends where it stops.
func TestCgroupTooDeep(t *testing.T) {
	c := newCgroupPaths(told{})
	names := []string{}
	for i := range int(ebpf.TasksLimitLIMIT_DEPTH) {
		names = append(names, fmt.Sprint(i))
	}
	send(c, 1, names...)
	if got := c.paths[1]; !strings.HasPrefix(got, "/31/30/") || !strings.HasSuffix(got, "/1/0") {
		t.Errorf("got %q", got)
	}
}

// What does not fit into the BPF map is sent by every pass, and is right.
func TestCgroupMapFull(t *testing.T) {
	c := newCgroupPaths(full{})
	for range 2 {
		send(c, 1, "a", "")
		if c.paths[1] != "/a" {
			t.Errorf("got %q", c.paths[1])
		}
		c.forget(map[uint64]struct{}{})
	}
	known := told{}
	c = newCgroupPaths(known)
	for id := range uint64(maxCgroups + 10) {
		send(c, id, "a", "")
	}
	if len(known) != maxCgroups || len(c.paths) != maxCgroups+10 {
		t.Errorf("told %d, have %d", len(known), len(c.paths))
	}
}

func TestCgroupOfEndingProcess(t *testing.T) {
	p := Probe{cgroups: newCgroupPaths(told{}), shared: sharedMasks{}}
	send(p.cgroups, 1, "a", "")
	ending := ebpf.TasksProcessRecord{CgroupId: 1, Flags: pfExiting}
	alive := ebpf.TasksProcessRecord{CgroupId: 1}
	if got := p.cgroup(&ending); got != "/a" {
		t.Errorf("v2: got %q", got)
	}
	p.opts.CgroupController = "memory"
	if got := p.cgroup(&ending); got != "/" {
		t.Errorf("v1: got %q", got)
	}
	if got := p.cgroup(&alive); got != "/a" {
		t.Errorf("v1, alive: got %q", got)
	}
}

func TestCString(t *testing.T) {
	for in, want := range map[string]string{"": "", "\x00a": "", "a": "a", "a\x00b": "a", "a\x00": "a"} {
		if got := cString([]byte(in)); string(got) != want {
			t.Errorf("%q: got %q", in, got)
		}
	}
}

// Events bring paths while a pass brings others, and the same: neither is mixed up
// with the other, and what only an event has told stays until a pass has had the
// time to see it.
func TestCgroupOfEvents(t *testing.T) {
	known := told{}
	c := newCgroupPaths(known)
	pass, event := []string{"leaf", "middle", "top", ""}, []string{"leaf", "middle", "top", ""}
	for i := range pass {
		record := cgroupRecord(7, uint32(i), pass[i])
		c.add(&record)
		record = cgroupRecord(7, uint32(i), event[i])
		c.learn(&record)
	}
	for i, name := range []string{"young", ""} {
		record := cgroupRecord(8, uint32(i), name)
		c.learn(&record)
	}
	cut := cgroupRecord(9, 0, "cut off")
	c.learn(&cut)
	if c.of(7) != "/top/middle/leaf" || c.of(8) != "/young" || c.of(9) != "" {
		t.Errorf("%q, %q, %q", c.of(7), c.of(8), c.of(9))
	}
	c.forget(nil)
	if c.of(8) != "/young" || len(c.heard) != 1 {
		t.Errorf("%q, %v", c.of(8), c.heard)
	}
	c.forget(nil)
	if c.of(7) != "" || c.of(8) != "" || len(c.heard) != 0 || len(known) != 0 {
		t.Errorf("%q, %q, %v, told %v", c.of(7), c.of(8), c.heard, known)
	}
}
