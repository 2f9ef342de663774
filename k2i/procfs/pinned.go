package procfs

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"ddcos/k2i"
)

// Pinned is one process whose directory is held open: whatever is read through
// it is this process's own, though its pid may be given to another one. Each
// method reads with the rights of the caller, and may wait for as long as the
// kernel does: package detail sees to that. A Pinned is one goroutine's.
type Pinned struct {
	r     reader
	ticks uint64
}

// Pin opens the directory of a process that began when key says. Close it.
func (fs *FS) Pin(key k2i.Key) (*Pinned, error) {
	dir, err := unix.Open(fs.root+"/"+strconv.Itoa(int(key.PID)), unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, readError(err)
	}
	p := &Pinned{r: fs.reader(dir), ticks: key.StartTicks}
	p.r.buf = make([]byte, maxFact)
	if err := p.Lives(); err != nil {
		p.Close()
		return nil, err
	}
	return p, nil
}

// Close lets the process go.
func (p *Pinned) Close() { _ = unix.Close(p.r.dir) } // nothing was written to it

// Lives is nil while the process has neither ended nor become a zombie.
func (p *Pinned) Lives() error {
	b, err := p.r.file("stat", MaxFile)
	if err != nil {
		return err
	}
	s, err := ParseStat(b)
	if err != nil {
		return err
	}
	if s.StartTicks != p.ticks || s.State == 'Z' || s.State == 'X' {
		return errGone
	}
	return nil
}

// Reason is why a method of Pinned, or Pin, failed.
func Reason(err error) k2i.GapReason {
	switch {
	case errors.Is(err, errGone):
		return k2i.GapEnded
	case errors.Is(err, errHidden):
		return k2i.GapDenied
	case errors.Is(err, errLacking):
		return k2i.GapUnsupported
	}
	return k2i.GapFailed
}

// read is the text of a file. One that is not there of a process that lives is
// none that this kernel has.
func (p *Pinned) read(name string) ([]byte, error) {
	b, err := p.r.file(name, maxFact)
	if errors.Is(err, errGone) && p.Lives() == nil {
		return nil, errLacking
	}
	return b, err
}

// Rollup sums the process's memory up: it holds the process's address space
// meanwhile, some 22 ms for each GB that is resident.
func (p *Pinned) Rollup() (Rollup, error) {
	b, err := p.read("smaps_rollup")
	if err != nil {
		return Rollup{}, err
	}
	return ParseRollup(b)
}

// Limits are the process's resource limits.
func (p *Pinned) Limits() ([]k2i.Limit, error) {
	b, err := p.read("limits")
	if err != nil {
		return nil, err
	}
	return ParseLimits(b)
}

// Wchan is the kernel's function that the first thread waits in; "" where it
// runs, and where the caller may not know.
func (p *Pinned) Wchan() (string, error) {
	b, err := p.read("wchan")
	if err != nil || string(b) == "0" {
		return "", err
	}
	return string(b), nil
}

// maxStack is how many functions of a stack are told; the kernel prints 64.
const maxStack = 128

// Stack is where the first thread is inside the kernel, innermost first.
func (p *Pinned) Stack() ([]string, error) {
	b, err := p.read("stack")
	if err != nil {
		return nil, err
	}
	return ParseStack(b), nil
}

// ParseStack reads the text of /proc/PID/stack: functions, without the addresses
// that the kernel hides. The list is never nil.
func ParseStack(b []byte) []string {
	list := []string{}
	for line := range strings.Lines(string(b)) {
		if _, function, found := strings.Cut(line, "] "); found && len(list) < maxStack {
			list = append(list, strings.TrimSpace(function))
		}
	}
	return list
}

// FDs are the open files, at most k2i.MaxFDs in the kernel's order, and how many
// there are in all. Links are read and never followed: what they lead to may
// be a device or a file system that does not answer.
func (p *Pinned) FDs() (list []k2i.FD, count int, err error) {
	fd, err := unix.Openat(p.r.dir, "fd", unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, 0, readError(err)
	}
	dir := os.NewFile(uintptr(fd), "fd")
	defer func() { _ = dir.Close() }() // it was only read
	list = []k2i.FD{}
	names, err := dir.Readdirnames(-1)
	if err != nil {
		return nil, 0, fmt.Errorf("list of open files: %w", readError(err))
	}
	for _, name := range names[:min(len(names), k2i.MaxFDs)] {
		number, err := strconv.ParseInt(name, 10, 32)
		if err != nil {
			continue
		}
		n, err := unix.Readlinkat(fd, name, p.r.buf[:maxLink])
		if err != nil {
			continue // closed meanwhile
		}
		target := string(p.r.buf[:n])
		list = append(list, k2i.FD{FD: int32(number), Kind: kindOf(target), Target: target})
	}
	return list, len(names), nil
}

// FDCount is how many files are open.
func (p *Pinned) FDCount() (int, error) {
	text := p.r.entries("fd")
	if n, err := strconv.Atoi(text); err == nil {
		return n, nil
	}
	if err := p.Lives(); err != nil {
		return 0, err
	}
	return 0, errHidden
}

// kindOf tells from a link what is open. A process chooses the names of its
// files: only what does not begin with a slash is the kernel's word.
func kindOf(target string) string {
	if strings.HasPrefix(target, "/memfd:") {
		return "memfd"
	}
	kind, rest, found := strings.Cut(target, ":")
	switch {
	case !found || strings.HasPrefix(target, "/"):
		return "file"
	case kind == "anon_inode":
		return strings.Trim(rest, "[]")
	}
	return kind // socket, pipe, or a namespace's: net, mnt, ...
}
