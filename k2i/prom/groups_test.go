package prom

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"ddcos/k2i"
)

// A stage is a host of commands that are told what to use.
type stage struct {
	t      *testing.T
	groups *Groups
	at     time.Duration
	cpu    map[string]uint64 // ns, of the one process of each command
}

func newStage(t *testing.T, limit int) *stage {
	s := &stage{t: t, groups: NewGroups(), at: time.Hour, cpu: map[string]uint64{}}
	for _, d := range s.groups.by {
		d.limit = limit
	}
	return s
}

// minutes lets commands run, each at its share of the host's one CPU.
func (s *stage) minutes(n int, shares map[string]float64) {
	for range n * 6 {
		s.at += 10 * time.Second
		snap := &k2i.Snapshot{Host: k2i.Host{CPUs: 1, MemTotalBytes: 1 << 30, UptimeNS: int64(s.at)}}
		pid := int32(0)
		for _, name := range strings.Fields("a b c d e f") {
			share, runs := shares[name]
			if pid++; !runs {
				continue
			}
			s.cpu[name] += uint64(share * 1e10)
			snap.Processes = append(snap.Processes, &k2i.Process{PID: pid, Comm: name, State: "S", UserNS: s.cpu[name]})
		}
		s.groups.Observe(snap)
	}
}

// shown are the commands with series of their own.
func (s *stage) shown() string {
	var names []string
	all, _ := s.groups.read()
	for _, one := range all {
		if one.by == "command" && one.name != Other {
			names = append(names, one.name)
		}
	}
	return strings.Join(names, " ")
}

func (s *stage) want(what, names string) {
	s.t.Helper()
	if got := s.shown(); got != names {
		s.t.Errorf("%s: %q are shown, want %q", what, got, names)
	}
}

// Who uses most is shown, and stays so while others use about as much.
func TestNobodyFlaps(t *testing.T) {
	s := newStage(t, 2)
	s.minutes(1, map[string]float64{"a": 0.1, "b": 0.2, "c": 0.3})
	s.want("at first the largest", "b c")
	for range 10 { // each a little more than the other
		s.minutes(1, map[string]float64{"a": 0.25, "b": 0.2, "c": 0.3})
		s.want("not much more", "b c")
		s.minutes(1, map[string]float64{"a": 0.1, "b": 0.2, "c": 0.05})
		s.want("not for long", "b c")
	}
	s.minutes(4, map[string]float64{"a": 0.7, "b": 0.2, "c": 0.3})
	s.want("much more", "a c")
	if n := s.groups.by[3].evicted; n != 1 {
		t.Errorf("%d lost their series", n)
	}
}

// Who has no process any more is shown for a while, and then makes room; back
// again it goes on counting where it was.
func TestTheDeadMakeRoom(t *testing.T) {
	s := newStage(t, 2)
	s.minutes(1, map[string]float64{"a": 0.4, "b": 0.2, "c": 0.0001})
	s.want("at first", "a b")
	s.minutes(9, map[string]float64{"b": 0.2, "c": 0.0001})
	s.want("its last numbers can still be read", "a b")
	s.minutes(3, map[string]float64{"b": 0.2, "c": 0.0001})
	s.want("room for what is small", "b c")
	before := s.cpu["a"]
	s.minutes(1, map[string]float64{"a": 0.4, "b": 0.2})
	s.minutes(14, map[string]float64{"b": 0.2, "a": 0.4})
	s.want("back", "a b")
	all, _ := s.groups.read()
	for _, one := range all {
		if one.by == "command" && one.name == "a" && one.total.sum[0] < before {
			t.Errorf("it had %d and has %d", before, one.total.sum[0])
		}
	}
}

// A new name is shown at once while there is room, but not before it has been
// seen who is large.
func TestRoomIsGivenAway(t *testing.T) {
	s := newStage(t, 3)
	s.minutes(1, map[string]float64{"a": 0.1})
	s.minutes(0, nil)
	s.at += time.Second
	snap := &k2i.Snapshot{Host: k2i.Host{CPUs: 1, UptimeNS: int64(s.at)}}
	for i, name := range []string{"a", "x", "y", "z"} {
		snap.Processes = append(snap.Processes, &k2i.Process{PID: int32(i + 1), Comm: name, State: "S", UserNS: 1})
	}
	s.groups.Observe(snap)
	s.want("as they came", "a x y")
}

