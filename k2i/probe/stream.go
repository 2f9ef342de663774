package probe

import (
	"encoding/binary"
	"fmt"
	"io"
	"unsafe"

	"ddcos/ebpf"
)

// chunkBytes is what one read takes: the kernel fills 32 KiB at a time.
const chunkBytes = 64 << 10

// The sizes of the records, as the C compiler laid them out.
const (
	processBytes   = int(unsafe.Sizeof(ebpf.TasksProcessRecord{}))
	narrowBytes    = int(unsafe.Offsetof(ebpf.TasksProcessRecord{}.Signals) + unsafe.Offsetof(ebpf.TasksSignals{}.Ignored))
	idleBytes      = int(unsafe.Sizeof(ebpf.TasksIdleRecord{}))
	threadBytes    = int(unsafe.Sizeof(ebpf.TasksThreadRecord{}))
	socketBytes    = int(unsafe.Sizeof(ebpf.SocketsSocketRecord{}))
	tallyBytes     = int(unsafe.Sizeof(ebpf.TasksTallyRecord{}))
	cgroupBytes    = int(unsafe.Sizeof(ebpf.TasksCgroupRecord{}))
	innerPIDsBytes = int(unsafe.Sizeof(ebpf.TasksInnerPidsRecord{}))
	argumentsBytes = int(unsafe.Sizeof(ebpf.TasksArgumentsRecord{}))
)

// stream cuts what an iterator writes into records. Its buffer is reused by
// every pass.
type stream struct{ buf []byte }

// each reads r to its end and hands every record to handle, which must not
// keep the bytes.
func (s *stream) each(r io.Reader, handle func(kind ebpf.TasksRecordKind, record []byte) error) error {
	if s.buf == nil {
		s.buf = make([]byte, chunkBytes)
	}
	held := 0
	for {
		n, err := r.Read(s.buf[held:])
		held += n
		rest, handleErr := cut(s.buf[:held], handle)
		if handleErr != nil {
			return handleErr
		}
		held = copy(s.buf, rest)
		switch {
		case err == io.EOF && held == 0:
			return nil
		case err == io.EOF:
			return fmt.Errorf("task iterator: %d bytes at its end are no record", held)
		case err != nil:
			return fmt.Errorf("task iterator: %w", err)
		case n == 0:
			return fmt.Errorf("task iterator: %w", io.ErrNoProgress)
		}
	}
}

// cut hands on the whole records of b and returns the rest.
func cut(b []byte, handle func(kind ebpf.TasksRecordKind, record []byte) error) ([]byte, error) {
	for {
		size, err := recordBytes(b)
		if err != nil {
			return nil, err
		}
		if size == 0 || size > len(b) {
			return b, nil
		}
		kind := ebpf.TasksRecordKind(binary.NativeEndian.Uint32(b))
		if err := handle(kind, b[:size]); err != nil {
			return nil, err
		}
		b = b[size:]
	}
}

// recordBytes is the length of the record that b begins with, 0 while b is too
// short to tell.
func recordBytes(b []byte) (int, error) {
	if len(b) < 4 {
		return 0, nil
	}
	switch kind := binary.NativeEndian.Uint32(b); ebpf.TasksRecordKind(kind) {
	case ebpf.TasksRecordKindRECORD_PROCESS:
		return processBytes, nil
	case ebpf.TasksRecordKindRECORD_NARROW:
		return narrowBytes, nil
	case ebpf.TasksRecordKindRECORD_IDLE:
		return idleBytes, nil
	case ebpf.TasksRecordKindRECORD_THREAD:
		return threadBytes, nil
	case ebpf.TasksRecordKindRECORD_TALLY:
		return tallyBytes, nil
	case ebpf.TasksRecordKindRECORD_SOCKET:
		return socketBytes, nil
	case ebpf.TasksRecordKindRECORD_CGROUP:
		return cgroupBytes, nil
	case ebpf.TasksRecordKindRECORD_INNER_PIDS:
		return innerPIDsBytes, nil
	case ebpf.TasksRecordKindRECORD_ARGUMENTS:
		var head ebpf.TasksArgumentsRecord
		if !decode(&head, b) {
			return 0, nil
		}
		if head.Length > uint32(ebpf.TasksLimitLIMIT_ARGUMENTS) {
			return 0, fmt.Errorf("task iterator: command line of %d bytes is over the limit of %d", head.Length, ebpf.TasksLimitLIMIT_ARGUMENTS)
		}
		return argumentsBytes + int(head.Length), nil
	default:
		return 0, fmt.Errorf("task iterator: record of unknown kind %d", kind)
	}
}

// decode copies the bytes of a generated record into dst. It copies because a
// record that follows a command line is not aligned.
func decode[T any](dst *T, b []byte) bool {
	size := int(unsafe.Sizeof(*dst))
	if len(b) < size {
		return false
	}
	copy(unsafe.Slice((*byte)(unsafe.Pointer(dst)), size), b)
	return true
}
