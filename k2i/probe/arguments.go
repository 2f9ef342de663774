package probe

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"io"
	"slices"
	"time"

	cilium "github.com/cilium/ebpf"

	"ddcos/ebpf"
	"ddcos/k2i"
)

// commandLine is one process's, as it lies in argumentsPass.bytes.
type commandLine struct {
	pid        int32
	start      uint64
	execID     uint64
	begin, end int
}

// argumentsPass is what one pass of the command lines' iterator brought.
type argumentsPass struct {
	stream stream
	lines  []commandLine // by pid
	bytes  []byte
	err    error
}

// SpareArguments leaves command lines that are known as they are while it is on,
// though programs may have written over them: reading all again costs more than all
// else. Those of new processes and new programs are read.
func (p *Probe) SpareArguments(on bool) { p.spare.Store(on) }

// argumentsPlace is where a program's command line lies: as long as it stays, so
// does the line, but for programs that write over their own.
type argumentsPlace struct{ execID, start, end uint64 }

// empty tells that there is no command line: a kernel thread's, or a zombie's.
func (a argumentsPlace) empty() bool { return a.start == 0 || a.end <= a.start }

// argumentsFor is how long a command line is kept while its place stays: so that
// a pass each second reads it again every ten, however late timers are.
const argumentsFor = 9500 * time.Millisecond

// readArguments brings the command lines of p.memory up to date: those of new
// processes and new programs at once, all of them when argumentsFor is over; now
// is since boot. It is false when they could not be read, or not in time: what was
// known of a process stays, and a pass that hangs in the kernel is the only one
// there is until it comes back.
func (p *Probe) readArguments(ctx context.Context, now time.Duration) bool {
	if p.arguments == nil {
		return false
	}
	timer := time.NewTimer(p.opts.ArgumentsWait)
	defer timer.Stop()
	if p.pending != nil && !p.early && !p.awaitArguments(ctx, timer.C) {
		return false
	}
	if p.early && !p.takeEarly(ctx, now, timer.C) {
		return false
	}
	all := now >= p.reread && !p.spare.Load()
	if !p.wantArguments(all) {
		return true
	}
	if err := p.beginArguments(); err != nil {
		p.tookArguments(&argumentsPass{err: err})
		return false
	}
	if all {
		p.reread = now + argumentsFor
	}
	return p.awaitArguments(ctx, timer.C)
}

// beginEarly has a pass of all command lines begin before anything is known of the
// processes. Where it cannot, they are read after the table as usual.
func (p *Probe) beginEarly() {
	for i := range p.asking.Bits {
		p.asking.Bits[i] = ^uint64(0)
	}
	p.early = true
	p.spent = argumentsPass{lines: make([]commandLine, 0, p.opts.Expected), bytes: make([]byte, 0, p.opts.Expected*ampleLine)}
	p.early = p.beginArguments() == nil
}

// ampleLine is more than a command line has on average: room that is not used is none
// that is taken.
const ampleLine = 256

// takeEarly takes what that pass brought. Whoever has begun, or begun to run another
// program, since it came by is asked again, as new ones are; so are all where it
// failed. It is false where it is still under way.
func (p *Probe) takeEarly(ctx context.Context, now time.Duration, late <-chan time.Time) bool {
	var pass argumentsPass
	select {
	case pass = <-p.pending:
	case <-late:
		return false
	case <-ctx.Done():
		return false
	}
	p.pending, p.early = nil, false
	if pass.err != nil {
		return true
	}
	p.reread = now + argumentsFor
	lines := pass.lines
	for i := range p.memory {
		m, r := &p.memory[i], p.records[i]
		for len(lines) > 0 && lines[0].pid < m.pid {
			lines = lines[1:]
		}
		if len(lines) > 0 && lines[0].pid == m.pid && lines[0].start == m.start && lines[0].execID == r.ExecId {
			m.ownLine(pass.bytes[lines[0].begin:lines[0].end:lines[0].end]) // the pass ends here
			m.place = argumentsPlace{r.ExecId, r.ArgStart, r.ArgEnd}
		}
	}
	return true
}