// What is shown of a name that nobody has read yet is not lost when it is taken away.
func TestUnreadIsToldUnderOther(t *testing.T) {
	s := newStage(t, 1)
	s.minutes(1, map[string]float64{"a": 0.1})
	s.shown() // it is read here
	was := s.groups.by[3].groups["a"].scraped.sum[0]
	s.minutes(3, map[string]float64{"a": 0.1, "b": 0.9})
	s.want("taken", "b")
	all, _ := s.groups.read()
	var sum uint64
	for _, one := range all {
		if one.by == "command" {
			sum += one.total.sum[0]
		}
	}
	if got, want := sum+was, s.cpu["a"]+s.cpu["b"]; got != want {
		t.Errorf("%d have been told, %d were used", got, want)
	}
}

// Who becomes another user, moves to another control group or runs another
// program leaves behind what it used, and takes nothing along.
func TestMoves(t *testing.T) {
	groups := NewGroups()
	p := k2i.Process{PID: 7, State: "S", RSSBytes: 5, User: "root", Comm: "sh", Cgroup: "/a.service", ContainerID: "c1", UserNS: 100}
	observe := func() {
		row := p
		groups.Observe(&k2i.Snapshot{Host: k2i.Host{CPUs: 1, UptimeNS: int64(time.Hour)}, Processes: []*k2i.Process{&row}})
	}
	observe()
	p.User, p.Comm, p.Cgroup, p.ContainerID, p.UserNS = "alice", "nginx", "/b.service", "c2", 130
	observe()
	all, _ := groups.read()
	var got []string
	for _, s := range all {
		if s.name != Other {
			got = append(got, fmt.Sprint(s.name, " ", s.total.sum[0], " ", s.gauge.sum[0]))
		}
	}
	if text := strings.Join(got, ", "); text != "c1 100 0, c2 30 5, a.service 100 0, b.service 30 5, alice 30 5, root 100 0, nginx 30 5, sh 100 0" {
		t.Errorf("got %s", text)
	}
}

func TestNames(t *testing.T) {
	for _, test := range []struct {
		process k2i.Process
		want    string
	}{
		{k2i.Process{Comm: "kworker/0:1", Kernel: true}, "none none root [kworker]"},
		{k2i.Process{Comm: "ksoftirqd/3", Kernel: true}, "none none root [ksoftirqd]"},
		{k2i.Process{Comm: "irq/24-nvme", Kernel: true}, "none none root [irq]"},
		{k2i.Process{Comm: "jbd2/vda1-8", Kernel: true}, "none none root [jbd]"},
		{k2i.Process{Comm: "rcu_sched", Kernel: true}, "none none root [rcu_sched]"},
		{k2i.Process{Comm: "7zip-x", Cgroup: "/user.slice/user-0.slice/session-1.scope"}, "none session-1.scope root 7zip-x"},
		{k2i.Process{Comm: "nginx", Cgroup: "/system.slice/nginx.service"}, "none nginx.service root nginx"},
		{k2i.Process{Comm: "sh", Cgroup: "/system.slice/docker-" + containerID + ".scope", ContainerID: containerID}, containerID + " docker-" + containerID + ".scope root sh"},
	} {
		test.process.User = "root"
		var names []string
		for _, d := range newDimensions() {
			names = append(names, d.name(&test.process))
		}
		if got := strings.Join(names, " "); got != test.want {
			t.Errorf("%s %s: got %q, want %q", test.process.Comm, test.process.Cgroup, got, test.want)
		}
	}
}

// The tables fit where their numbers are kept, and together they are what one
// host may have.
func TestTablesFit(t *testing.T) {
	each := parts(counters) + parts(gauges)
	if parts(counters) > maxParts || parts(gauges) > maxParts {
		t.Fatalf("%d counters and %d gauges, %d each fit", parts(counters), parts(gauges), maxParts)
	}
	if f := counters[cpuFamily]; f.name != "process_cpu_time_seconds_total" || len(f.parts) != 2 {
		t.Errorf("groups are ranked by %s", f.name)
	}
	n := 0
	for _, d := range newDimensions() {
		n += (d.limit + 1) * each
	}
	t.Log(fmt.Sprint(n, " series of groups"))
	if n > 850 {
		t.Errorf("%d series of groups", n)
	}
}
