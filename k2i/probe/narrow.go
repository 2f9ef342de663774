package probe

import (
	"sort"
	"unsafe"

	cilium "github.com/cilium/ebpf"

	"ddcos/ebpf"
)

// turns is in how many passes everything is read of every process at least once.
const turns = uint32(ebpf.TasksLimitLIMIT_TURNS)

// unknownRest is the kind of a record of which only the beginning has come.
const unknownRest = 0

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

// takeNarrow keeps a record whose rest is that of the pass before. Where that has
// none, which no kernel should do, the rest is unknown and asked for.
func (p *Probe) takeNarrow(record []byte) {
	p.records = append(p.records, ebpf.TasksProcessRecord{})
	r := &p.records[len(p.records)-1]
	head := unsafe.Slice((*byte)(unsafe.Pointer(r)), narrowBytes)
	copy(head, record)
	if r.Pid <= 0 {
		p.records = p.records[:len(p.records)-1]
		return
	}
	before := p.before(r.Pid)
	if before == nil || before.StartNs != r.StartNs || before.Kind == unknownRest {
		r.Kind, p.forgot = unknownRest, true
		return
	}
	size := int(unsafe.Sizeof(*r))
	copy(unsafe.Slice((*byte)(unsafe.Pointer(r)), size)[narrowBytes:], unsafe.Slice((*byte)(unsafe.Pointer(before)), size)[narrowBytes:])
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
	return &p.last[p.reading]
}
