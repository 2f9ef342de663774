package procfs

import (
	"context"
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"ddcos/k2i"
)

// fallible are the kernel's calls, of which the one with the number at, and
// those after it, can be made to go wrong for one process.
type fallible struct {
	Kernel
	victim string // its directory
	at     int    // from 1 on
	fault  fault

	made  int
	dirs  map[int]bool // descriptors of the victim's
	files map[int]bool
}

// fault is what happens at a call.
type fault struct {
	name string
	last bool                                // only that call goes wrong
	then func()                              // before that call; nil for nothing
	open func() error                        // nil for as it is
	read func(fd int, b []byte) (int, error) // likewise
}

func (c *fallible) failing() bool {
	c.made++
	if c.made == c.at && c.fault.then != nil {
		c.fault.then()
	}
	return c.made == c.at || c.made > c.at && !c.fault.last
}

func (c *fallible) Openat(dir int, path string, flags int) (int, error) {
	ofVictim := path == c.victim || c.dirs[dir]
	if ofVictim && c.failing() && c.fault.open != nil {
		if err := c.fault.open(); err != nil {
			return -1, err
		}
	}
	fd, err := c.Kernel.Openat(dir, path, flags)
	delete(c.dirs, fd) // numbers are used again
	delete(c.files, fd)
	if ofVictim && err == nil {
		c.dirs[fd], c.files[fd] = path == c.victim, path != c.victim
	}
	return fd, err
}

func (c *fallible) Read(fd int, b []byte) (int, error) {
	if c.files[fd] && c.failing() && c.fault.read != nil {
		return c.fault.read(fd, b)
	}
	return unix.Read(fd, b)
}

// failWith is a fault that fails all calls with an error.
func failWith(err unix.Errno, last bool) fault {
	return fault{
		name: fmt.Sprintf("%s, only once: %v", unix.ErrnoName(err), last), last: last,
		open: func() error { return err },
		read: func(int, []byte) (int, error) { return 0, err },
	}
}

// faults are the ways in which a process goes away or cannot be read.
func faults(tr tree) []fault {
	var interrupted bool
	return []fault{
		failWith(unix.ENOENT, false), failWith(unix.ESRCH, false), failWith(unix.EIO, false), failWith(unix.EACCES, false),
		failWith(unix.ESRCH, true), failWith(unix.EIO, true), failWith(unix.EMFILE, true),
		{name: "half of it, then gone", read: func(fd int, b []byte) (int, error) {
			n, err := unix.Pread(fd, b[:min(len(b), 7)], 0)
			if at, _ := unix.Seek(fd, 0, unix.SEEK_CUR); at > 0 || err != nil {
				return 0, unix.ESRCH
			}
			_, err = unix.Seek(fd, 1, unix.SEEK_SET)
			return n, err
		}},
		{name: "a byte at a time", read: func(fd int, b []byte) (int, error) { return unix.Read(fd, b[:1]) }},
		{name: "interrupted", read: func(fd int, b []byte) (int, error) {
			if interrupted = !interrupted; interrupted {
				return 0, unix.EINTR
			}
			return unix.Read(fd, b)
		}},
		{name: "ends and is awaited", then: func() { tr.remove("20") }},
		{name: "ends and becomes a zombie", then: func() { zombify(tr) }},
	}
}

// zombify makes process 20 one that has ended: the kernel has given its memory
// back, and nobody has waited for it.
func zombify(tr tree) {
	tr.write("20/stat", statLine("20 (cat)", map[int]string{3: "Z", 23: "0", 24: "0"}))
	tr.write("20/status", goodStatus)
	tr.write("20/cmdline", "")
}

// program makes a process with memory and arguments.
func program(tr tree, pid int) {
	tr.process(pid)
	tr.write(strconv.Itoa(pid)+"/status", goodStatus+restOfStatus)
}

