package probe

import (
	"errors"
	"fmt"
	"io"
	"unsafe"

	cilium "github.com/cilium/ebpf"
	"golang.org/x/sys/unix"

	"ddcos/ebpf"
)

// lines are the command lines of some processes, from a program that looks at these
// alone. What it holds is its own: whoever waits for it may give up, and a probe may be
// closed, while it hangs in the kernel.
type lines struct {
	program *cilium.Program
	mapped  []byte
	room    *ebpf.TasksAskedLines // in there; the kernel writes to it while the program runs
	tasks   []int32               // that are still to be asked for
	rest    []byte                // of the room: what has not been read
}

// openLines is for processes by their numbers in the first PID namespace. Nothing is read
// before Read. Close it.
func openLines(program *cilium.Program, asking *cilium.Map, tasks []int32) (*lines, error) {
	mapped, err := unix.Mmap(asking.FD(), 0, int(unsafe.Sizeof(ebpf.TasksAskedLines{})), unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
	if err != nil {
		return nil, fmt.Errorf("room for command lines: %w", err)
	}
	l := &lines{mapped: mapped, room: (*ebpf.TasksAskedLines)(unsafe.Pointer(&mapped[0])), tasks: tasks}
	l.room.Next, l.room.Count = 0, 0
	if l.program, err = program.Clone(); err != nil {
		return nil, errors.Join(fmt.Errorf("command lines: %w", err), unix.Munmap(mapped))
	}
	return l, nil
}

// Read gives records as an iterator does.
func (l *lines) Read(b []byte) (int, error) {
	for len(l.rest) == 0 {
		if l.room.Next >= l.room.Count {
			if len(l.tasks) == 0 {
				return 0, io.EOF
			}
			l.room.Count, l.room.Next = uint32(copy(l.room.Tasks[:], l.tasks)), 0
			l.tasks = l.tasks[l.room.Count:]
		}
		l.room.Used = 0
		from := l.room.Next
		if status, err := l.program.Run(&cilium.RunOptions{}); err != nil || status != 0 {
			return 0, fmt.Errorf("command lines: status %d, %w", status, err)
		}
		if l.room.Next == from || l.room.Used > uint64(len(l.room.Bytes)) {
			return 0, fmt.Errorf("command lines: %d bytes, and on from %d to %d", l.room.Used, from, l.room.Next)
		}
		l.rest = l.room.Bytes[:l.room.Used]
	}
	n := copy(b, l.rest)
	l.rest = l.rest[n:]
	return n, nil
}

// Close gives the room back.
func (l *lines) Close() error { return errors.Join(l.program.Close(), unix.Munmap(l.mapped)) }
