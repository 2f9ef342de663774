package prom

import "ddcos/k2i"

// A family is one metric of the groups. Its name is what OpenTelemetry's
// conventions for processes make in Prometheus, but where promtool forbids that:
// a gauge may not end in _count, so process.thread.count is process_threads.
type family struct {
	name, help string
	label      string  // tells the parts apart; "" where there is one
	unit       float64 // so many are one of what the name says
	parts      []part
}

// A part is one number of a process. What a road cannot read is Unread.
type part struct {
	value string // of the family's label
	of    func(*k2i.Process) k2i.Count
}

// maxParts bounds the parts of all counters, and those of all gauges.
const maxParts = 16

// nanoseconds are what times are kept in, seconds what Prometheus is told.
const nanoseconds = 1e9

// cpuFamily is the place in counters of the CPU time, by which groups are ranked.
const cpuFamily = 0

// counters only grow in a process, and so they do in a group.
var counters = []family{
	{"process_cpu_time_seconds_total", "CPU time.", "cpu_mode", nanoseconds, []part{
		{"user", func(p *k2i.Process) k2i.Count { return k2i.Count(p.UserNS) }},
		{"system", func(p *k2i.Process) k2i.Count { return k2i.Count(p.SystemNS) }},
	}},
	{"process_paging_faults_total", "Page faults; major ones needed I/O.", "system_paging_fault_type", 1, []part{
		{"minor", func(p *k2i.Process) k2i.Count { return k2i.Count(p.MinFlt) }},
		{"major", func(p *k2i.Process) k2i.Count { return k2i.Count(p.MajFlt) }},
	}},
	{"process_context_switches_total", "Times that a thread left a CPU: because it waited, or for another one.", "process_context_switch_type", 1, []part{
		{"voluntary", func(p *k2i.Process) k2i.Count { return p.VoluntarySwitches }},
		{"involuntary", func(p *k2i.Process) k2i.Count { return p.InvoluntarySwitches }},
	}},
	{"process_disk_io_bytes_total", "Bytes read from storage and written to it.", "disk_io_direction", 1, []part{
		{"read", func(p *k2i.Process) k2i.Count { return p.ReadBytes }},
		{"write", func(p *k2i.Process) k2i.Count { return p.WriteBytes }},
	}},
	{"process_network_io_bytes_total", "Bytes received and sent through sockets of the network.", "network_io_direction", 1, []part{
		{"receive", func(p *k2i.Process) k2i.Count { return p.NetRxBytes }},
		{"transmit", func(p *k2i.Process) k2i.Count { return p.NetTxBytes }},
	}},
}

// gauges are of the processes that live.
var gauges = []family{
	{"process_memory_usage_bytes", "Resident memory; pages that processes share count for each.", "", 1, []part{
		{"", func(p *k2i.Process) k2i.Count { return k2i.Count(p.RSSBytes) }},
	}},
	{"process_memory_virtual_bytes", "Address space.", "", 1, []part{
		{"", func(p *k2i.Process) k2i.Count { return k2i.Count(p.VSZBytes) }},
	}},
	{"process_threads", "Threads.", "", 1, []part{
		{"", func(p *k2i.Process) k2i.Count { return k2i.Count(p.Threads) }},
	}},
	{"process_group_processes", "Processes.", "", 1, []part{
		{"", func(*k2i.Process) k2i.Count { return 1 }},
	}},
}

// A tally is what numbers add up to, part by part in the order of a table.
type tally struct {
	sum   [maxParts]uint64
	known uint16 // a bit for each part that some process told
}

func (t *tally) add(more *tally) {
	for i := range t.sum {
		t.sum[i] += more.sum[i]
	}
	t.known |= more.known
}

// read sets a tally to one process's own numbers.
func (t *tally) read(families []family, p *k2i.Process) {
	i := 0
	for f := range families {
		for _, part := range families[f].parts {
			if n := part.of(p); n >= 0 {
				t.sum[i] = uint64(n)
				t.known |= 1 << i
			}
			i++
		}
	}
}

// parts is how many parts a table has.
func parts(families []family) (n int) {
	for _, f := range families {
		n += len(f.parts)
	}
	return n
}
