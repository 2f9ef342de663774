package k2i

import (
	"fmt"
	"math/rand/v2"
	"testing"
)

func contained(pid int32, id, runtime, kind string) *Process {
	p := Blank()
	p.PID, p.ContainerID, p.Runtime, p.Kind = pid, id, runtime, kind
	p.Threads, p.CPUNS, p.RSSBytes, p.StartNS = 2, 100, 10, uint64(1000-pid)
	return &p
}

func TestContainers(t *testing.T) {
	rated, ended := contained(3, "b", "docker", "container"), contained(4, "b", "docker", "container")
	rated.RCPU, ended.EndedNS = 0.5, 7
	podded := contained(5, "b", "podman", "container")
	podded.Pod, podded.Unit = "p", "u.service"
	s := Snapshot{Processes: []*Process{
		contained(1, "", "", "host"), contained(2, "b", "docker", "container"), rated, ended,
		podded, contained(6, "", "qemu", "vm"), contained(7, "", "qemu", "vm"), contained(8, "", "", ""),
	}}
	got := s.Containers()
	want := []string{"docker b container 2 4 200 20 997 0.500 -", "podman b container 1 2 100 10 995 - -", "qemu  vm 1 2 100 10 993 - -", "qemu  vm 1 2 100 10 994 - -"}
	if len(got) != len(want) {
		t.Fatalf("%+v", got)
	}
	show := func(r Rate) string {
		if !r.Known() {
			return Unknown
		}
		return fmt.Sprintf("%.3f", float64(r))
	}
	for i, c := range got {
		text := fmt.Sprint(c.Runtime, " ", c.ID, " ", c.Kind, " ", c.Processes, " ", c.Threads, " ", c.CPUNS, " ", c.RSSBytes, " ", c.StartNS, " ", show(c.RCPU), " ", show(c.RCPUWithExited))
		if text != want[i] || c.Name != "" || c.Image != "" {
			t.Errorf("%s, want %s", text, want[i])
		}
	}
	if c := got[1]; c.Pod != "p" || c.Unit != "u.service" || got[0].Pod != "" {
		t.Errorf("%+v", got)
	}
	if none := (&Snapshot{}).Containers(); none == nil || len(none) != 0 {
		t.Errorf("%v", none)
	}
}

// Whatever processes there are, each that lives in a container is in one row,
// and the rows' sums are theirs.
func TestContainersAddUp(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for range 100 {
		var s Snapshot
		var processes int
		var rss uint64
		for pid := range int32(r.IntN(60)) {
			p := contained(pid+1, []string{"", "a", "b"}[r.IntN(3)], []string{"x", "y"}[r.IntN(2)], []string{"host", "container", "vm"}[r.IntN(3)])
			p.RSSBytes = r.Uint64N(1 << 40)
			s.Processes = append(s.Processes, p)
			if p.ContainerID != "" || p.Kind != "host" {
				processes, rss = processes+1, rss+p.RSSBytes
			}
		}
		for _, c := range s.Containers() {
			processes, rss = processes-c.Processes, rss-c.RSSBytes
		}
		if processes != 0 || rss != 0 {
			t.Fatalf("%d processes and %d bytes are missing", processes, rss)
		}
	}
}
