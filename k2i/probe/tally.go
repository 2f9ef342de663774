package probe

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"time"
	"unsafe"

	cilium "github.com/cilium/ebpf"
	"github.com/cilium/ebpf/link"

	"ddcos/ebpf"
	"ddcos/k2i"
)

// Counting is k2i's: of what is not counted loading is quicker.
type Counting = k2i.Counting

// maxTallies is for how many processes something is kept beside their threads.
const maxTallies = uint32(ebpf.TasksLimitLIMIT_TALLIES)

// tallyMaps are where the programs count; the iterator and the events read there.
type tallyMaps struct {
	ThreadTraffic *cilium.Map `ebpf:"thread_traffic"`
	Tallies       *cilium.Map `ebpf:"tallies"`
	Losses        *cilium.Map `ebpf:"losses"`
}

// shared gives other collections the maps that they have in common with this one.
func (m *tallyMaps) shared() map[string]*cilium.Map {
	return map[string]*cilium.Map{ebpf.TallyMapThreadTraffic: m.ThreadTraffic, ebpf.TallyMapTallies: m.Tallies}
}

// tally is what counts.
type tally struct {
	open     bool     // something is counted
	counting Counting // what is
	refused  error    // why something that was asked for is not
	limit    uint32
	closers  *[]io.Closer
	maps     tallyMaps
	programs []*cilium.Program

	asked  time.Time
	missed uint64
}

// openTally loads what counts, for at most so many processes that need a place
// beside their threads, as far as the kernel has the tracepoints. What has to be
// closed is closers', also where that is not all.
func openTally(want Counting, limit uint32, closers *[]io.Closer) tally {
	t := tally{limit: limit, closers: closers}
	if want == (Counting{}) {
		return t
	}
	if t.refused = t.loadBase(want); t.refused != nil {
		return t
	}
	t.open = true
	t.counting.RunDelay = want.RunDelay
	if want.Sockets {
		t.counting.Sockets = t.allowed("bytes of sockets, which need Linux 6.3", t.loadSockets())
	}
	if want.BlockIO {
		t.counting.BlockIO = t.allowed("requests to block devices, which need Linux 6.5", t.loadBlockIO())
	}
	return t
}

// loadBase loads what keeps the counts of a process while its threads come and go.
func (t *tally) loadBase(want Counting) error {
	var o struct {
		tallyMaps
		OnThreadEnd *cilium.Program `ebpf:"on_thread_end"`
		OnForgotten *cilium.Program `ebpf:"on_forgotten"`
	}
	if err := t.load(&o, want.RunDelay); err != nil {
		return err
	}
	t.maps = o.tallyMaps
	*t.closers = append(*t.closers, o.ThreadTraffic, o.Tallies, o.Losses)
	return t.attach(o.OnThreadEnd, o.OnForgotten)
}

func (t *tally) loadSockets() error {
	var o struct {
		OnSend    *cilium.Program `ebpf:"on_send"`
		OnReceive *cilium.Program `ebpf:"on_receive"`
	}
	if err := t.load(&o, false); err != nil {
		return err
	}
	return t.attach(o.OnSend, o.OnReceive)
}

func (t *tally) loadBlockIO() error {
	var o struct {
		OnBlockStart *cilium.Program `ebpf:"on_block_start"`
		OnBlockDone  *cilium.Program `ebpf:"on_block_done"`
		Requests     *cilium.Map     `ebpf:"requests"`
	}
	if err := t.load(&o, false); err != nil {
		return err
	}
	*t.closers = append(*t.closers, o.Requests)
	return t.attach(o.OnBlockDone, o.OnBlockStart)
}

// allowed keeps why something was not.
func (t *tally) allowed(what string, err error) bool {
	if err != nil && t.refused == nil {
		t.refused = fmt.Errorf("not counted: %s: %w", what, err)
	}
	return err == nil
}

// load loads the programs and maps that the fields of to name.
func (t *tally) load(to any, delays bool) error {
	spec, err := ebpf.LoadTally()
	if err == nil && delays {
		err = spec.Variables[ebpf.TallyVarDelays].Set(uint32(1))
	}
	if err != nil {
		return fmt.Errorf("compiled BPF object: %w", err)
	}
	spec.Maps[ebpf.TallyMapTallies].MaxEntries = t.limit
	var options cilium.CollectionOptions
	if t.maps.Tallies != nil {
		options.MapReplacements = t.maps.shared()
		options.MapReplacements[ebpf.TallyMapLosses] = t.maps.Losses
	}
	if err := spec.LoadAndAssign(to, &options); err != nil {
		return refusal(err)
	}
	return nil
}

