// Package agent is the clock: it reads the kernel by the best road it may
// take, derives what two samples tell, and publishes each snapshot whole.
package agent

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"ddcos/k2i"
	"ddcos/k2i/container"
	"ddcos/k2i/procfs"
)

// ModeAuto takes the best road that works here; the other modes are k2i's own.
const ModeAuto k2i.Mode = "auto"

// Options of an agent.
type Options struct {
	Interval time.Duration // between two samples
	Mode     k2i.Mode      // ModeAuto, k2i.ModeBPF or k2i.ModeProcfs
	Events   k2i.EventMode // the road of events; "" for the best
	Name     string        // the host's, in every answer; "" for what the kernel says
	About    k2i.About     // of this agent, in every answer
	Root     string        // of the proc file system
	Limits   Limits        // of what the agent itself may take
	Unmasked bool          // secrets in command lines are shown as they are: for a caller's own eyes, never to serve
	Count    k2i.Counting  // what is counted beside the samples; it costs those that are counted
	Log      *slog.Logger

	// Observe is given the snapshot of every sample, once, in their order. The
	// next sample waits for it. Nil for nobody.
	Observe func(*k2i.Snapshot)

	// Host is where a single look looks, by k2i.ModeProcfs; nil for the one that this
	// program runs on.
	Host *Host

	// Fields are what a single look is for, nil for all: of others a row may be blank.
	Fields []string

	about int // processes there are, where that is known
	once  bool
}

// DefaultOptions are those of an agent that was told nothing.
func DefaultOptions() Options {
	return Options{Interval: time.Second, Mode: ModeAuto, Root: procfs.DefaultRoot, Limits: DefaultLimits(), Log: slog.New(slog.DiscardHandler)}
}

// Stats are what an agent tells of itself. Counters only grow.
type Stats struct {
	Passes    uint64        // samples that became a snapshot
	Failures  uint64        // samples that could not be taken
	Throttles uint64        // times that the agent began to sample less, to keep its limits
	Pass      time.Duration // how long the last one took, from the kernel to the published snapshot
	Mode      k2i.Mode
	Refused   string // why it is not BPF, in one line; "" where it is, or was not tried

	Events        k2i.Events
	EventFailures uint64 // times that events could not be read
	Uncounted     uint64 // of what options.Count asks for: what could not be counted for want of room
}

// Agent samples one host. Snapshot and Stats are safe for many goroutines; Run
// is called once.
type Agent struct {
	options    Options
	fs         *procfs.FS
	road       road
	refused    string
	users      *names
	groups     *names
	containers *container.Identifier
	images     *container.Images
	placing    bool // containers are found
	masked     maskedLines
	looks      connections
	seldom     *procfs.Seldom // nil for a single look

	snapshot atomic.Pointer[k2i.Snapshot]
	stats    atomic.Pointer[Stats]

	// Of Run's goroutine.
	failing       bool         // the last pass failed; it has been logged
	last          *k2i.Sample  // nil before the first
	named         [2]time.Time // since when the user and group names of its rows are
	live          *k2i.Live
	events        eventRoad
	batch         []k2i.Event
	taking        chan taken // where the sample comes from that is being taken; nil while none is
	passed        time.Time  // when the last pass ended
	lost          uint64     // events, as of the last poll
	repaired      uint64     // of them, those that a sample has come after
	owed          bool       // something was lost and no sample has been taken since
	eventFailures uint64
	self          *self
}

// New opens the road that the options name, and the best one to events beside
// it. Its error says what is missing.
func New(ctx context.Context, options Options) (*Agent, error) {
	fs, err := procfs.New(ctx, options.Root)
	if err != nil {
		return nil, err
	}
	options.Fields, options.Host = nil, thisHost(options.Root)
	a, err := open(fs, options)
	if err != nil {
		return nil, err
	}
	if a.events, err = openEvents(a.fs, a.road, options.Events); err != nil {
		_ = a.road.close()
		return nil, err
	}
	a.seldom = procfs.NewSeldom(a.fs)
	a.note(a.events.status())
	return a, nil
}

// open is New without events, and without what takes further files.
func open(fs *procfs.FS, options Options) (*Agent, error) {
	a := &Agent{
		options: options, fs: fs, users: newNames(options.Host.User), groups: newNames(options.Host.Group), containers: container.New(), images: options.Host.images,
		events: noEvents{"a single look"}, self: newSelf(options), placing: wantsContainers(options.Fields),
	}
	a.looks.turn = make(chan struct{}, 1)
	a.live = k2i.NewLive(k2i.NewExited(k2i.MaxExited, k2i.ExitedFor), a.arrived)
	var err error
	if a.road, a.refused, err = openRoad(a.fs, options); err != nil {
		return nil, err
	}
	a.stats.Store(&Stats{Mode: a.road.mode(), Refused: a.refused})
	return a, nil
}

