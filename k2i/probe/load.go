package probe

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"strings"

	cilium "github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
	"github.com/cilium/ebpf/link"
	"golang.org/x/sys/unix"

	"ddcos/ebpf"
)

// load brings the programs into the kernel and attaches them: a walk, or an iterator
// where it is refused. Without the one for command lines the probe has all other fields.
func (p *Probe) load(hierarchy ebpf.TasksHierarchy) error {
	types := make(chan *kernelTypes, 1)
	go func() {
		found, _ := typesFor(ebpf.TasksObject()) // whoever needs them has the error
		types <- found
	}()
	spec, err := ebpf.LoadTasks() // which takes as long
	if err != nil {
		return fmt.Errorf("compiled BPF object: %w", err)
	}
	o := &object{spec: spec, types: <-types, maps: map[string]*cilium.Map{}, closers: &p.closers}
	if err := p.fit(o, hierarchy); err != nil {
		return fmt.Errorf("compiled BPF object: %w", err)
	}
	own := &object{spec: spec, types: o.types, maps: map[string]*cilium.Map{}, closers: new([]io.Closer)}
	lines := make(chan error, 1)
	go func() { lines <- p.loadLines(own) }() // the verifier takes as long again for the others
	err = p.loadPasses(o)
	p.noArguments = <-lines
	p.closers = append(p.closers, *own.closers...)
	return err
}

// loadPasses loads what reads the table.
func (p *Probe) loadPasses(o *object) error {
	err := raised(func() (err error) {
		if p.known, err = o.mapOf(ebpf.TasksMapKnownCgroups); err == nil {
			p.passes, err = o.mapOf(ebpf.TasksMapPasses)
		}
		return err
	})
	if err != nil {
		return refusal(err)
	}
	p.cgroups = newCgroupPaths(p.known)
	if !p.opts.Once && !p.opts.Iterate && p.loadWalk(o) == nil {
		return nil // which takes longer to load, and less time for each pass
	}
	return p.loadTable(o)
}

// loadWalk loads the program that walks by itself, which kernels before 6.7 refuse.
func (p *Probe) loadWalk(o *object) error {
	var rooms *cilium.Map
	var program *cilium.Program
	err := raised(func() (err error) {
		if rooms, err = o.mapOf(ebpf.TasksMapRooms); err == nil {
			program, err = o.program(ebpf.TasksProgWalk)
		}
		return err
	})
	if err != nil {
		return err
	}
	p.closers = append(p.closers, program)
	if p.walk, err = openWalk(program, rooms); err == nil {
		p.closers = append(p.closers, p.walk)
	}
	return err
}

// loadTable loads the iterator.
func (p *Probe) loadTable(o *object) error {
	var table *cilium.Program
	err := raised(func() (err error) {
		table, err = o.program(ebpf.TasksProgTable)
		return err
	})
	if err != nil {
		return refusal(err)
	}
	if p.table, err = o.attach(table); err != nil {
		return refusal(err)
	}
	return nil
}

// fit makes of the object what the options ask for.
func (p *Probe) fit(o *object, hierarchy ebpf.TasksHierarchy) error {
	p.tally = openTally(p.opts.Counting, maxTallies, &p.closers)
	shared, err := p.share(o.spec, ebpf.TasksVarTallied, ebpf.TasksMapTallies)
	if err != nil {
		return err
	}
	maps.Copy(o.maps, shared.MapReplacements)
	brief := uint32(0)
	if p.opts.Brief {
		brief = 1
		for _, unused := range []string{ebpf.TasksMapStamps, ebpf.TasksMapKnownCgroups, ebpf.TasksMapTallies} {
			o.spec.Maps[unused].MaxEntries = 1
		}
	}
	vars := o.spec.Variables
	return errors.Join(vars[ebpf.TasksVarCgroupHierarchy].Set(hierarchy), vars[ebpf.TasksVarBrief].Set(brief), vars[ebpf.TasksVarTaskType].Set(p.distrust(o)),
		vars[ebpf.TasksVarRoomBytes].Set(cmp.Or(p.opts.room, uint64(ebpf.TasksLimitLIMIT_ROOM))))
}

