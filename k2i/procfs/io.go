package procfs

import (
	"bytes"
	"errors"
	"math"
	"strconv"

	"ddcos/k2i"
)

// IO is what is used of /proc/PID/io: bytes, and calls.
type IO struct {
	ReadBytes  k2i.Count // from storage
	WriteBytes k2i.Count // to storage
	Cancelled  k2i.Count // of WriteBytes, called off; Unread, as all below, where there is no such line
	RChar      k2i.Count // by calls
	WChar      k2i.Count
	ReadCalls  k2i.Count
	WriteCalls k2i.Count
}

var errIO = errors.New("io: no read_bytes or write_bytes")

// ParseIO reads the text of /proc/PID/io.
func ParseIO(b []byte) (IO, error) {
	io := IO{k2i.Unread, k2i.Unread, k2i.Unread, k2i.Unread, k2i.Unread, k2i.Unread, k2i.Unread}
	for line := range bytes.Lines(b) {
		name, value, _ := bytes.Cut(bytes.TrimRight(line, "\n"), []byte(": "))
		if count := io.of(string(name)); count != nil && *count == k2i.Unread {
			*count = parseCount(value)
		}
	}
	if io.ReadBytes == k2i.Unread || io.WriteBytes == k2i.Unread {
		return IO{}, errIO
	}
	return io, nil
}

// of is the counter of a line's name.
func (io *IO) of(name string) *k2i.Count {
	switch name {
	case "read_bytes":
		return &io.ReadBytes
	case "write_bytes":
		return &io.WriteBytes
	case "cancelled_write_bytes":
		return &io.Cancelled
	case "rchar":
		return &io.RChar
	case "wchar":
		return &io.WChar
	case "syscr":
		return &io.ReadCalls
	case "syscw":
		return &io.WriteCalls
	}
	return nil
}

// parseCount reads a counter; what is none is Unread.
func parseCount(b []byte) k2i.Count {
	n, err := strconv.ParseUint(string(b), 10, 64)
	if err != nil || n > math.MaxInt64 {
		return k2i.Unread
	}
	return k2i.Count(n)
}

// io fills in what /proc/PID/io knows. Only the process's own user and root may
// read it, and a kernel may be built without: Unread then.
func (r *reader) io(p *k2i.Process) error {
	b, err := r.file("io", MaxFile)
	if errors.Is(err, errLacking) {
		return nil
	}
	if err != nil {
		return err
	}
	io, err := ParseIO(b)
	if err != nil {
		return err
	}
	p.ReadBytes, p.WriteBytes, p.CancelledWriteBytes = io.ReadBytes, io.WriteBytes, io.Cancelled
	p.RCharBytes, p.WCharBytes, p.ReadCalls, p.WriteCalls = io.RChar, io.WChar, io.ReadCalls, io.WriteCalls
	return nil
}