// wantArguments notes whose command lines have to be read, and is false where
// nobody's has.
func (p *Probe) wantArguments(all bool) bool {
	p.asking, p.tasks = ebpf.TasksWantedPids{}, p.tasks[:0]
	wanted := false
	for i := range p.records {
		r, m := p.records[i], &p.memory[i]
		place := argumentsPlace{r.ExecId, r.ArgStart, r.ArgEnd}
		switch {
		case place.empty():
			m.setLine(nil)
		case all || m.args == nil || m.place != place:
			m.asked, wanted = true, true
			p.tasks = append(p.tasks, r.Task)
			bit := uint32(r.Pid) % uint32(ebpf.TasksLimitLIMIT_WANTED)
			p.asking.Bits[bit/64] |= 1 << (bit % 64)
		}
		m.place = place
	}
	return wanted
}

// beginArguments has a pass begin.
func (p *Probe) beginArguments() error {
	// Opened here, so that Close cannot come between: only reading may hang.
	r, err := p.openArguments()
	if err != nil {
		return err
	}
	p.pending = make(chan argumentsPass, 1)
	go func(done chan<- argumentsPass, room argumentsPass) { done <- passArguments(r, room) }(p.pending, p.spent)
	p.spent = argumentsPass{}
	return nil
}

// openArguments opens what reads them: of those alone that are asked for, where this
// kernel can; else an iterator, which steps over all tasks of the machine.
func (p *Probe) openArguments() (io.ReadCloser, error) {
	if p.lines != nil && !p.early {
		return openLines(p.lines, p.lineRoom, p.tasks)
	}
	if err := p.wanted.Update(uint32(0), &p.asking, cilium.UpdateAny); err != nil {
		return nil, err
	}
	return p.arguments.Open()
}

// awaitArguments waits for the pass that is under way.
func (p *Probe) awaitArguments(ctx context.Context, late <-chan time.Time) bool {
	select {
	case pass := <-p.pending:
		p.pending = nil
		p.tookArguments(&pass)
		return pass.err == nil
	case <-late:
	case <-ctx.Done():
	}
	return false
}

// tookArguments ends what was asked for: of a pass that failed it is asked again.
func (p *Probe) tookArguments(pass *argumentsPass) {
	p.spent = *pass
	if pass.err == nil {
		updateArguments(p.memory, pass)
		return
	}
	for i := range p.memory {
		if m := &p.memory[i]; m.asked {
			m.asked, m.place = false, argumentsPlace{}
		}
	}
}

// passArguments makes one pass over an open iterator and closes it; in the room of
// one that is over.
func passArguments(r io.ReadCloser, room argumentsPass) argumentsPass {
	pass := argumentsPass{stream: room.stream, lines: room.lines[:0], bytes: room.bytes[:0]}
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
	a.lines = append(a.lines, commandLine{pid: head.Pid, start: head.StartNs, execID: head.ExecId, begin: begin, end: len(a.bytes)})
	return nil
}

// updateArguments gives each process that was asked for its command line; one
// that has none any more, as it has ended, loses what it had.
func updateArguments(processes []memory, pass *argumentsPass) {
	at := 0
	for i := range processes {
		m := &processes[i]
		if !m.asked {
			continue
		}
		m.asked = false
		for at < len(pass.lines) && pass.lines[at].pid < m.pid {
			at++
		}
		var raw []byte
		if at < len(pass.lines) && pass.lines[at].pid == m.pid && pass.lines[at].start == m.start {
			raw = pass.bytes[pass.lines[at].begin:pass.lines[at].end]
		}
		m.setLine(raw)
	}
}

// setLine makes arguments of a command line, unless it is the one that they are of.
func (m *memory) setLine(raw []byte) {
	if m.args == nil || !bytes.Equal(raw, m.line) {
		m.ownLine(bytes.Clone(raw))
	}
}

// ownLine is setLine of one that nobody else writes to.
func (m *memory) ownLine(raw []byte) {
	m.line, m.args, m.fresh = raw, k2i.SplitArgs(raw), true
}
