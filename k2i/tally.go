package k2i

import "slices"

// tally are the counters that tracepoints keep from the moment on that the
// agent runs: what the process table does not tell.
func (p *Process) tally() [11]*Count {
	return [...]*Count{
		&p.NetRxBytes, &p.NetTxBytes, &p.NetRxCalls, &p.NetTxCalls,
		&p.UDPRxBytes, &p.UDPTxBytes, &p.UnixRxBytes, &p.UnixTxBytes,
		&p.RunDelayNS, &p.BlockIONS, &p.BlockIOCount,
	}
}

// Counting says what tracepoints count from the moment on that a probe is opened.
// What they do not count is Unread.
type Counting struct {
	RunDelay bool // run_delay_ns, at the end of every thread: of those that live the kernel has it
	Sockets  bool // net_*, udp_* and unix_*, at every call that sends or receives
	BlockIO  bool // block_io_*, at every request to a block device
}

// Lacks are the fields that are not counted, sorted.
func (c Counting) Lacks() []string {
	var fields []string
	if !c.BlockIO {
		fields = append(fields, BlockIOFields()...)
	}
	if !c.Sockets {
		fields = append(fields, SocketFields()...)
	}
	if !c.RunDelay {
		fields = append(fields, RunDelayFields()...)
	}
	slices.Sort(fields)
	return fields
}

// The fields of what can be counted, each kind sorted.

// RunDelayFields are those of time spent waiting for a CPU.
func RunDelayFields() []string { return []string{"run_delay_ns"} }

// SocketFields are those of bytes through sockets.
func SocketFields() []string {
	return []string{
		"net_rx", "net_rx_bytes", "net_rx_calls", "net_tx", "net_tx_bytes", "net_tx_calls",
		"udp_rx_bytes", "udp_tx_bytes", "unix_rx_bytes", "unix_tx_bytes",
	}
}

// BlockIOFields are those of requests to block devices.
func BlockIOFields() []string { return []string{"block_io_count", "block_io_ns"} }

// keepTally takes the counters from what was known of the same process, as far
// as they are not told anew.
func (p *Process) keepTally(from *Process) {
	known := from.tally()
	for i, c := range p.tally() {
		*c = max(*c, *known[i])
	}
}

// startTally is that of a child that has done nothing yet: what is counted of its
// parent is counted of it.
func (p *Process) startTally(parent *Process) {
	counted := parent.tally()
	for i, c := range p.tally() {
		*c = min(*counted[i], 0)
	}
}

// noRates forgets what was derived.
func (p *Process) noRates() {
	p.RCPU, p.RCPUWithExited, p.NetRx, p.NetTx, p.IOR, p.IOW = NoRate(), NoRate(), NoRate(), NoRate(), NoRate(), NoRate()
}

// takeRates keeps what was derived from the latest two samples.
func (p *Process) takeRates(from *Process) {
	p.RCPU, p.RCPUWithExited, p.NetRx, p.NetTx = from.RCPU, from.RCPUWithExited, from.NetRx, from.NetTx
	p.IOR, p.IOW = from.IOR, from.IOW
}

// bytesPerSecond is how fast a counter grew over elapsed nanoseconds.
func bytesPerSecond(before, now Count, elapsed uint64) Rate {
	if before < 0 || now < before || elapsed == 0 {
		return NoRate()
	}
	return Rate(float64(now-before) / float64(elapsed) * 1e9)
}
