package probe

import (
	"errors"
	"fmt"
	"unsafe"

	cilium "github.com/cilium/ebpf"
	"golang.org/x/sys/unix"

	"ddcos/ebpf"
)

// walk is a program that goes from task to task by itself and leaves records in memory
// that is mapped here: a tenth of what an iterator takes for that.
type walk struct {
	program *cilium.Program
	mapped  []byte
	room    *ebpf.TasksRoom // in there; the kernel writes to it while the program runs
}

// openWalk maps the room of a loaded program, which stays its caller's.
func openWalk(program *cilium.Program, rooms *cilium.Map) (*walk, error) {
	size := int(unsafe.Sizeof(ebpf.TasksRoom{}))
	mapped, err := unix.Mmap(rooms.FD(), 0, size, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
	if err != nil {
		return nil, fmt.Errorf("room for a walk: %w", err)
	}
	return &walk{program, mapped, (*ebpf.TasksRoom)(unsafe.Pointer(&mapped[0]))}, nil
}

// Close gives the memory back.
func (w *walk) Close() error { return unix.Munmap(w.mapped) }

// errNoWayOn is a walk that was to go on from a process that has ended meanwhile.
var errNoWayOn = errors.New("walk: where it was to go on has ended")

// each walks to the end and hands on every record, which must not be kept. Where there
// is no room for all, the walk goes on from the process that found none.
func (w *walk) each(handle func(kind ebpf.TasksRecordKind, record []byte) error) error {
	w.room.Next = 0
	for {
		from := w.room.Next
		if status, err := w.program.Run(&cilium.RunOptions{}); err != nil || status != 0 {
			return fmt.Errorf("walk: status %d, %w", status, err)
		}
		used, next := w.room.Used, w.room.Next
		if used == 0 && next == from {
			return errNoWayOn
		}
		if used == 0 || used > uint64(len(w.room.Bytes)) {
			return fmt.Errorf("walk: %d bytes of records, and on from %#x to %#x", used, from, next)
		}
		rest, err := cut(w.room.Bytes[:used], handle)
		if err == nil && len(rest) > 0 {
			err = fmt.Errorf("walk: %d bytes at its end are no record", len(rest))
		}
		if err != nil || next == 0 {
			return err
		}
	}
}