// distrust leaves the programs' casts as they are where they count and this kernel has
// them, and gives its number of the type that they are to. Else they become moves: a
// program for the agent is verified once, and trusted, but for those that walk by themselves.
func (p *Probe) distrust(o *object) (id uint32) {
	if o.types != nil && o.types.ids[kindName{kindFunc, cast}] != 0 {
		id = o.types.ids[kindName{kindStruct, "task_struct"}]
	}
	if p.opts.Brief && id != 0 {
		return id
	}
	for name, program := range o.spec.Programs {
		for i := range program.Instructions {
			if one := &program.Instructions[i]; one.IsKfuncCall() && name != ebpf.TasksProgWalk && name != ebpf.TasksProgLines {
				*one = asm.Mov.Reg(asm.R0, asm.R1)
			}
		}
	}
	return id
}

// loadLines loads what reads command lines, for which it needs Linux 5.18; its error is
// why there are none. Of a single look they are read at once, and by the iterator alone.
func (p *Probe) loadLines(o *object) error {
	var program *cilium.Program
	err := raised(func() (err error) {
		if p.wanted, err = o.mapOf(ebpf.TasksMapWanted); err == nil {
			program, err = o.program(ebpf.TasksProgArguments)
		}
		return err
	})
	if err != nil {
		return refusal(err)
	}
	if p.arguments, err = o.attach(program); err != nil {
		return refusal(err)
	}
	if p.opts.Once {
		p.beginEarly()
		return nil
	}
	if room, err := o.mapOf(ebpf.TasksMapAsking); err == nil {
		if some, err := o.program(ebpf.TasksProgLines); err == nil { // older kernels refuse it
			p.lines, p.lineRoom = some, room
			*o.closers = append(*o.closers, some)
		}
	}
	return nil
}

// raised loads, and once more without the limit on locked memory, against which
// kernels before 5.11 count that of BPF. Where raising it is not allowed the first
// error stands.
func raised(load func() error) error {
	err := load()
	if !errors.Is(err, fs.ErrPermission) {
		return err
	}
	endless := unix.Rlimit{Cur: unix.RLIM_INFINITY, Max: unix.RLIM_INFINITY}
	if unix.Setrlimit(unix.RLIMIT_MEMLOCK, &endless) != nil {
		return err
	}
	return load()
}

// share has programs read what is counted, where anything is: variable tells them.
func (p *Probe) share(spec *cilium.CollectionSpec, variable, tallies string) (cilium.CollectionOptions, error) {
	options := cilium.CollectionOptions{MapReplacements: map[string]*cilium.Map{}}
	if !p.tally.open {
		return options, nil
	}
	options.MapReplacements = p.tally.maps.shared()
	spec.Maps[tallies].MaxEntries = p.tally.limit
	return options, spec.Variables[variable].Set(uint32(1))
}

// attach makes an iterator of a loaded program.
func (o *object) attach(program *cilium.Program) (*link.Iter, error) {
	*o.closers = append(*o.closers, program)
	iter, err := link.AttachIter(link.IterOptions{Program: program})
	if err != nil {
		return nil, err
	}
	*o.closers = append(*o.closers, iter)
	return iter, nil
}

// ErrRefused is wrapped by Open's error when this kernel, or this caller's
// rights, do not allow the probe.
var ErrRefused = errors.New("BPF task iterator refused")

// refusal says in one line what the probe is missing.
func refusal(err error) error {
	_, noBTF := os.Stat("/sys/kernel/btf/vmlinux")
	var verifier *cilium.VerifierError
	switch {
	case errors.Is(noBTF, fs.ErrNotExist):
		return fmt.Errorf("%w: the kernel has no /sys/kernel/btf/vmlinux; it must be built with CONFIG_DEBUG_INFO_BTF", ErrRefused)
	case errors.Is(err, fs.ErrPermission):
		return fmt.Errorf("%w: needs CAP_BPF and CAP_PERFMON, or root, and no kernel lockdown: %s", ErrRefused, oneLine(err))
	case errors.As(err, &verifier):
		return fmt.Errorf("%w by the verifier: %s", ErrRefused, oneLine(err))
	}
	return fmt.Errorf("%w: needs Linux 5.11 or later: %s", ErrRefused, oneLine(err))
}

// oneLine keeps a verifier's log from filling the screen.
func oneLine(err error) string {
	text := strings.Join(strings.Fields(err.Error()), " ")
	const most = 300
	return text[:min(len(text), most)]
}
