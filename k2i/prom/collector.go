// Package prom is the snapshot's Prometheus face: numbers of the host, of its
// users and of the agent itself. No label ever holds a pid, and whatever a label
// holds is bounded in number and length: names of users are attackers' input.
package prom

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"ddcos/k2i"
	"ddcos/k2i/wire"
)

// Limits of what one host can do to a Prometheus server.
const (
	MaxGroups = 50  // users that are told apart; the rest is Other
	MaxLabel  = 128 // bytes of a label's value; the rest is cut
)

// Other is the label's value of everything beyond MaxGroups.
const Other = "other"

// states are the letters of /proc/PID/stat field 3 that a label may hold.
const states = "RSDTtZXI"

// Source is where the snapshots come from; nil until there is one.
type Source interface{ Snapshot() *k2i.Snapshot }

// collector makes metrics of the newest snapshot, at scrape time.
type collector struct {
	source Source
	now    func() time.Time

	info, age, sampledAt                  *prometheus.Desc
	processes, threads                    *prometheus.Desc
	cpus, busy, memory, available         *prometheus.Desc
	userProcesses, userCPUs, userResident *prometheus.Desc
}

func newCollector(source Source, now func() time.Time) *collector {
	desc := func(name, help string, labels ...string) *prometheus.Desc {
		return prometheus.NewDesc("k2i_"+name, help, labels, nil)
	}
	return &collector{
		source: source, now: now,
		info:          desc("host_info", "What the samples are of, and the road by which they come; always 1.", "host_id", "kernel", "mode", "visibility"),
		age:           desc("sample_age_seconds", "Age of the newest sample."),
		sampledAt:     desc("sample_timestamp_seconds", "When the newest sample was taken, by the host's clock, since 1970."),
		processes:     desc("processes", "Processes by the kernel's state letter.", "state"),
		threads:       desc("threads", "Threads of all processes."),
		cpus:          desc("host_cpus", "CPUs of the host."),
		busy:          desc("host_cpus_in_use", "CPUs in use between the two newest samples."),
		memory:        desc("host_memory_bytes", "Memory of the host."),
		available:     desc("host_memory_available_bytes", "Memory that can be had without swapping."),
		userProcesses: desc("user_processes", "Processes by effective user; the users with the most resident memory, then other.", "user"),
		userCPUs:      desc("user_cpus_in_use", "CPUs in use by effective user between the two newest samples.", "user"),
		userResident:  desc("user_resident_memory_bytes", "Resident memory by effective user; shared pages count for each process.", "user"),
	}
}

// Describe implements prometheus.Collector.
func (c *collector) Describe(out chan<- *prometheus.Desc) {
	for _, desc := range []*prometheus.Desc{
		c.info, c.age, c.sampledAt, c.processes, c.threads, c.cpus, c.busy, c.memory, c.available,
		c.userProcesses, c.userCPUs, c.userResident,
	} {
		out <- desc
	}
}

// Collect implements prometheus.Collector. What the snapshot does not know is
// left out: it is not zero.
func (c *collector) Collect(out chan<- prometheus.Metric) {
	snap := c.source.Snapshot()
	if snap == nil {
		return
	}
	gauge := func(desc *prometheus.Desc, value float64, labels ...string) {
		out <- prometheus.MustNewConstMetric(desc, prometheus.GaugeValue, value, labels...)
	}
	gauge(c.info, 1, label(string(snap.Host.ID)), label(snap.Host.Kernel), label(string(snap.Mode)), label(string(snap.Visibility)))
	gauge(c.age, wire.Age(snap, c.now()).Seconds())
	gauge(c.sampledAt, float64(snap.At.UnixNano())/1e9)
	gauge(c.cpus, float64(snap.Host.CPUs))
	if snap.BusyCPUs.Known() {
		gauge(c.busy, float64(snap.BusyCPUs))
	}
	gauge(c.memory, float64(snap.Host.MemTotalBytes))
	gauge(c.available, float64(snap.Host.MemAvailableBytes))

	byState, threads := count(snap.Processes)
	for state, n := range byState {
		gauge(c.processes, float64(n), state)
	}
	gauge(c.threads, float64(threads))
	for _, g := range top(byUser(snap.Processes)) {
		gauge(c.userProcesses, float64(g.processes), g.name)
		gauge(c.userResident, float64(g.resident), g.name)
		if g.rated {
			gauge(c.userCPUs, g.cpus, g.name)
		}
	}
}

// count gives the processes of each state, known ones also where there is none,
// and all threads.
func count(processes []*k2i.Process) (byState map[string]int, threads int) {
	byState = map[string]int{}
	for _, letter := range states {
		byState[string(letter)] = 0
	}
	for _, p := range processes {
		threads += int(p.Threads)
		if _, ok := byState[p.State]; ok {
			byState[p.State]++
		} else {
			byState[Other]++
		}
	}
	return byState, threads
}

// group is what the processes of one user add up to.
type group struct {
	name      string
	processes int
	resident  uint64 // bytes
	cpus      float64
	rated     bool // some process had a rate
}

func (g *group) add(more *group) {
	g.processes += more.processes
	g.resident += more.resident
	g.cpus += more.cpus
	g.rated = g.rated || more.rated
}

// byUser groups by user's name, and then by the name as a label will show it:
// two names that become one there are one group, for a metric may not come twice.
func byUser(processes []*k2i.Process) map[string]*group {
	users := map[string]*group{}
	for _, p := range processes {
		one := group{name: p.User, processes: 1, resident: p.RSSBytes}
		if p.State == k2i.StateEnded {
			one.processes = 0 // what it used in the interval counts
		}
		if p.RCPU.Known() {
			one.cpus, one.rated = float64(p.RCPU), true
		}
		merge(users, &one)
	}
	groups := make(map[string]*group, len(users))
	for _, g := range users {
		g.name = label(g.name)
		merge(groups, g)
	}
	return groups
}

// merge adds g to the group of its name, or becomes it.
func merge(groups map[string]*group, g *group) {
	if known := groups[g.name]; known != nil {
		known.add(g)
		return
	}
	groups[g.name] = g
}

// top keeps the MaxGroups with the most resident memory and adds up the rest as Other.
func top(groups map[string]*group) []*group {
	ranked := make([]*group, 0, len(groups))
	for _, g := range groups {
		ranked = append(ranked, g)
	}
	slices.SortFunc(ranked, func(a, b *group) int {
		return cmp.Or(cmp.Compare(b.resident, a.resident), cmp.Compare(a.name, b.name))
	})
	if len(ranked) <= MaxGroups {
		return ranked
	}
	kept := map[string]*group{}
	for i, g := range ranked {
		if i >= MaxGroups {
			g.name = Other
		}
		merge(kept, g)
	}
	ranked = ranked[:0]
	for _, g := range kept {
		ranked = append(ranked, g)
	}
	return ranked
}

// label is s as valid UTF-8 of at most MaxLabel bytes; the exposition format
// escapes the rest.
func label(s string) string {
	s = strings.ToValidUTF8(s, "\uFFFD")
	return strings.ToValidUTF8(s[:min(len(s), MaxLabel)], "")
}