// alone is a process by itself, on a tree with nothing wrong.
func alone(t *testing.T, fs *FS, pid int32) k2i.Process {
	t.Helper()
	p, err := fs.Process(pid)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// TestVanishingAtEveryCall has one process of three go away, or fail, at each of
// the calls that a pass makes for it: there is a sample each time, in which the
// others are whole, and that one as it was, as the zombie that it became, or
// not at all.
func TestVanishingAtEveryCall(t *testing.T) {
	tr := newTree(t)
	for _, pid := range []int{10, 20, 30} {
		program(tr, pid)
	}
	fs := tr.open()
	before, living, after := alone(t, fs, 10), alone(t, fs, 20), alone(t, fs, 30)
	zombify(tr)
	zombie := alone(t, fs, 20)
	if len(living.Args) == 0 || len(zombie.Args) != 0 || zombie.State != "Z" || zombie.VSZBytes != 0 {
		t.Fatalf("%+v\n%+v", living, zombie)
	}
	look := func(ctx context.Context) (*k2i.Sample, error) { return fs.Look(ctx, nil) }
	for i, f := range slices.Concat(faults(tr), faults(tr)) {
		read, name := fs.Read, f.name
		if i >= len(faults(tr)) {
			if read, name = look, "by a single look: "+name; f.read != nil && f.open == nil {
				continue // it takes what one read gives for all there is
			}
		}
		t.Run(name, func(t *testing.T) {
			seen := map[string]int{}
			for at, more := 1, true; more; at++ {
				program(tr, 20)
				c := &fallible{victim: tr.root + "/20", at: at, fault: f, dirs: map[int]bool{}, files: map[int]bool{}}
				fs.system = c
				sample, err := read(t.Context())
				fs.system = Kernel{}
				if err != nil {
					t.Fatalf("at call %d: %v", at, err)
				}
				more = c.made >= at
				seen[victimIn(t, at, sample.Processes, []k2i.Process{before, living, after}, zombie)]++
				if strings.Contains(f.name, "EACCES") && more && sample.Visibility != k2i.VisibilityPartial {
					t.Errorf("at call %d: visibility %s", at, sample.Visibility)
				}
				if at > 200 {
					t.Fatal("a pass makes no end of calls")
				}
			}
			if seen["alive"] == 0 || len(seen) == 1 && f.read != nil && f.open != nil {
				t.Errorf("saw it %v", seen)
			}
		})
	}
}

// victimIn says how the second process is in a list, and complains of anything
// that none of the processes was.
func victimIn(t *testing.T, at int, list []*k2i.Process, whole []k2i.Process, zombie k2i.Process) string {
	t.Helper()
	if len(list) < 2 || len(list) > 3 || !alike(*list[0], whole[0]) || !alike(*list[len(list)-1], whole[2]) {
		t.Fatalf("at call %d: %+v", at, list)
	}
	switch {
	case len(list) == 2:
		return "gone"
	case alike(*list[1], whole[1]):
		return "alive"
	case alike(*list[1], zombie):
		return "zombie"
	}
	// Its counters alone may be hidden, as those of other users are.
	less := whole[1]
	for _, c := range []*k2i.Count{&less.ReadBytes, &less.WriteBytes, &less.CancelledWriteBytes, &less.RCharBytes, &less.WCharBytes, &less.ReadCalls, &less.WriteCalls} {
		*c = k2i.Unread
	}
	if alike(*list[1], less) {
		return "without its counters"
	}
	if less.Cgroup = ""; alike(*list[1], less) {
		return "without its counters and its cgroup"
	}
	t.Errorf("at call %d it is neither alive, nor a zombie, nor gone: %+v", at, list[1])
	return "half"
}

// alike compares all fields; a rate that is no number equals itself here.
func alike(a, b k2i.Process) bool {
	for _, p := range []*k2i.Process{&a, &b} {
		p.RCPU, p.RCPUWithExited, p.NetRx, p.NetTx, p.IOR, p.IOW = 0, 0, 0, 0, 0, 0
	}
	return reflect.DeepEqual(a, b)
}