// attach has loaded programs run, in this order.
func (t *tally) attach(programs ...*cilium.Program) error {
	for _, program := range programs {
		*t.closers = append(*t.closers, program)
	}
	for _, program := range programs {
		l, err := link.AttachTracing(link.TracingOptions{Program: program})
		if err != nil {
			return refusal(err)
		}
		*t.closers = append(*t.closers, l)
	}
	t.programs = append(t.programs, programs...)
	return nil
}

// Counted is what is counted, of what was asked for.
func (p *Probe) Counted() Counting { return p.tally.counting }

// tell gives a process what was counted of it; u is its usage. c may be nil for
// nothing.
func (t *tally) tell(p *k2i.Process, u *ebpf.TasksUsage, c *ebpf.TasksTally) {
	if c == nil {
		c = &ebpf.TasksTally{}
	}
	if t.counting.RunDelay {
		p.RunDelayNS = counter(u.RunDelayNs)
		if p.RunDelayNS >= 0 {
			p.RunDelayNS += k2i.Count(c.RunDelayNs)
		}
	}
	if t.counting.Sockets {
		b := &c.Traffic
		p.NetRxBytes, p.NetTxBytes = k2i.Count(b.NetRxBytes), k2i.Count(b.NetTxBytes)
		p.NetRxCalls, p.NetTxCalls = k2i.Count(b.NetRxCalls), k2i.Count(b.NetTxCalls)
		p.UDPRxBytes, p.UDPTxBytes = k2i.Count(b.UdpRxBytes), k2i.Count(b.UdpTxBytes)
		p.UnixRxBytes, p.UnixTxBytes = k2i.Count(b.UnixRxBytes), k2i.Count(b.UnixTxBytes)
	}
	if t.counting.BlockIO {
		p.BlockIONS, p.BlockIOCount = k2i.Count(c.BlockIoNs), k2i.Count(c.BlockIoCount)
	}
}

// addTallies gives each process what was counted of it and its threads, both
// sorted by pid but for records that came late. Nothing runs backwards: what a
// thread hands over while the pass goes by may be missed once.
func addTallies(processes []memory, records []ebpf.TasksTallyRecord) {
	byPID := func(a, b ebpf.TasksTallyRecord) int { return cmp.Compare(a.Pid, b.Pid) }
	if !slices.IsSortedFunc(records, byPID) {
		slices.SortStableFunc(records, byPID)
	}
	at := 0
	for len(records) > 0 {
		pid := records[0].Pid
		var sum ebpf.TasksTally
		for len(records) > 0 && records[0].Pid == pid {
			counters(&sum).add(counters(&records[0].Tally))
			records = records[1:]
		}
		for at < len(processes) && processes[at].pid < pid {
			at++
		}
		if at == len(processes) || processes[at].pid != pid {
			continue // it began or ended during the pass
		}
		if known := processes[at].tally; known == nil {
			processes[at].tally, processes[at].fresh = &sum, true
		} else if counters(known).raise(counters(&sum)) {
			processes[at].fresh = true
		}
	}
}

// tallyCounters are a tally's numbers as a list.
type tallyCounters []uint64

func counters(t *ebpf.TasksTally) tallyCounters {
	return unsafe.Slice((*uint64)(unsafe.Pointer(t)), unsafe.Sizeof(*t)/8)
}

func (c tallyCounters) add(more tallyCounters) {
	for i, n := range more {
		c[i] += n
	}
}

// raise is true where anything was less.
func (c tallyCounters) raise(to tallyCounters) (raised bool) {
	for i, n := range to {
		raised = raised || n > c[i]
		c[i] = max(c[i], n)
	}
	return raised
}

// Uncounted is how many threads, requests and runs of programs could not be
// counted: for want of memory, or since a program interrupted itself.
func (p *Probe) Uncounted() (uint64, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	t := &p.tally
	if !t.open || p.closers == nil {
		return 0, nil
	}
	var perCPU []ebpf.TallyTallyLosses
	if err := t.maps.Losses.Lookup(uint32(0), &perCPU); err != nil {
		return 0, fmt.Errorf("what was not counted: %w", err)
	}
	var sum uint64
	for _, c := range perCPU {
		sum += c.Threads + c.Requests
	}
	if time.Since(t.asked) >= missedEvery {
		missed, err := misses(t.programs)
		if err != nil {
			return 0, err
		}
		t.asked, t.missed = time.Now(), missed
	}
	return sum + t.missed, nil
}

// misses is how often programs were not run, because they ran already.
func misses(programs []*cilium.Program) (uint64, error) {
	var sum uint64
	for _, program := range programs {
		stats, err := program.Stats()
		if err != nil {
			return 0, fmt.Errorf("programs that were not run: %w", err)
		}
		sum += stats.RecursionMisses
	}
	return sum, nil
}

// Uncountable tells why something that was asked for is not counted, nil where
// all of it is.
func (p *Probe) Uncountable() error { return p.tally.refused }
