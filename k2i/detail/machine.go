package detail

import (
	"context"
	"errors"
	"io/fs"
	"sync"
	"time"

	"ddcos/k2i"
	"ddcos/k2i/mask"
	"ddcos/k2i/procfs"
)

// How long a Machine is remembered: file systems and devices are asked less often
// than the kernel is.
const (
	QuickFor = 5 * time.Second
	SlowFor  = 30 * time.Second
)

// machine is a host as procfs.Machine reads it.
type machine interface {
	System(to *k2i.Machine) error
	Disks() ([]k2i.Disk, int, error)
	Interfaces() ([]k2i.NetInterface, int, error)
	MountPoints() ([]procfs.MountPoint, int, error)
	Size(p *procfs.MountPoint) (k2i.Mount, error)
	GPUs() ([]k2i.GPU, []k2i.GPUClient, int, error)
	Sensors() ([]k2i.Sensor, int, error)
}

// MachineReader reads what a host says of itself, when somebody asks and not
// more often than it is worth. It has workers of its own: file systems whose
// server is gone cost those who ask for processes nothing. It is safe for many
// goroutines.
type MachineReader struct {
	pool *pool
	from machine

	turn   chan struct{} // holds one; whoever has it may touch what follows
	last   *k2i.Machine
	quick  time.Time
	slow   time.Time
	begun  bool
	slowly []k2i.Gap // of the slow parts
}

// MachineOptions are for a host with many mounts, some of them dead.
func MachineOptions() Options { return Options{Workers: 8, Stuck: 16, Deadline: time.Second} }

// NewMachineReader makes a MachineReader; of the options it takes Workers, Stuck
// and Deadline.
func NewMachineReader(m *procfs.Machine, options Options) *MachineReader {
	return newMachineReader(m, options)
}

func newMachineReader(m machine, options Options) *MachineReader {
	r := &MachineReader{pool: newPool(options), from: m, turn: make(chan struct{}, 1)}
	r.turn <- struct{}{}
	return r
}

// Stats are the reader's own counters.
func (r *MachineReader) Stats() Stats { return r.pool.stats() }

