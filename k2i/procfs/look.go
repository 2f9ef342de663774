package procfs

import (
	"context"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"ddcos/k2i"
)

// parts are the files of a process that a look may do without: its stat is read
// always, and its directory tells its effective ids.
type parts uint8

const (
	partStatus parts = 1 << iota
	partCmdline
	partCgroup
	partIO

	allParts = partStatus | partCmdline | partCgroup | partIO
)

// partsOf are the files that these fields are read from; nil are all fields.
func partsOf(fields []string) parts {
	if fields == nil {
		return allParts
	}
	var of parts
	for _, name := range fields {
		of |= partOf(name)
	}
	return of
}

// FilesFor are the files of a process's directory that Look reads for these fields,
// nil for all; of each as many bytes as MaxFile at most.
func FilesFor(fields []string) []string {
	files, of := []string{"stat"}, partsOf(fields)
	for i, name := range [...]string{"status", "cmdline", "cgroup", "io"} {
		if of&(1<<i) != 0 {
			files = append(files, name)
		}
	}
	return files
}

// partOf is that of one field, all of them where it is not known. The field tells
// itself where it comes from.
func partOf(name string) parts {
	f, ok := k2i.FieldByName(name)
	if !ok {
		return allParts
	}
	switch file, _, _ := strings.Cut(f.Source, " "); file {
	case "status", "task":
		if slices.Contains(withoutStatus, name) {
			return 0
		}
		return partStatus
	case "cmdline":
		return partCmdline
	case "cgroup":
		return partCgroup
	case "from": // a cgroup, by what made it, or PID namespaces
		return partCgroup | partCmdline | partStatus
	case "io":
		return partIO
	}
	return 0 // in stat, or in no file that this road reads
}

// withoutStatus are fields that the directory tells, or stat, or nobody.
var withoutStatus = []string{"euid", "egid", "start_ns", "exec_id"}

// batch is how many processes one goroutine of a look takes at a time: a host of
// few of them is not worth a second goroutine.
const batch = 16

// Look reads every process once, as Read does, on all CPUs, and of each no more
// than these fields need; what else there is of a row is blank. nil is for all.
func (fs *FS) Look(ctx context.Context, fields []string) (*k2i.Sample, error) {
	sample, pids, err := fs.begin(ctx)
	if err != nil {
		return nil, err
	}
	l := looking{fs: fs, pids: pids, spared: allParts &^ partsOf(fields), rows: make([]k2i.Process, len(pids)), found: make([]bool, len(pids))}
	var others sync.WaitGroup
	for range min(runtime.GOMAXPROCS(0), (len(pids)+batch-1)/batch) - 1 {
		others.Go(func() { l.read(ctx) })
	}
	l.read(ctx)
	others.Wait()
	if err := ctx.Err(); err != nil {
		return nil, fmt.Errorf("reading %s: %w", fs.root, err)
	}
	for i := range l.rows {
		if l.found[i] {
			sample.Processes = append(sample.Processes, &l.rows[i])
		}
	}
	sample.Shared = make([]bool, len(sample.Processes))
	if l.hidden.Load() {
		sample.Visibility = less(sample.Visibility)
	}
	return sample, nil
}

// looking is a look under way. Each place of rows and found is one goroutine's.
type looking struct {
	fs     *FS
	pids   []int32
	spared parts
	rows   []k2i.Process
	found  []bool
	taken  atomic.Int64 // of pids
	hidden atomic.Bool  // something of somebody was
}

// read takes batches until there are none.
func (l *looking) read(ctx context.Context) {
	r := l.fs.reader(-1)
	r.spared, r.once = l.spared, true
	for ctx.Err() == nil {
		end := int(l.taken.Add(batch))
		for i := end - batch; i < min(end, len(l.pids)); i++ {
			p, full, err := l.fs.read(&r, l.pids[i])
			if isHidden(err) || err == nil && !full {
				l.hidden.Store(true)
			}
			if err == nil {
				l.rows[i], l.found[i] = p, true
			}
		}
		if end >= len(l.pids) {
			return
		}
	}
}

// owner fills in the effective ids, which the kernel gives to the directory of a
// process as its owner.
func (r *reader) owner(p *k2i.Process) error {
	var err error
	if p.EUID, p.EGID, err = r.system.Owner(r.dir); err != nil {
		return readError(err)
	}
	return nil
}
