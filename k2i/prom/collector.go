// Package prom is the snapshot's Prometheus face: what groups of processes use,
// numbers of the host, and of the agent itself. No label ever holds a pid, and
// whatever a label holds is bounded in number and length: names of commands,
// users and units are attackers' input.
package prom

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"ddcos/k2i"
	"ddcos/k2i/wire"
)

// MaxSeries is how many series one host has at most, whatever runs on it.
const MaxSeries = 1000

// states are the letters of /proc/PID/stat field 3 that a label may hold.
const states = "RSDTtZXI"

// Source is where the snapshots come from; nil until there is one.
type Source interface{ Snapshot() *k2i.Snapshot }

// collector makes metrics of the newest snapshot, at scrape time.
type collector struct {
	source Source
	groups *Groups
	now    func() time.Time

	info, age, sampledAt          *prometheus.Desc
	processes, threads            *prometheus.Desc
	cpus, busy, memory, available *prometheus.Desc
	load                          *prometheus.Desc
	known, evictions              *prometheus.Desc
	counters, gauges              []*prometheus.Desc // beside the tables
}

func newCollector(source Source, groups *Groups, now func() time.Time) *collector {
	desc := func(name, help string, labels ...string) *prometheus.Desc {
		return prometheus.NewDesc("k2i_"+name, help, labels, nil)
	}
	return &collector{
		source: source, groups: groups, now: now,
		info:      desc("host_info", "What the samples are of, and the roads by which they come; always 1.", "host_id", "kernel", "mode", "visibility", "events"),
		age:       desc("sample_age_seconds", "Age of the newest sample."),
		sampledAt: desc("sample_timestamp_seconds", "When the newest sample was taken, by the host's clock, since 1970."),
		processes: desc("processes", "Processes by the kernel's state letter.", "state"),
		threads:   desc("threads", "Threads of all processes."),
		cpus:      desc("host_cpus", "CPUs of the host."),
		busy:      desc("host_cpus_in_use", "CPUs in use between the two newest samples."),
		memory:    desc("host_memory_bytes", "Memory of the host."),
		available: desc("host_memory_available_bytes", "Memory that can be had without swapping."),
		load:      desc("host_load", "Load, by the minutes that it is averaged over.", "minutes"),
		known:     desc("groups_known", "Names of groups that are watched, shown or not.", "group_by"),
		evictions: desc("group_evictions_total", "Times that a group lost its series and went on in other.", "group_by"),
		counters:  groupDescs(counters),
		gauges:    groupDescs(gauges),
	}
}

// groupDescs describe a table. Each group_by covers all processes of the host, so
// that only the series of one of them may be added up.
func groupDescs(families []family) []*prometheus.Desc {
	var list []*prometheus.Desc
	for _, f := range families {
		labels := []string{"group_by", "group"}
		if f.label != "" {
			labels = append(labels, f.label)
		}
		list = append(list, prometheus.NewDesc(f.name, f.help+" Of groups of processes; each group_by has all of them.", labels, nil))
	}
	return list
}

// Describe implements prometheus.Collector.
func (c *collector) Describe(out chan<- *prometheus.Desc) {
	for _, list := range [][]*prometheus.Desc{
		{c.info, c.age, c.sampledAt, c.processes, c.threads, c.cpus, c.busy, c.memory, c.available, c.load, c.known, c.evictions},
		c.counters, c.gauges,
	} {
		for _, desc := range list {
			out <- desc
		}
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
	gauge(c.info, 1, label(string(snap.Host.ID)), label(snap.Host.Kernel), label(string(snap.Mode)), label(string(snap.Visibility)), label(string(snap.Events.Mode)))
	gauge(c.age, wire.Age(snap, c.now()).Seconds())
	gauge(c.sampledAt, float64(snap.At.UnixNano())/1e9)
	gauge(c.cpus, float64(snap.Host.CPUs))
	if snap.BusyCPUs.Known() {
		gauge(c.busy, float64(snap.BusyCPUs))
	}
	gauge(c.memory, float64(snap.Host.MemTotalBytes))
	gauge(c.available, float64(snap.Host.MemAvailableBytes))
	for i, minutes := range []string{"1", "5", "15"} {
		gauge(c.load, snap.Host.Load[i], minutes)
	}
	byState, threads := byStates(snap.Processes)
	for state, n := range byState {
		gauge(c.processes, float64(n), state)
	}
	gauge(c.threads, float64(threads))
	c.collectGroups(out)
}

// collectGroups tells of the groups, as of the newest sample that they have seen.
func (c *collector) collectGroups(out chan<- prometheus.Metric) {
	all, counts := c.groups.read()
	for i := range all {
		s := &all[i]
		s.collect(out, counters, c.counters, prometheus.CounterValue, &s.total)
		s.collect(out, gauges, c.gauges, prometheus.GaugeValue, &s.gauge)
	}
	for _, n := range counts {
		out <- prometheus.MustNewConstMetric(c.known, prometheus.GaugeValue, float64(n.known), n.by)
		out <- prometheus.MustNewConstMetric(c.evictions, prometheus.CounterValue, float64(n.evicted), n.by)
	}
}

// collect tells one table's numbers of a group.
func (s *series) collect(out chan<- prometheus.Metric, families []family, descs []*prometheus.Desc, kind prometheus.ValueType, t *tally) {
	i := 0
	for f := range families {
		for _, part := range families[f].parts {
			if t.known&(1<<i) != 0 {
				labels := []string{s.by, s.name}
				if families[f].label != "" {
					labels = append(labels, part.value)
				}
				out <- prometheus.MustNewConstMetric(descs[f], kind, float64(t.sum[i])/families[f].unit, labels...)
			}
			i++
		}
	}
}

// byStates gives the processes of each state, known ones also where there is
// none, and all threads.
func byStates(processes []*k2i.Process) (byState map[string]int, threads int) {
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
