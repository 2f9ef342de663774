package probe

import (
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"time"

	cilium "github.com/cilium/ebpf"
	"github.com/cilium/ebpf/link"
	"github.com/cilium/ebpf/ringbuf"

	"ddcos/ebpf"
	"ddcos/k2i"
)

// Events are the loaded tracepoints and their ring. Its methods are for one
// goroutine; they and the Probe's passes may run at the same time.
type Events struct {
	probe    *Probe
	closers  []io.Closer
	programs []*cilium.Program
	reader   *ringbuf.Reader
	waker    *waker
	counts   *cilium.Map
	record   ringbuf.Record
	shared   sharedMasks

	read   uint64
	lost   uint64
	missed uint64 // of lost: programs that were not run, because they ran already
	asked  time.Time
	check  *spotCheck // of the programs' run time; nil until it is asked for
}

// tracepoints are the programs by the tracepoint that runs them.
func tracepoints(o *ebpf.EventsPrograms) []*cilium.Program {
	return []*cilium.Program{o.OnSignal, o.OnVictim, o.OnFinal, o.OnExit, o.OnExec, o.OnFork}
}

// OpenEvents loads the tracepoints. Its error wraps ErrRefused when the kernel or
// the caller's rights do not allow them. They have to be closed before the probe.
func (p *Probe) OpenEvents() (*Events, error) {
	return p.openEvents(uint32(ebpf.TasksLimitLIMIT_RING))
}

// openEvents is OpenEvents with a ring of so many bytes: pages, a power of two.
func (p *Probe) openEvents(ring uint32) (*Events, error) {
	spec, err := ebpf.LoadEvents()
	if err != nil {
		return nil, fmt.Errorf("compiled BPF object: %w", err)
	}
	spec.Maps[ebpf.EventsMapEvents].MaxEntries = ring
	if err := spec.Variables[ebpf.EventsVarCgroupHierarchy].Set(hierarchies[p.opts.CgroupController]); err != nil {
		return nil, fmt.Errorf("compiled BPF object: %w", err)
	}
	var objects ebpf.EventsObjects
	shared, err := p.share(spec, ebpf.EventsVarTallied, ebpf.EventsMapTallies)
	if err != nil {
		return nil, fmt.Errorf("compiled BPF object: %w", err)
	}
	shared.MapReplacements[ebpf.EventsMapKnownCgroups] = p.known
	if err := spec.LoadAndAssign(&objects, &shared); err != nil {
		return nil, refusal(err)
	}
	e := &Events{probe: p, shared: sharedMasks{}, closers: []io.Closer{&objects}, programs: tracepoints(&objects.EventsPrograms), counts: objects.Counts}
	if err := e.attach(&objects); err != nil {
		_ = e.Close() // the refusal is what the caller has to know
		return nil, refusal(err)
	}
	return e, nil
}

// attach tells the programs whose pids are wanted, and begins.
func (e *Events) attach(objects *ebpf.EventsObjects) error {
	if err := locate(objects.Locate); err != nil {
		return err
	}
	var err error
	if e.reader, err = ringbuf.NewReader(objects.Events); err != nil {
		return err
	}
	e.closers = append(e.closers, e.reader)
	e.reader.SetDeadline(time.Unix(1, 0)) // Drain never waits
	if e.waker, err = newWaker(objects.Events.FD(), func() bool { return e.reader.AvailableBytes() > 0 }); err != nil {
		return err
	}
	e.closers = append(e.closers, e.waker)
	for _, program := range e.programs {
		l, err := link.AttachTracing(link.TracingOptions{Program: program})
		if err != nil {
			return err
		}
		e.closers = append(e.closers, l)
	}
	return nil
}

// locate runs the program that finds out which PID namespace this is.
func locate(program *cilium.Program) error {
	iter, err := link.AttachIter(link.IterOptions{Program: program})
	if err != nil {
		return err
	}
	defer func() { _ = iter.Close() }() // it has done its work
	r, err := iter.Open()
	if err != nil {
		return err
	}
	_, err = io.Copy(io.Discard, r)
	if closeErr := r.Close(); err == nil {
		err = closeErr
	}
	return err
}

// Close detaches and unloads.
func (e *Events) Close() error {
	if e.check != nil {
		e.check.close()
	}
	var first error
	for _, c := range slices.Backward(e.closers) {
		if err := c.Close(); err != nil && first == nil {
			first = err
		}
	}
	e.closers = nil
	return first
}

// Notify asks to be told once, by a value in the channel, which is always the same
// one, when there is something to drain. One that comes without need is possible.
func (e *Events) Notify() <-chan struct{} { return e.waker.notify() }

// Drain appends what has happened since the last call to events, but no more than
// that many: the rest waits in the ring. more tells that some may.
func (e *Events) Drain(events []k2i.Event, most int) (_ []k2i.Event, more bool, err error) {
	if e.reader.AvailableBytes() == 0 {
		if time.Since(e.asked) < missedEvery {
			return events, false, nil
		}
		return events, false, e.count() // what the last of the ring was too late for
	}
	for range most {
		err := e.reader.ReadInto(&e.record)
		if errors.Is(err, os.ErrDeadlineExceeded) {
			return events, false, e.count()
		}
		if err != nil {
			return events, false, fmt.Errorf("events: %w", err)
		}
		e.read++
		event, err := e.decode(e.record.RawSample)
		if err != nil {
			return events, false, err
		}
		if event.Kind != "" {
			events = append(events, event)
		}
	}
	return events, true, e.count()
}

// Read is how many records came, and Lost how many did not, as of the last Drain.
func (e *Events) Read() uint64 { return e.read }
func (e *Events) Lost() uint64 { return e.lost }

// count adds up what the programs say they lost.
func (e *Events) count() error {
	counts, err := e.counted()
	if err != nil {
		return err
	}
	if time.Since(e.asked) >= missedEvery {
		if err := e.countMissed(); err != nil {
			return err
		}
	}
	e.lost = counts.Lost + e.missed
	return nil
}

// missedEvery is how often the kernel is asked for programs that were not run:
// it happens where one interrupts another, and costs a call for each.
const missedEvery = time.Second

func (e *Events) countMissed() (err error) {
	e.asked = time.Now()
	e.missed, err = misses(e.programs)
	return err
}

// counted sums the counts of all CPUs.
func (e *Events) counted() (ebpf.EventsEventCounts, error) {
	var perCPU []ebpf.EventsEventCounts
	if err := e.counts.Lookup(uint32(0), &perCPU); err != nil {
		return ebpf.EventsEventCounts{}, fmt.Errorf("events: %w", err)
	}
	var sum ebpf.EventsEventCounts
	for _, c := range perCPU {
		sum.Written += c.Written
		sum.Lost += c.Lost
	}
	return sum, nil
}
