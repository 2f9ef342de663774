// Package procfs reads processes and the host from /proc. It is the road where
// BPF is refused, what a single look takes, and the oracle of the other road.
//
// Its parsers are its own and bounded: the files of a process are written in
// part by that process. One kernel file is one Go file, one struct and one test.
package procfs

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strconv"

	"golang.org/x/sys/unix"

	"ddcos/k2i"
)

// DefaultRoot is where the kernel's process file system is mounted.
const DefaultRoot = "/proc"

// FS reads one proc file system. Its methods may be called from several goroutines.
type FS struct {
	root    string
	fixed   k2i.Host       // what does not change while the host is up
	self    k2i.Visibility // full, or what the PID namespace leaves of it
	cgroups string
	lacks   []string // files that this kernel has of no process
	missing []string // fields that this road cannot give here, sorted
	euid    uint32   // of the reader
	system  System
}

// New reads the proc file system at root, DefaultRoot as a rule.
func New(ctx context.Context, root string) (*FS, error) { return Of(ctx, Kernel{}, root) }

// Of is New by a system's calls. By others than the kernel's there are New, Host, PIDs,
// Process, Look and Passes alone.
func Of(_ context.Context, system System, root string) (*FS, error) {
	fs := &FS{root: root, system: system}
	dir, err := system.Openat(unix.AT_FDCWD, root, unix.O_PATH|unix.O_DIRECTORY)
	if err != nil {
		return nil, fmt.Errorf("proc file system %s: %w", root, err)
	}
	system.Close(dir)
	if err := fs.readFixed(); err != nil {
		return nil, err
	}
	fs.cgroups = fs.ownController()
	fs.lacks, fs.missing = fs.lacking()
	return fs, nil
}

// lacking finds the files of a process that this kernel was built without, and
// the fields that nobody can give then: without it, every process would look as
// if it had ended meanwhile.
func (fs *FS) lacking() (files, fields []string) {
	fields = []string{"exec_id", "pidfd_inode"}
	io := []string{"read_bytes", "write_bytes", "cancelled_write_bytes", "rchar_bytes", "wchar_bytes", "read_calls", "write_calls"}
	for file, names := range map[string][]string{"cgroup": {"cgroup"}, "io": io} {
		fd, err := fs.system.Openat(unix.AT_FDCWD, filepath.Join(fs.root, "self", file), unix.O_PATH)
		if err == nil {
			fs.system.Close(fd)
		} else if missing(err) {
			files = append(files, file)
			fields = append(fields, names...)
		}
	}
	slices.Sort(fields)
	return files, fields
}

// CgroupController is the v1 controller in whose hierarchy Process.Cgroup is,
// or "" for the unified hierarchy: the same for all processes of a host.
func (fs *FS) CgroupController() string { return fs.cgroups }

// errGone is a process that ended while it was read.
var errGone = errors.New("process ended")

// errHidden is a process whose files the caller may not open.
var errHidden = errors.New("process hidden")

func isHidden(err error) bool { return errors.Is(err, errHidden) }

// Read looks at every process once. Processes that end meanwhile are left out;
// so are those that the mount hides, and Visibility is partial then.
func (fs *FS) Read(ctx context.Context) (*k2i.Sample, error) { return NewPasses(fs).Read(ctx, nil) }

// less is what is left of full visibility when something could not be read.
func less(v k2i.Visibility) k2i.Visibility {
	if v == k2i.VisibilityFull {
		return k2i.VisibilityPartial
	}
	return v
}

// PIDs lists the processes, sorted.
func (fs *FS) PIDs() ([]int32, error) {
	pids, err := fs.system.PIDs(fs.root)
	if err != nil {
		return nil, fmt.Errorf("process list: %w", err)
	}
	slices.Sort(pids)
	return pids, nil
}

// About is how many processes there are, more or less, without listing them: the
// kernel counts a link of its root for each. In a PID namespace below the first
// those of all others are among them, so there they are listed.
func (fs *FS) About() (int, error) {
	if fs.self == k2i.VisibilityNamespace {
		pids, err := fs.PIDs()
		return len(pids), err
	}
	var st unix.Stat_t
	if err := unix.Stat(fs.root, &st); err != nil {
		return 0, fmt.Errorf("number of processes: %w", err)
	}
	return int(st.Nlink), nil
}

// Process reads a single process.
func (fs *FS) Process(pid int32) (k2i.Process, error) {
	r := fs.reader(-1)
	p, _, err := fs.read(&r, pid)
	if err != nil {
		return k2i.Process{}, fmt.Errorf("process %d: %w", pid, err)
	}
	return p, nil
}

// read looks at one process, and once more where it seems to have ended between
// two of its files: it would stand there alive, with its memory, and without its
// arguments. A zombie is the same however often it is read.
func (fs *FS) read(r *reader, pid int32) (p k2i.Process, full bool, err error) {
	p, full, err = fs.readOnce(r, pid)
	if err == nil && !p.Kernel && p.VSZBytes > 0 && (r.reads(partCmdline) && len(p.Args) == 0 || r.reads(partStatus) && p.RSSAnonBytes == k2i.Unread) {
		return fs.readOnce(r, pid)
	}
	return p, full, err
}

// readOnce looks at one process. All its files are opened through its directory,
// so that a pid which is given to another process meanwhile cannot mix the two.
// It is not full when another user's counters could not be read.
func (fs *FS) readOnce(r *reader, pid int32) (p k2i.Process, full bool, err error) {
	dir, err := r.system.Openat(unix.AT_FDCWD, fs.root+"/"+strconv.Itoa(int(pid)), unix.O_PATH|unix.O_DIRECTORY)
	if err != nil {
		return p, false, readError(err)
	}
	defer r.system.Close(dir)
	r.dir = dir
	var owned k2i.Process // before stat: which tells whether it was there still
	if !r.reads(partStatus) {
		if err := r.owner(&owned); err != nil {
			return p, false, err
		}
	}
	if err := r.stat(&p); err != nil {
		return p, false, err
	}
	if p.PID != pid {
		return p, false, fmt.Errorf("%w: its stat says %d", errGone, p.PID)
	}
	p.EUID, p.EGID = owned.EUID, owned.EGID
	for _, file := range [...]struct {
		part parts
		read func(*k2i.Process) error
	}{{partStatus, r.status}, {partCmdline, r.cmdline}, {partCgroup, r.cgroup}} {
		if !r.reads(file.part) {
			continue
		}
		if err := file.read(&p); err != nil {
			return p, false, err
		}
	}
	if !r.reads(partIO) {
		return p, true, nil
	}
	switch err := r.io(&p); {
	case errors.Is(err, errHidden):
		return p, p.EUID == fs.euid, nil
	case err != nil:
		return p, false, err
	}
	return p, true, nil
}
