package procfs

import (
	"errors"
	"strings"
	"testing"

	"ddcos/k2i"
)

const goodIO = "rchar: 1\nwchar: 2\nsyscr: 3\nsyscw: 4\nread_bytes: 4096\nwrite_bytes: 8192\ncancelled_write_bytes: 7\n"

// storage is what a kernel tells that counts no calls.
func storage(read, written k2i.Count) IO {
	return IO{read, written, k2i.Unread, k2i.Unread, k2i.Unread, k2i.Unread, k2i.Unread}
}

func TestParseIO(t *testing.T) {
	for name, c := range map[string]struct {
		text string
		want IO
	}{
		"as it is":      {goodIO, IO{4096, 8192, 7, 1, 2, 3, 4}},
		"zero":          {"read_bytes: 0\nwrite_bytes: 0\n", storage(0, 0)},
		"no newline":    {"read_bytes: 1\nwrite_bytes: 2", storage(1, 2)},
		"largest":       {"read_bytes: 9223372036854775807\nwrite_bytes: 2\n", storage(1<<63-1, 2)},
		"a later twin":  {goodIO + "read_bytes: 1\n", IO{4096, 8192, 7, 1, 2, 3, 4}},
		"turned around": {"write_bytes: 2\nread_bytes: 1\n", storage(1, 2)},
	} {
		if got, err := ParseIO([]byte(c.text)); err != nil || got != c.want {
			t.Errorf("%s: got %+v, %v", name, got, err)
		}
	}
}

func TestParseIORefuses(t *testing.T) {
	for name, text := range map[string]string{
		"nothing":         "",
		"cut":             goodIO[:strings.Index(goodIO, "write_bytes")],
		"negative":        "read_bytes: -1\nwrite_bytes: 2\n",
		"over 63 bits":    "read_bytes: 9223372036854775808\nwrite_bytes: 2\n",
		"over 64 bits":    "read_bytes: 1\nwrite_bytes: 18446744073709551616\n",
		"twins apart":     "read_bytes: 1\nwrite_bytes: \nrchar: 1\n",
		"a word":          "read_bytes: x\nwrite_bytes: 2\n",
		"no value":        "read_bytes:\nwrite_bytes: 2\n",
		"only a longer":   "read_bytes: 1\ncancelled_write_bytes: 2\n",
		"carriage return": "read_bytes: 1\r\nwrite_bytes: 2\r\n",
	} {
		if got, err := ParseIO([]byte(text)); !errors.Is(err, errIO) || got != (IO{}) {
			t.Errorf("%s: got %+v, %v", name, got, err)
		}
	}
}

// A kernel that counts no I/O has processes all the same.
func TestKernelWithoutIO(t *testing.T) {
	tr := newTree(t)
	tr.process(9)
	tr.remove("self/io")
	tr.remove("9/io")
	sample, err := tr.open().Read(t.Context())
	if err != nil || len(sample.Processes) != 1 {
		t.Fatalf("got %+v, %v", sample, err)
	}
	p := sample.Processes[0]
	same(t, "read", p.ReadBytes, k2i.Unread)
	same(t, "written", p.WriteBytes, k2i.Unread)
	same(t, "visibility", sample.Visibility, k2i.VisibilityFull)
	same(t, "missing", strings.Join(sample.Missing, " "), "cancelled_write_bytes exec_id pidfd_inode rchar_bytes read_bytes read_calls wchar_bytes write_bytes write_calls")
}

func FuzzIO(f *testing.F) {
	o := newOracle(f, "io")
	f.Add([]byte(goodIO))
	f.Add([]byte("read_bytes: 9223372036854775807\nwrite_bytes: 0\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		io, err := ParseIO(b)
		if err != nil {
			same(t, "with an error", io, IO{})
			return
		}
		if io.ReadBytes < 0 || io.WriteBytes < 0 || min(io.Cancelled, io.RChar, io.WChar, io.ReadCalls, io.WriteCalls) < k2i.Unread {
			t.Errorf("negative: %+v", io)
		}
		o.set(t, b)
		if want, err := o.proc.IO(); err == nil && strings.Count(string(b), "\n") == 7 {
			same(t, "read", uint64(io.ReadBytes), want.ReadBytes)
			same(t, "written", uint64(io.WriteBytes), want.WriteBytes)
			same(t, "calls", max(uint64(io.ReadCalls), uint64(io.WriteCalls)), max(want.SyscR, want.SyscW))
			same(t, "by calls", [2]uint64{uint64(io.RChar), uint64(io.WChar)}, [2]uint64{want.RChar, want.WChar})
			same(t, "cancelled", int64(io.Cancelled), want.CancelledWriteBytes)
		}
	})
}
