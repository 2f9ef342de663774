package probe

import (
	"slices"
	"sort"
	"unsafe"

	cilium "github.com/cilium/ebpf"

	"ddcos/ebpf"
)

// turns is in how many passes everything is read of every process at least once.
const turns = uint32(ebpf.TasksLimitLIMIT_TURNS)

// isWhole tells whether all of a record has come in this pass.
func isWhole(r *ebpf.TasksProcessRecord) bool {
	return r.Kind == uint32(ebpf.TasksRecordKindRECORD_PROCESS)
}

// announce tells the program whose turn it is in the pass that begins. The program
// tells only the beginning of what it has told of a process before, as long as that
// has not run: signal handlers, rights and namespaces are its own to change.
func (p *Probe) announce() error {
	pass := ebpf.TasksPass{Turn: p.turn}
	if p.forgot {
		pass.Whole = 1
	}
	if err := p.passes.Update(uint32(0), &pass, cilium.UpdateAny); err != nil {
		return err
	}
	p.turn, p.forgot = (p.turn+1)%turns, false
	return nil
}

// alwaysBytes is how much of a record is told of those, too, that do not run.
const alwaysBytes = int(unsafe.Offsetof(ebpf.TasksProcessRecord{}.Usage))

// takeNarrow keeps a record whose rest is that of the pass before.
func (p *Probe) takeNarrow(record []byte) { p.takeBeginning(record, narrowBytes) }

// takeIdle is the same for a process that has done nothing since. Where nobody else has
// changed it either, that is found while both records are in the caches.
func (p *Probe) takeIdle(record []byte) {
	var idle ebpf.TasksIdleRecord
	if !decode(&idle, record) {
		return
	}
	r := p.takeBeginning(record, alwaysBytes)
	if r == nil {
		return
	}
	s := &r.Signals
	if s.Pending == idle.Pending && s.SharedPending == idle.SharedPending && s.Blocked == idle.Blocked && sameTo(alwaysBytes, p.last[p.reading], r) {
		r.Kind = unchanged
		return
	}
	s.Pending, s.SharedPending, s.Blocked = idle.Pending, idle.SharedPending, idle.Blocked
}

// unchanged is the kind of a record that is the one of the pass before.
const unchanged = uint32(ebpf.TasksRecordKindRECORD_IDLE)

// takeBeginning keeps a record of which so many bytes have come, nil where that cannot
// be: the pass before has no rest of it, which no kernel should do, and the pass is made
// once more.
func (p *Probe) takeBeginning(record []byte, size int) *ebpf.TasksProcessRecord {
	var head struct {
		kind uint32
		pid  int32
	}
	if !decode(&head, record) || head.pid <= 0 {
		return nil
	}
	r := p.more()
	copy(bytesOf(r), record[:size])
	before := p.before(r.Pid)
	if before == nil || before.StartNs != r.StartNs {
		p.came[0], p.forgot = p.came[0][:len(p.came[0])-1], true
		return nil
	}
	copy(bytesOf(r)[size:], bytesOf(before)[size:])
	r.Kind = uint32(ebpf.TasksRecordKindRECORD_NARROW)
	return r
}

// more is one record more, in which anything may be.
func (p *Probe) more() *ebpf.TasksProcessRecord {
	at := len(p.came[0])
	p.came[0] = slices.Grow(p.came[0], 1)[:at+1]
	return &p.came[0][at]
}

func bytesOf(r *ebpf.TasksProcessRecord) []byte {
	return unsafe.Slice((*byte)(unsafe.Pointer(r)), processBytes)
}

// before is the record of a pid in the pass before, nil where it had none. They come
// in the same order, as a rule.
func (p *Probe) before(pid int32) *ebpf.TasksProcessRecord {
	for p.reading < len(p.last) && p.last[p.reading].Pid < pid {
		p.reading++
	}
	if p.reading == len(p.last) || p.last[p.reading].Pid != pid {
		p.reading = sort.Search(len(p.last), func(i int) bool { return p.last[i].Pid >= pid })
	}
	if p.reading == len(p.last) || p.last[p.reading].Pid != pid {
		return nil
	}
	return p.last[p.reading]
}
