package probe

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"testing/iotest"
	"unsafe"

	"ddcos/ebpf"
	"ddcos/k2i"
)

// encode is a record as the kernel's side writes it.
func encode[T any](record T) []byte {
	return bytes.Clone(unsafe.Slice((*byte)(unsafe.Pointer(&record)), unsafe.Sizeof(record)))
}

func processRecord(pid int32) ebpf.TasksProcessRecord {
	return ebpf.TasksProcessRecord{Kind: uint32(ebpf.TasksRecordKindRECORD_PROCESS), Pid: pid}
}

func threadRecord(pid int32, u ebpf.TasksUsage) ebpf.TasksThreadRecord {
	return ebpf.TasksThreadRecord{Kind: uint32(ebpf.TasksRecordKindRECORD_THREAD), Pid: pid, Usage: u}
}

func cgroupRecord(id uint64, level uint32, name string) ebpf.TasksCgroupRecord {
	r := ebpf.TasksCgroupRecord{Kind: uint32(ebpf.TasksRecordKindRECORD_CGROUP), CgroupId: id, Level: level}
	copy(r.Name[:], name)
	return r
}

func argumentsRecord(pid int32, start uint64, title uint32, line string) []byte {
	head := ebpf.TasksArgumentsRecord{
		Kind: uint32(ebpf.TasksRecordKindRECORD_ARGUMENTS), Pid: pid, StartNs: start, Title: title, Length: uint32(len(line)),
	}
	return append(encode(head), line...)
}

// oneOfEach is a stream of all kinds, command lines of odd lengths among them.
func oneOfEach() []byte {
	return bytes.Join([][]byte{
		encode(processRecord(7)), argumentsRecord(7, 1, 0, "cat\x00"), encode(threadRecord(7, ebpf.TasksUsage{})),
		argumentsRecord(8, 1, 0, ""), encode(cgroupRecord(1, 0, "a")), argumentsRecord(9, 1, 1, "x"), encode(processRecord(9)),
	}, nil)
}

// collect reads a stream and writes down each record.
func collect(r io.Reader, buf int) (string, error) {
	s := stream{}
	if buf > 0 {
		s.buf = make([]byte, buf)
	}
	var out strings.Builder
	err := s.each(r, func(kind ebpf.TasksRecordKind, record []byte) error {
		fmt.Fprintf(&out, "%d:%x\n", kind, record)
		return nil
	})
	return out.String(), err
}

// splitReader gives the bytes before at first, then the others.
func splitReader(b []byte, at int) io.Reader {
	return iotest.DataErrReader(io.MultiReader(bytes.NewReader(b[:at]), bytes.NewReader(b[at:])))
}

func TestStreamAtEverySplit(t *testing.T) {
	b := oneOfEach()
	want, err := collect(bytes.NewReader(b), 0)
	if err != nil || strings.Count(want, "\n") != 7 {
		t.Fatalf("whole: %v\n%s", err, want)
	}
	for at := range b {
		if got, err := collect(splitReader(b, at), 0); err != nil || got != want {
			t.Fatalf("split at %d: %v\n%s", at, err, got)
		}
	}
	for name, r := range map[string]io.Reader{
		"byte by byte": iotest.OneByteReader(bytes.NewReader(b)), "half reads": iotest.HalfReader(bytes.NewReader(b)),
	} {
		if got, err := collect(r, 0); err != nil || got != want {
			t.Errorf("%s: %v\n%s", name, err, got)
		}
	}
	if got, err := collect(bytes.NewReader(b), processBytes); err != nil || got != want {
		t.Errorf("through a buffer of one record: %v\n%s", err, got)
	}
}

func TestStreamCutShort(t *testing.T) {
	b := oneOfEach()
	ends := map[int]bool{0: true}
	at := 0
	s := stream{}
	if err := s.each(bytes.NewReader(b), func(_ ebpf.TasksRecordKind, record []byte) error {
		at += len(record)
		ends[at] = true
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	for n := range b {
		if _, err := collect(bytes.NewReader(b[:n]), 0); (err == nil) != ends[n] {
			t.Errorf("%d bytes: %v", n, err)
		}
	}
}

func TestStreamErrors(t *testing.T) {
	broken := errors.New("broken")
	long := ebpf.TasksArgumentsRecord{Kind: uint32(ebpf.TasksRecordKindRECORD_ARGUMENTS), Length: uint32(ebpf.TasksLimitLIMIT_ARGUMENTS) + 1}
	for name, c := range map[string]struct {
		r    io.Reader
		want string
	}{
		"unknown kind": {bytes.NewReader([]byte{9, 0, 0, 0}), "unknown kind 9"},
		"kind 0":       {bytes.NewReader(make([]byte, 1024)), "unknown kind 0"},
		"too long":     {bytes.NewReader(encode(long)), "over the limit of 4096"},
		"read error":   {io.MultiReader(bytes.NewReader(oneOfEach()), iotest.ErrReader(broken)), "broken"},
		"no progress":  {idle{}, io.ErrNoProgress.Error()},
	} {
		if _, err := collect(c.r, 0); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
	s := stream{}
	if err := s.each(bytes.NewReader(oneOfEach()), func(ebpf.TasksRecordKind, []byte) error { return broken }); !errors.Is(err, broken) {
		t.Errorf("the handler's own error: %v", err)
	}
}

// idle reads nothing for ever.
type idle struct{}

func (idle) Read([]byte) (int, error) { return 0, nil }

func TestDecodeUnaligned(t *testing.T) {
	want := processRecord(77)
	want.StartNs = 1<<63 + 5
	for shift := range 8 {
		b := append(make([]byte, shift), encode(want)...)
		var got ebpf.TasksProcessRecord
		if !decode(&got, b[shift:]) || got != want {
			t.Errorf("shifted by %d: %+v", shift, got)
		}
		if decode(&got, b[shift+1:]) {
			t.Errorf("shifted by %d: a byte short, and taken", shift)
		}
	}
}

func FuzzStream(f *testing.F) {
	f.Add(oneOfEach(), 5)
	f.Add(encode(cgroupRecord(1, 31, strings.Repeat("x", 256))), 100)
	f.Add(argumentsRecord(1, 2, 1, strings.Repeat("a\x00", 2048)), 4000)
	f.Fuzz(func(t *testing.T, b []byte, at int) {
		whole, err := collect(bytes.NewReader(b), 0)
		if total := 2 * len(b); strings.Count(whole, "") > total+4*len(b)+16 {
			t.Errorf("%d bytes became %d", len(b), len(whole))
		}
		split, splitErr := collect(splitReader(b, max(0, min(at, len(b)))), 0)
		if split != whole || (err == nil) != (splitErr == nil) {
			t.Errorf("split at %d: %v, whole %v\n%s\n%s", at, splitErr, err, split, whole)
		}
		// What the passes make of it, whatever it is.
		p := Probe{cgroups: newCgroupPaths(told{}), shared: sharedMasks{}}
		if p.stream.each(bytes.NewReader(b), p.take) == nil {
			p.records = inOrder(nil, p.came[0])
			fold(p.records, p.threads)
			p.cgroups.forget(p.usedCgroups())
		} else {
			p.records = inOrder(nil, p.came[0])
		}
		p.memory = remember(nil, nil, p.records)
		pass := passArguments(io.NopCloser(bytes.NewReader(b)), argumentsPass{})
		updateArguments(p.memory, &pass)
		var sample k2i.Sample
		p.rows(&sample, nil)
		for _, row := range sample.Processes {
			if row.PID < 1 || row.Args == nil || row.State == "" {
				t.Errorf("impossible: %+v", row)
			}
		}
	})
}
