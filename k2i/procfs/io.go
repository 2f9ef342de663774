package procfs

import (
	"bytes"
	"errors"
	"math"
	"strconv"

	"ddcos/k2i"
)

// IO is what is used of /proc/PID/io, in bytes.
type IO struct {
	ReadBytes  k2i.Count // from storage
	WriteBytes k2i.Count // to storage
}

var errIO = errors.New("io: no read_bytes or write_bytes")

// ParseIO reads the text of /proc/PID/io.
func ParseIO(b []byte) (IO, error) {
	io := IO{ReadBytes: k2i.Unread, WriteBytes: k2i.Unread}
	for line := range bytes.Lines(b) {
		name, value, _ := bytes.Cut(bytes.TrimRight(line, "\n"), []byte(": "))
		switch {
		case string(name) == "read_bytes" && io.ReadBytes == k2i.Unread:
			io.ReadBytes = parseCount(value)
		case string(name) == "write_bytes" && io.WriteBytes == k2i.Unread:
			io.WriteBytes = parseCount(value)
		}
	}
	if io.ReadBytes == k2i.Unread || io.WriteBytes == k2i.Unread {
		return IO{}, errIO
	}
	return io, nil
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
	p.ReadBytes, p.WriteBytes = k2i.Unread, k2i.Unread
	b, err := r.file("io", maxFile)
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
	p.ReadBytes, p.WriteBytes = io.ReadBytes, io.WriteBytes
	return nil
}