// Read gives what is known of the host, reading anew what is older than it may be.
// Its error is ctx's.
func (r *MachineReader) Read(ctx context.Context) (*k2i.Machine, error) {
	select {
	case <-r.turn:
		defer func() { r.turn <- struct{}{} }()
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	// Whoever asked may go meanwhile; what is read is for the next one too.
	ctx = context.WithoutCancel(ctx)
	if now := time.Now(); !r.begun || now.Sub(r.quick) >= QuickFor {
		next := r.readQuick(ctx)
		if r.begun && now.Sub(r.slow) < SlowFor {
			next.Mounts, next.GPUs, next.GPUClients, next.Sensors = r.last.Mounts, r.last.GPUs, r.last.GPUClients, r.last.Sensors
			for _, l := range r.last.LeftOut {
				if l.Part == k2i.PartMounts || l.Part == k2i.PartGPUs || l.Part == k2i.PartSensors {
					next.LeftOut = append(next.LeftOut, l)
				}
			}
		} else {
			r.slowly = r.readSlow(ctx, next)
			r.slow = now
		}
		next.Gaps = append(next.Gaps, r.slowly...)
		r.last, r.quick, r.begun = next, now, true
	}
	answer := *r.last
	answer.AgeNS, answer.SlowAgeNS = int64(time.Since(r.quick)), int64(time.Since(r.slow))
	return &answer, nil
}

// readQuick reads what the kernel has in its memory.
func (r *MachineReader) readQuick(ctx context.Context) *k2i.Machine {
	next, reason := fetch(ctx, r.pool, k2i.PartSystem, func() (*k2i.Machine, error) {
		m := k2i.NoMachine()
		return m, r.from.System(m)
	})
	if next == nil {
		next = k2i.NoMachine()
	}
	note(next, k2i.PartSystem, reason, 0)
	disks, reason := fetch(ctx, r.pool, k2i.PartDisks, func() (listed[k2i.Disk], error) { return list(r.from.Disks()) })
	next.Disks = append(next.Disks, disks.rows...)
	note(next, k2i.PartDisks, reason, disks.leftOut)
	network, reason := fetch(ctx, r.pool, k2i.PartInterfaces, func() (listed[k2i.NetInterface], error) { return list(r.from.Interfaces()) })
	next.Interfaces = append(next.Interfaces, network.rows...)
	note(next, k2i.PartInterfaces, reason, network.leftOut)
	return next
}

// readSlow asks file systems, GPUs and sensors. What is missing is not in next's gaps.
func (r *MachineReader) readSlow(ctx context.Context, next *k2i.Machine) []k2i.Gap {
	before := len(next.Gaps)
	type cards struct {
		gpus    []k2i.GPU
		clients []k2i.GPUClient
		leftOut int
	}
	all, reason := fetch(ctx, r.pool, k2i.PartGPUs, func() (c cards, err error) {
		c.gpus, c.clients, c.leftOut, err = r.from.GPUs()
		return c, err
	})
	next.GPUs, next.GPUClients = append(next.GPUs, all.gpus...), append(next.GPUClients, all.clients...)
	note(next, k2i.PartGPUs, reason, all.leftOut)
	hot, reason := fetch(ctx, r.pool, k2i.PartSensors, func() (listed[k2i.Sensor], error) { return list(r.from.Sensors()) })
	next.Sensors = append(next.Sensors, hot.rows...)
	note(next, k2i.PartSensors, reason, hot.leftOut)

	points, reason := fetch(ctx, r.pool, k2i.PartMounts, func() (listed[procfs.MountPoint], error) { return list(r.from.MountPoints()) })
	note(next, k2i.PartMounts, reason, points.leftOut)
	next.Mounts = make([]k2i.Mount, len(points.rows))
	var done sync.WaitGroup
	for i := range points.rows {
		done.Go(func() { next.Mounts[i] = r.size(ctx, &points.rows[i]) })
	}
	done.Wait()
	gaps := append([]k2i.Gap{}, next.Gaps[before:]...)
	next.Gaps = next.Gaps[:before]
	return gaps
}

// mounted is a file system that a reader may be stuck at.
type mounted struct{ device, point string }

// size asks one file system. What stands in a table of mounts may have a password
// in it.
func (r *MachineReader) size(ctx context.Context, point *procfs.MountPoint) k2i.Mount {
	mount, reason := fetch(ctx, r.pool, mounted{point.Device, point.Point}, func() (k2i.Mount, error) { return r.from.Size(point) })
	if reason != "" {
		mount = point.Mount
		mount.Missing = reason
	}
	mount.Source = mask.Arguments([]string{mount.Source})[0]
	return mount
}

// listed is a list and how much more of it there is.
type listed[T any] struct {
	rows    []T
	leftOut int
}

func list[T any](rows []T, leftOut int, err error) (listed[T], error) {
	return listed[T]{rows, leftOut}, err
}

// fetch has a worker read something, or says why there is nothing.
func fetch[T any](ctx context.Context, p *pool, at any, read func() (T, error)) (value T, reason k2i.GapReason) {
	type outcome struct {
		value T
		err   error
	}
	got := make(chan outcome, 1)
	reason = p.run(ctx, at, func() {
		v, err := read()
		got <- outcome{v, err}
	})
	if reason != "" {
		return value, reason
	}
	o := <-got
	switch {
	case errors.Is(o.err, fs.ErrPermission):
		return value, k2i.GapDenied
	case o.err != nil:
		return value, procfs.Reason(o.err)
	}
	return o.value, ""
}

// note adds what is missing of a part.
func note(m *k2i.Machine, part k2i.Part, reason k2i.GapReason, leftOut int) {
	if leftOut > 0 {
		m.LeftOut = append(m.LeftOut, k2i.LeftOut{Part: part, Count: leftOut})
	}
	help := "it could not be read"
	switch reason {
	case "":
		return
	case k2i.GapDenied:
		help = "the agent may not read it: run it as root"
	case k2i.GapDeadline, k2i.GapStuck, k2i.GapBusy:
		help = "the kernel did not answer in time: a device or a driver is stuck"
	}
	m.Gaps = append(m.Gaps, k2i.Gap{Part: part, Reason: reason, Help: help, Count: 1})
}
