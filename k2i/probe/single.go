package probe

import (
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"unsafe"

	cilium "github.com/cilium/ebpf"
	"golang.org/x/sys/unix"
)

// maxSingles is how many processes are looked at one by one at most; to open an
// iterator for one costs as much as stepping over singleSteps tasks.
const (
	maxSingles  = 24
	singleSteps = 40
)

// The kernel's numbers (include/uapi/linux/bpf.h).
const (
	bpfLinkCreate = 28
	bpfIterCreate = 33
	bpfTraceIter  = 28
)

// oneTask says which task an iterator is for, by its number for the caller.
type oneTask struct{ tid, pid, pidfd uint32 }

// linkTask makes a link of an iterator that is for one task alone. The library
// has none.
func linkTask(program *cilium.Program, one oneTask) (link int, err error) {
	attr := struct {
		program, target, kind, flags uint32
		info                         unsafe.Pointer
		_                            [8 - unsafe.Sizeof(uintptr(0))]byte
		size, _                      uint32
	}{program: uint32(program.FD()), kind: bpfTraceIter, info: unsafe.Pointer(&one), size: uint32(unsafe.Sizeof(one))}
	fd, _, errno := unix.Syscall(unix.SYS_BPF, bpfLinkCreate, uintptr(unsafe.Pointer(&attr)), unsafe.Sizeof(attr))
	runtime.KeepAlive(program)
	if errno != 0 {
		return 0, fmt.Errorf("iterator of one task: %w", errno)
	}
	return int(fd), nil
}

// takesOne tells whether this kernel's iterators can be for one task. An older one
// does not look at what it is told, and takes nonsense: a task and another process.
func takesOne(program *cilium.Program) bool {
	link, err := linkTask(program, oneTask{tid: 1, pid: 1})
	if err == nil {
		_ = unix.Close(link)
	}
	return errors.Is(err, unix.EINVAL)
}

// openOne opens the program's iterator for one process.
func openOne(program *cilium.Program, pid int32) (io.ReadCloser, error) {
	link, err := linkTask(program, oneTask{tid: uint32(pid)})
	if err != nil {
		return nil, err
	}
	defer func() { _ = unix.Close(link) }() // the iterator holds it
	attr := struct{ link, flags uint32 }{link: uint32(link)}
	fd, _, errno := unix.Syscall(unix.SYS_BPF, bpfIterCreate, uintptr(unsafe.Pointer(&attr)), unsafe.Sizeof(attr))
	if errno != 0 {
		return nil, fmt.Errorf("iterator of process %d: %w", pid, errno)
	}
	return os.NewFile(fd, "iterator of one process"), nil
}

// openEach opens it for each of some processes; all are closed where one cannot be.
func openEach(program *cilium.Program, pids []int32) (all readers, err error) {
	for _, pid := range pids {
		one, err := openOne(program, pid)
		if err != nil {
			_ = all.Close() // nothing was read
			return nil, err
		}
		all = append(all, one)
	}
	return all, nil
}

// readers are read one after the other.
type readers []io.ReadCloser

// Read is of the first that has something left.
func (r *readers) Read(b []byte) (int, error) {
	for len(*r) > 0 {
		n, err := (*r)[0].Read(b)
		if err != io.EOF {
			return n, err
		}
		if err := (*r)[0].Close(); err != nil {
			return n, err
		}
		if *r = (*r)[1:]; n > 0 {
			return n, nil
		}
	}
	return 0, io.EOF
}

// Close closes those that are left.
func (r *readers) Close() (err error) {
	for _, one := range *r {
		err = errors.Join(err, one.Close())
	}
	*r = nil
	return err
}