// wantsContainers tells whether any of these fields is found by a cgroup; nil are all.
func wantsContainers(fields []string) bool {
	return fields == nil || slices.ContainsFunc(fields, func(name string) bool {
		f, ok := k2i.FieldByName(name)
		return !ok || strings.Contains(f.Source, "cgroup")
	})
}

// Snapshot is the newest one, nil before the first.
func (a *Agent) Snapshot() *k2i.Snapshot { return a.snapshot.Load() }

// Stats are the agent's own counters.
func (a *Agent) Stats() Stats { return *a.stats.Load() }

// Close gives the roads up. Run has ended.
func (a *Agent) Close() error {
	return errors.Join(a.looks.close(), a.events.close(), a.road.close())
}

// Run samples until ctx ends. A pass that fails leaves the snapshot as it is,
// whose age then shows, and is counted.
func (a *Agent) Run(ctx context.Context) error {
	if a.refused != "" {
		a.options.Log.Warn("reading /proc instead of BPF, which costs more", "because", a.refused)
	}
	status := a.events.status()
	if status.Mode != k2i.EventsBPF {
		a.options.Log.Warn("some of what lives and dies between two samples is not seen", "events", status.Mode, "because", status.Reason)
	}
	if err := a.road.uncountable(); err != nil {
		a.options.Log.Warn("something is not counted that was asked for", "because", err)
	}
	tick := time.NewTicker(a.options.Interval)
	defer tick.Stop()
	polls := newPoller(a)
	defer polls.timer.Stop()
	a.weigh(time.Now())
	a.pass(ctx)
	for {
		select {
		case <-tick.C:
			a.begin(ctx)
		case t := <-a.taking:
			if a.publish(ctx, t) {
				tick.Reset(a.self.interval())
			}
		case <-polls.told:
			polls.wake()
		case <-polls.timer.C:
			if polls.look() {
				a.begin(ctx)
			}
		case <-ctx.Done():
			if a.taking != nil {
				<-a.taking
			}
			return nil
		}
	}
}

// Pass takes one sample and publishes what it tells, as Run does by the clock,
// for those who measure what that costs. It is not for while Run runs.
func (a *Agent) Pass(ctx context.Context) error {
	before := a.Stats().Passes
	a.pass(ctx)
	if a.Stats().Passes == before {
		return errors.New("no sample could be taken: see the log")
	}
	return nil
}

// Once reads this host a single time: what is derived from two samples is
// unknown. In ModeAuto it takes the road that is quicker for one look.
func Once(ctx context.Context, options Options) (*k2i.Snapshot, error) {
	return look(ctx, options, 0)
}

// Twice is Once that samples again after RatePause, so that there are rates.
func Twice(ctx context.Context, options Options) (*k2i.Snapshot, error) {
	return look(ctx, options, RatePause)
}

// LookFor is Twice where rates are wanted, and else Once.
func LookFor(rates bool) func(context.Context, Options) (*k2i.Snapshot, error) {
	if rates {
		return Twice
	}
	return Once
}

// RatePause is what rates are measured over where no agent runs: fifty of the
// kernel's ticks.
const RatePause = 500 * time.Millisecond

func look(ctx context.Context, options Options, pause time.Duration) (*k2i.Snapshot, error) {
	if options.Host == nil {
		options.Host = thisHost(options.Root)
	}
	fs, err := procfs.Of(ctx, options.Host.System, options.Root)
	if err != nil {
		return nil, err
	}
	if options.Mode == ModeAuto {
		if options.about, err = fs.About(); err != nil {
			return nil, err
		}
		if options.about < onceCrossover {
			options.Mode = k2i.ModeProcfs
		}
	}
	if options.once = pause == 0; !options.once {
		options.Fields = nil // rates are made from some that nobody asked for
	}
	options.Count = k2i.Counting{} // nothing is counted in no time
	a, err := open(fs, options)
	if err != nil {
		return nil, err
	}
	defer func() { _ = a.Close() }() // the sample is taken
	snap, err := a.once(ctx)
	if err == nil && pause > 0 {
		if err = options.Host.System.Pause(ctx, pause); err == nil {
			snap, err = a.once(ctx)
		}
	}
	if err != nil {
		return nil, fmt.Errorf("sampling this host: %w", err)
	}
	return snap, nil
}

// once is a snapshot of a sample and of nothing that happened since the last.
func (a *Agent) once(ctx context.Context) (*k2i.Snapshot, error) {
	sample, err := a.sample(ctx)
	if err != nil {
		return nil, err
	}
	a.finish(sample)
	return a.live.Sample(sample, nil, a.events.status()), nil
}

// onceCrossover is how many processes make loading the BPF programs worth its
// while for a single look: it takes some 20 ms of CPU time and a process then 8 µs, in
// /proc one takes some 31 µs. On two CPUs both are shared out.
const onceCrossover = 1000
