package procfs

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"strconv"
	"time"

	"golang.org/x/sys/unix"

	"ddcos/k2i"
)

// keptFor is how long a process whose stat stays the same is not read any further.
// It has used no tick of CPU time, but may have done a little of what other files
// count.
const keptFor = 10 * time.Second

// Passes reads all processes again and again, and of each no more than its stat
// while that says what it said before. It is for one goroutine.
type Passes struct {
	fs    *FS
	r     reader
	path  []byte
	known []kept // of the last pass, by pid
	spare []kept // room for the next
	told  time.Duration
}

// kept is what a process said of itself when all of it was read.
type kept struct {
	pid   int32
	start uint64 // ticks
	stat  []byte
	until time.Duration // since boot
	full  bool          // nothing of it was hidden
}

// NewPasses knows nothing yet.
func NewPasses(fs *FS) *Passes {
	return &Passes{fs: fs, r: fs.reader(-1)}
}

// Read looks at every process once. Rows of those that have not changed are shared
// with before: the last sample, completed by its caller. With any other one, or
// nil, all is read.
func (p *Passes) Read(ctx context.Context, before *k2i.Sample) (*k2i.Sample, error) {
	sample, pids, err := p.fs.begin(ctx)
	if err != nil {
		return nil, err
	}
	if before == nil || before.Mono != p.told {
		before, p.known = &k2i.Sample{}, p.known[:0]
	}
	now, at, row := p.spare[:0], 0, 0
	for _, pid := range pids {
		if err := ctx.Err(); err != nil {
			return nil, fmt.Errorf("reading %s: %d of %d processes: %w", p.fs.root, len(sample.Processes), len(pids), err)
		}
		for at < len(p.known) && p.known[at].pid < pid {
			at++
		}
		for row < len(before.Processes) && before.Processes[row].PID < pid {
			row++
		}
		one := kept{pid: pid}
		if at < len(p.known) && p.known[at].pid == pid {
			one = p.known[at]
			p.known[at].stat = nil // it has gone over
		}
		var last *k2i.Process
		if row < len(before.Processes) && before.Processes[row].PID == pid && before.Processes[row].StartTicks == one.start {
			last = before.Processes[row]
		}
		if p.add(sample, &one, last) {
			now = append(now, one)
		}
	}
	p.known, p.spare, p.told = now, p.known, sample.Mono
	return sample, nil
}

// add adds a process, sharing its last row where nothing has changed; false where
// there is none any more, or none that may be seen.
func (p *Passes) add(sample *k2i.Sample, one *kept, last *k2i.Process) bool {
	if last != nil {
		stat, err := p.stat(one.pid)
		if err == nil && sample.Mono < one.until && bytes.Equal(stat, one.stat) {
			sample.Processes, sample.Shared = append(sample.Processes, last), append(sample.Shared, true)
			if !one.full {
				sample.Visibility = less(sample.Visibility)
			}
			return true
		}
		one.stat = append(one.stat[:0], stat...) // before all is read: what changes since is seen by the next pass
	}
	process, full, err := p.fs.read(&p.r, one.pid)
	if isHidden(err) || err == nil && !full {
		sample.Visibility = less(sample.Visibility)
	}
	if err != nil {
		return false
	}
	// What is old is not all read in one pass.
	one.until = sample.Mono + keptFor - time.Duration(one.pid%16)*keptFor/32
	one.start, one.full = process.StartTicks, full
	sample.Processes, sample.Shared = append(sample.Processes, &process), append(sample.Shared, false)
	return true
}

// stat is the text of a process's stat, good until the next call.
func (p *Passes) stat(pid int32) ([]byte, error) {
	p.path = append(append(p.path[:0], p.fs.root...), '/')
	p.path = append(strconv.AppendInt(p.path, int64(pid), 10), "/stat"...)
	p.r.dir = unix.AT_FDCWD
	return p.r.whole(string(p.path))
}

// begin is a sample without processes, and who there is.
func (fs *FS) begin(ctx context.Context) (*k2i.Sample, []int32, error) {
	host, visibility, err := fs.Host(ctx)
	if err != nil {
		return nil, nil, err
	}
	sample := &k2i.Sample{Host: host, Visibility: visibility, Mode: k2i.ModeProcfs, Missing: slices.Clone(fs.missing)}
	if sample.At, sample.Mono, err = fs.system.Now(); err != nil {
		return nil, nil, err
	}
	pids, err := fs.PIDs()
	if err != nil {
		return nil, nil, err
	}
	sample.Processes = make([]*k2i.Process, 0, len(pids))
	return sample, pids, nil
}
