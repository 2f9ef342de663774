// Package probe reads the whole process table by BPF: one pass inside the kernel
// instead of several files a process.
//
// Two programs share the work. That of the table never sleeps, so no process can hold
// it up. Command lines lie in the processes' own memory, whose lock a stuck
// process may hold for ever; they are read apart, and waited for only so long.
package probe

import (
	"context"
	"fmt"
	"io"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	cilium "github.com/cilium/ebpf"
	"github.com/cilium/ebpf/link"
	"golang.org/x/sys/unix"

	"ddcos/ebpf"
	"ddcos/k2i"
)

// Options say how the probe reads.
type Options struct {
	// CgroupController is the v1 controller from whose hierarchy Process.Cgroup
	// is taken, "memory" or "pids"; "" takes the unified hierarchy (v2). It has
	// to be what the procfs road takes, or the two roads name other paths.
	CgroupController string

	// ArgumentsWait bounds the wait for command lines, per pass. When it is over,
	// processes keep the command lines they had, and Sample.Missing names args.
	ArgumentsWait time.Duration

	Counting Counting // beside the passes; nothing by default

	Expected int // processes, for which there is room from the first pass on; more may come

	// Once is for a single Read: command lines are read as soon as their program is
	// loaded, while that of the table is being loaded.
	Once bool

	// Iterate reads by an iterator also where a program could walk by itself, for those
	// who compare the two.
	Iterate bool

	room uint64 // bytes that a walk may leave before they are read; 0 for all there are

	// Brief leaves out signals, rights, namespaces and cgroups, which it then takes
	// much less time to load the program for.
	Brief bool
}

// DefaultOptions are for a host with cgroup v2 alone.
func DefaultOptions() Options {
	return Options{ArgumentsWait: 500 * time.Millisecond}
}

// hierarchies are the controllers that the program can follow.
var hierarchies = map[string]ebpf.TasksHierarchy{
	"":       ebpf.TasksHierarchyHIERARCHY_UNIFIED,
	"memory": ebpf.TasksHierarchyHIERARCHY_MEMORY,
	"pids":   ebpf.TasksHierarchyHIERARCHY_PIDS,
}

// Probe is the loaded programs and what they told so far. Its methods may be
// called from several goroutines; passes follow one another.
type Probe struct {
	opts        Options
	closers     []io.Closer
	cgroups     *cgroupPaths
	walk        *walk           // nil where the kernel refuses it
	table       *link.Iter      // then, else nil
	arguments   *link.Iter      // nil where the kernel refuses it
	noArguments error           // why
	lines       *cilium.Program // does the same for some processes; nil where the kernel refuses it
	lineRoom    *cilium.Map     // where it leaves them
	wanted      *cilium.Map     // whose command lines the next pass reads
	passes      *cilium.Map     // what the program is told of the pass that begins
	known       *cilium.Map
	tally       tally
	spare       atomic.Bool // command lines are not read

	mu      sync.Mutex // guards all below
	stream  stream
	came    [2][]ebpf.TasksProcessRecord // in the pass at hand and the one before, as they came
	records []*ebpf.TasksProcessRecord   // the first of these, by pid
	last    []*ebpf.TasksProcessRecord   // and the second
	told    time.Duration                // that one's Mono; 0 where it failed
	reading int                          // the place in last that the pass has come to
	turn    uint32                       // of the next pass
	forgot  bool                         // the next pass has to tell everything of everybody
	threads []ebpf.TasksThreadRecord
	tallies []ebpf.TasksTallyRecord
	inner   []ebpf.TasksInnerPidsRecord
	shared  sharedMasks
	memory  []memory            // of the last pass, by pid
	room    []memory            // its room in the pass after
	used    map[uint64]struct{} // cgroups, by the pass at hand
	pending chan argumentsPass  // one that was not waited for to its end
	spent   argumentsPass       // one that is over, for its room
	asking  ebpf.TasksWantedPids
	tasks   []int32       // the same, by their numbers in the first PID namespace
	early   bool          // pending was begun before the table was read
	reread  time.Duration // since boot: when all command lines are read again
}

// Open loads the programs. Its error wraps ErrRefused when the kernel or the
// caller's rights do not allow them, and says in one line what is missing.
func Open(opts Options) (*Probe, error) {
	hierarchy, ok := hierarchies[opts.CgroupController]
	if !ok {
		return nil, fmt.Errorf("cgroup controller %q: want memory, pids or none", opts.CgroupController)
	}
	p := &Probe{opts: opts, shared: sharedMasks{}}
	if err := p.load(hierarchy); err != nil {
		_ = p.Close() // the refusal is what the caller has to know
		return nil, err
	}
	return p, nil
}

// Close unloads the programs. A pass that is stuck in the kernel keeps them
// until it ends.
func (p *Probe) Close() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	var first error
	for _, c := range slices.Backward(p.closers) {
		if err := c.Close(); err != nil && first == nil {
			first = err
		}
	}
	p.closers = nil
	return first
}

// NoArguments tells why command lines cannot be read on this kernel, nil where they can.
func (p *Probe) NoArguments() error { return p.noArguments }

// Read makes one pass over all tasks of the caller's PID namespace. The
// Sample's Host is empty and its Visibility full: an iterator hides nothing,
// what the namespace hides is for the caller to tell.
func (p *Probe) Read(ctx context.Context) (*k2i.Sample, error) { return p.ReadAfter(ctx, nil) }

// ReadAfter is Read, sharing the rows of processes of which nothing has changed
// with before: the sample of the last call, completed by its caller. Those of any
// other sample are not shared.
func (p *Probe) ReadAfter(ctx context.Context, before *k2i.Sample) (*k2i.Sample, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	sample := &k2i.Sample{At: time.Now(), Mode: k2i.ModeBPF, Visibility: k2i.VisibilityFull, Missing: []string{}}
	var err error
	if sample.Mono, err = sinceBoot(); err != nil {
		return nil, err
	}
	if err := p.readTable(); err != nil {
		p.told = 0
		return nil, err
	}
	p.memory, p.room = remember(p.room, p.memory, p.records), p.memory
	addTallies(p.memory, p.tallies)
	if !p.readArguments(ctx, sample.Mono) {
		sample.Missing = append(sample.Missing, "args")
	}
	p.rows(sample, before)
	p.told = sample.Mono
	return sample, nil
}

// sinceBoot reads CLOCK_BOOTTIME, which goes on while the machine is suspended.
func sinceBoot() (time.Duration, error) {
	var ts unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_BOOTTIME, &ts); err != nil {
		return 0, fmt.Errorf("clock since boot: %w", err)
	}
	return time.Duration(ts.Nano()), nil
}
