package probe

import (
	"bytes"
	"context"
	"errors"
	"io"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cilium/ebpf/link"
)

// passOf is a pass over records as the iterator writes them.
func passOf(t *testing.T, records ...[]byte) argumentsPass {
	t.Helper()
	pass := passArguments(io.NopCloser(bytes.NewReader(bytes.Join(records, nil))), argumentsPass{})
	if pass.err != nil {
		t.Fatal(pass.err)
	}
	return pass
}

func TestPassArguments(t *testing.T) {
	pass := passOf(t,
		argumentsRecord(9, 90, 0, "b\x00c\x00"), argumentsRecord(7, 70, 1, "a title\x00left over"), argumentsRecord(8, 80, 0, ""))
	got := []string{}
	for _, l := range pass.lines {
		got = append(got, string(pass.bytes[l.begin:l.end]))
	}
	if !slices.Equal(got, []string{"a title", "", "b\x00c\x00"}) {
		t.Errorf("got %q", got)
	}
	broken := passArguments(brokenCloser{bytes.NewReader(nil)}, argumentsPass{})
	if !errors.Is(broken.err, io.ErrClosedPipe) {
		t.Errorf("closing: %v", broken.err)
	}
}

type brokenCloser struct{ io.Reader }

func (brokenCloser) Close() error { return io.ErrClosedPipe }

func TestUpdateArguments(t *testing.T) {
	processes := []memory{
		{pid: 1, start: 10, asked: true},
		{pid: 2, start: 20, asked: true, line: []byte("old\x00"), args: []string{"old"}},
		{pid: 3, start: 30, asked: true, line: []byte("same\x00"), args: []string{"same"}},
		{pid: 4, start: 40, asked: true, line: []byte("gone\x00"), args: []string{"gone"}},
		{pid: 6, start: 60, asked: true, line: []byte("was another\x00"), args: []string{"was another"}},
		{pid: 7, start: 70, line: []byte("kept\x00"), args: []string{"kept"}},
		{pid: 8, start: 80, line: []byte("kept too\x00"), args: []string{"kept too"}},
	}
	kept := &processes[2].args[0]
	pass := passOf(t, argumentsRecord(1, 10, 0, "new\x00-n\x00"), argumentsRecord(2, 20, 0, "changed\x00"),
		argumentsRecord(3, 30, 0, "same\x00"), argumentsRecord(5, 50, 0, "nobody\x00"), argumentsRecord(6, 61, 0, "pid used again\x00"),
		argumentsRecord(7, 70, 0, "not asked for\x00"))
	updateArguments(processes, &pass)
	for i, want := range [][]string{{"new", "-n"}, {"changed"}, {"same"}, {}, {}, {"kept"}, {"kept too"}} {
		if got := processes[i].args; got == nil || !slices.Equal(got, want) {
			t.Errorf("pid %d: got %q, want %q", processes[i].pid, got, want)
		}
	}
	if &processes[2].args[0] != kept {
		t.Error("what did not change was made anew")
	}
	clear(pass.bytes) // the pass's buffer is its own
	if processes[1].args[0] != "changed" || string(processes[1].line) != "changed\x00" {
		t.Error("a command line changed with the buffer that it was read from")
	}
}

// A pass that hangs in the kernel costs each look its wait and no more; there
// is only one, and what it brings in the end counts.
func TestArgumentsThatHang(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		done := make(chan argumentsPass, 1)
		p := Probe{
			opts: Options{ArgumentsWait: time.Second}, arguments: &link.Iter{}, pending: done,
			memory: []memory{{pid: 1, start: 10, asked: true, place: argumentsPlace{1, 2, 3}, args: []string{"known"}}},
		}
		for range 3 {
			before := time.Now()
			if p.readArguments(t.Context(), 0) || time.Since(before) != time.Second || p.pending != done {
				t.Errorf("waited %v", time.Since(before))
			}
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
		defer cancel()
		before := time.Now()
		if p.readArguments(ctx, 0) || time.Since(before) != time.Millisecond {
			t.Errorf("waited %v for a caller that left", time.Since(before))
		}
		if !slices.Equal(p.memory[0].args, []string{"known"}) {
			t.Errorf("what was known became %q", p.memory[0].args)
		}
		done <- passOf(t, argumentsRecord(1, 10, 0, "late\x00"))
		if !p.readArguments(t.Context(), 0) || !slices.Equal(p.memory[0].args, []string{"late"}) || p.pending != nil {
			t.Errorf("after it came back: %q", p.memory[0].args)
		}
		if m := p.memory[0]; m.asked || m.place != (argumentsPlace{1, 2, 3}) {
			t.Errorf("after it came back: %+v", m)
		}
		done <- argumentsPass{err: errors.New("broken")}
		p.pending, p.memory[0].asked = done, true
		if p.readArguments(t.Context(), 0) || p.pending != nil || !slices.Equal(p.memory[0].args, []string{"late"}) {
			t.Errorf("a pass that failed: %q", p.memory[0].args)
		}
		if m := p.memory[0]; m.asked || m.place != (argumentsPlace{}) {
			t.Errorf("a pass that failed is not made again: %+v", m)
		}
	})
}

func TestNoArgumentsIterator(t *testing.T) {
	p := Probe{}
	if p.readArguments(t.Context(), 0) {
		t.Error("command lines read without an iterator")
	}
}
