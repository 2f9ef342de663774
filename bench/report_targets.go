package bench

import "fmt"

// target is what a figure is held to.
type target struct {
	what               string
	step, figure, peer string
	bound              float64
	least              bool // the bound is the least that is wanted, not the most
	value              bool // it is of the value itself, not of the ratio to the peer's
}

// targets are those of the project, in its order.
func targets() []target {
	return []target{
		{what: "call to 1,000 over TCP beside `c`", step: "call-1000", figure: "call-p50", peer: "c", bound: 1.5},
		{what: "call to 1,000 beside `nats`", step: "call-1000", figure: "call-p50", peer: "nats", bound: 1 / 1.5},
		{what: "call to 1,000 beside `nats-unknown`", step: "call-1000-unknown", figure: "call-p50", peer: "nats-unknown", bound: 1.0 / 20},
		{what: "call to 10,000 over TCP beside `c`", step: "call-10000", figure: "call-p50", peer: "c", bound: 1.5},
		{what: "call to 10,000 beside `nats`", step: "call-10000", figure: "call-p50", peer: "nats", bound: 1 / 1.5},
		{what: "call to 10,000 beside `nats-unknown`", step: "call-10000-unknown", figure: "call-p50", peer: "nats-unknown", bound: 1.0 / 3},
		{what: "call to 1,000 over Unix sockets beside TCP", step: "call-1000-unix", figure: "call-p50", peer: "middlecon-tcp", bound: 0.6},
		{what: "call to 10,000 over Unix sockets beside TCP", step: "call-10000-unix", figure: "call-p50", peer: "middlecon-tcp", bound: 0.6},
		{what: "15,000 sessions held, all of whom answer", step: "call-15000", figure: "call-members", bound: 15_000, least: true, value: true},
		{what: "one member, round trip, beside `c`", step: "one", figure: "one-p50", peer: "c", bound: 1.5},
		{what: "one member, pipelined, messages a second beside `nats`", step: "one", figure: "stream-rate", peer: "nats", bound: 1, least: true},
		{what: "memory of an idle session over TCP, B", step: "idle", figure: "idle-session", bound: 1500, value: true},
		{what: "memory of an idle session over Unix sockets, B", step: "idle-unix", figure: "idle-session", bound: 1500, value: true},
		{what: "1 in 100 stopped: the others' p99 beside nobody stopped", step: "stuck", figure: "stuck-p99", peer: "unstopped", bound: 1.05},
		{what: "1 in 100 stopped: what waits in the broker beside the quotas", step: "stuck", figure: "stuck-queued", peer: "quota", bound: 1},
		{what: "file table full: members lost", step: "full", figure: "full-lost", bound: 0, value: true},
		{what: "file table full: ms until accepting resumes, worst round", step: "full", figure: "full-resume-max", bound: 1000, value: true},
		{what: "broker killed: s until all clients are members again, worst round", step: "storm", figure: "storm-max", bound: 10, value: true},
		{what: "order: calls that members saw in different orders", step: "order", figure: "order-inversions", bound: 0, value: true},
		{what: "k2i: ms of a pass over 5,000 processes", step: "k2i-pass", figure: "k2i-pass", bound: 10, value: true},
		{what: "k2i: a pass beside `procfs`", step: "k2i-pass", figure: "k2i-pass", peer: "procfs", bound: 1.0 / 30},
		{what: "k2i: a pass beside `gopsutil`", step: "k2i-pass", figure: "k2i-pass", peer: "gopsutil", bound: 1.0 / 80},
		{what: "k2i: percent of a core, 500 processes and 4,000 threads once a second", step: "k2i-steady", figure: "k2i-steady-cpu", bound: 0.3, value: true},
		{what: "k2i: MiB resident meanwhile", step: "k2i-steady", figure: "k2i-steady-rss", bound: 40, value: true},
		{what: "k2i: percent of a core, 20,000 processes", step: "k2i-many", figure: "k2i-many-cpu", bound: 6, value: true},
		{what: "k2i: percent of a core by /proc, 500 processes and 4,000 threads", step: "k2i-procfs", figure: "k2i-steady-procfs-cpu", bound: 2.5, value: true},
		{what: "k2i: ms until an exec is seen, p99", step: "k2i-fresh", figure: "k2i-fresh-p99", bound: 100, value: true},
		{what: "k2i: ms of a scrape of 5,000 processes", step: "k2i-scrape", figure: "k2i-scrape-p50", bound: 20, value: true},
		{what: "k2i: events lost at 2,000 execs a second", step: "k2i-execs", figure: "k2i-execs-lost", bound: 0, value: true},
		{what: "k2i: processes told at 2,000 execs a second, beside wait(2)", step: "k2i-execs", figure: "k2i-execs-told", peer: "wait", bound: 1, least: true},
		{what: "k2i: CPU time of all processes beside /proc/stat, least", step: "k2i-execs", figure: "k2i-execs-sum", peer: "stat", bound: 0.98, least: true},
		{what: "k2i: CPU time of all processes beside /proc/stat, most", step: "k2i-execs", figure: "k2i-execs-sum", peer: "stat", bound: 1.02},
		{what: "k2i: the same beside the nanoseconds that the scheduler charged, least", step: "k2i-execs", figure: "k2i-execs-sum", peer: "cpuacct", bound: 0.98, least: true},
		{what: "k2i: the same, most", step: "k2i-execs", figure: "k2i-execs-sum", peer: "cpuacct", bound: 1.02},
		{what: "k2i: events at full rate that are neither told nor counted as lost", step: "k2i-flood", figure: "k2i-flood-uncounted", bound: 0, value: true},
		{what: "k2i: short-lived processes missing", step: "k2i-charge", figure: "k2i-charge-short-missing", bound: 0, value: true},
		{what: "k2i: daemons that forked twice missing", step: "k2i-charge", figure: "k2i-charge-daemon-missing", bound: 0, value: true},
		{what: "k2i: CPU time of a short-lived process, percent off at most", step: "k2i-charge", figure: "k2i-charge-short-off", bound: 5, value: true},
		{what: "k2i: CPU time of such a daemon, percent off at most", step: "k2i-charge", figure: "k2i-charge-daemon-off", bound: 5, value: true},
	}
}

// find is the figure that a target is about; false: it was not measured.
func (t target) find(all []measured) (got float64, found bool) {
	for _, m := range all {
		if m.name != t.step {
			continue
		}
		for _, f := range m.figures {
			if f.Name == t.figure && (f.Peer == t.peer || t.value) {
				if t.value {
					return f.Value, true
				}
				return f.Ratio, true
			}
		}
	}
	return 0, false
}

// verdict says whether a target is met, or by how much it is missed.
func (t target) verdict(got float64) string {
	met, by := got <= t.bound, got-t.bound
	if t.least {
		met, by = got >= t.bound, t.bound-got
	}
	switch {
	case met:
		return "met"
	case t.bound == 0:
		return fmt.Sprintf("**missed**: %.3g", got)
	}
	return fmt.Sprintf("**missed** by %.0f %%", 100*by/t.bound)
}
