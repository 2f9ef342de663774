package probe

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"io"
	"slices"
	"time"

	"ddcos/ebpf"
	"ddcos/k2i"
)

// commandLine is one process's, as it lies in argumentsPass.bytes.
type commandLine struct {
	pid        int32
	start      uint64
	begin, end int
}

// argumentsPass is what one pass of the command lines' iterator brought.
type argumentsPass struct {
	stream stream
	lines  []commandLine // by pid
	bytes  []byte
	err    error
}

// SpareArguments leaves command lines as they are known, while it is on: reading
// them costs more than all else. Sample.Missing names args then.
func (p *Probe) SpareArguments(on bool) { p.spare.Store(on) }

// readArguments brings the command lines of p.memory up to date. It is false
// when they could not be read, or not in time: what was known of a process
// stays, and a pass that hangs in the kernel is the only one there is until it
// comes back.
func (p *Probe) readArguments(ctx context.Context) bool {
	if p.arguments == nil || p.spare.Load() {
		return false
	}
	if p.pending == nil {
		// Opened here, so that Close cannot come between: only reading may hang.
		iter, err := p.arguments.Open()
		if err != nil {
			return false
		}
		p.pending = make(chan argumentsPass, 1)
		go func(done chan<- argumentsPass) { done <- passArguments(iter) }(p.pending)
	}
	timer := time.NewTimer(p.opts.ArgumentsWait)
	defer timer.Stop()
	select {
	case pass := <-p.pending:
		p.pending = nil
		if pass.err != nil {
			return false
		}
		updateArguments(p.memory, &pass)
		return true
	case <-timer.C:
	case <-ctx.Done():
	}
	return false
}

// passArguments makes one pass over an open iterator and closes it.
func passArguments(r io.ReadCloser) argumentsPass {
	var pass argumentsPass
	pass.err = pass.stream.each(r, pass.take)
	if err := r.Close(); pass.err == nil {
		pass.err = err
	}
	slices.SortStableFunc(pass.lines, func(a, b commandLine) int { return cmp.Compare(a.pid, b.pid) })
	return pass
}

// take keeps one command line. A process that overwrote its own has a title,
// which ends at the first NUL.
func (a *argumentsPass) take(kind ebpf.TasksRecordKind, record []byte) error {
	var head ebpf.TasksArgumentsRecord
	if kind != ebpf.TasksRecordKindRECORD_ARGUMENTS || !decode(&head, record) {
		return fmt.Errorf("record of kind %d does not belong here", kind)
	}
	line := record[argumentsBytes:]
	if head.Title != 0 {
		line = cString(line)
	}
	begin := len(a.bytes)
	a.bytes = append(a.bytes, line...)
	a.lines = append(a.lines, commandLine{pid: head.Pid, start: head.StartNs, begin: begin, end: len(a.bytes)})
	return nil
}

// updateArguments gives each process its command line; one that has none, a
// kernel thread or a zombie, loses what it had.
func updateArguments(processes []memory, pass *argumentsPass) {
	at := 0
	for i := range processes {
		m := &processes[i]
		for at < len(pass.lines) && pass.lines[at].pid < m.pid {
			at++
		}
		var raw []byte
		if at < len(pass.lines) && pass.lines[at].pid == m.pid && pass.lines[at].start == m.start {
			raw = pass.bytes[pass.lines[at].begin:pass.lines[at].end]
		}
		if m.args == nil || !bytes.Equal(raw, m.line) {
			m.line = bytes.Clone(raw)
			m.args = k2i.SplitArgs(raw)
		}
	}
}
