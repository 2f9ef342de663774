package probe

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"

	cilium "github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
	"github.com/cilium/ebpf/btf"
	"github.com/cilium/ebpf/link"
	"golang.org/x/sys/unix"

	"ddcos/ebpf"
)

// tableObjects are what the process table needs.
type tableObjects struct {
	Table        *cilium.Program `ebpf:"table"`
	KnownCgroups *cilium.Map     `ebpf:"known_cgroups"`
	Passes       *cilium.Map     `ebpf:"passes"`
}

// lineObjects are what command lines need, and Linux 5.18.
type lineObjects struct {
	Arguments *cilium.Program `ebpf:"arguments"`
	Wanted    *cilium.Map     `ebpf:"wanted"`
}

// load brings the programs into the kernel and attaches them. Without the one
// for command lines the probe has all other fields.
func (p *Probe) load(hierarchy ebpf.TasksHierarchy) error {
	types := btf.NewCache()
	parsed := make(chan struct{})
	go func() { // as long as the rest of the preparation
		defer close(parsed)
		_, _ = types.Kernel() // whoever needs them has the error
	}()
	spec, err := ebpf.LoadTasks()
	if err != nil {
		return fmt.Errorf("compiled BPF object: %w", err)
	}
	brief := uint32(0)
	if p.opts.Brief {
		brief = 1
	}
	if err := errors.Join(spec.Variables[ebpf.TasksVarCgroupHierarchy].Set(hierarchy), spec.Variables[ebpf.TasksVarBrief].Set(brief)); err != nil {
		return fmt.Errorf("compiled BPF object: %w", err)
	}
	<-parsed
	if p.noArguments = p.loadLines(spec, types); p.noArguments == nil && p.opts.Once {
		p.beginEarly()
	}
	p.tally = openTally(p.opts.Counting, maxTallies, &p.closers)
	shared, err := p.share(spec, ebpf.TasksVarTallied, ebpf.TasksMapTallies)
	if err != nil {
		return fmt.Errorf("compiled BPF object: %w", err)
	}
	shared.Cache = types
	p.distrust(spec.Programs[ebpf.TasksProgTable], types)
	var objects tableObjects
	err = raised(func() error { return spec.LoadAndAssign(&objects, &shared) })
	if err != nil {
		return refusal(err)
	}
	p.cgroups, p.known = newCgroupPaths(objects.KnownCgroups), objects.KnownCgroups
	p.passes = objects.Passes
	p.closers = append(p.closers, objects.Table, objects.KnownCgroups, objects.Passes)
	if p.table, err = p.attach(objects.Table); err != nil {
		return refusal(err)
	}
	return nil
}

// distrust leaves the program's cast as it is where it counts and this kernel has it.
// Else it becomes a move: a program for the agent is verified once, and trusted.
func (p *Probe) distrust(table *cilium.ProgramSpec, types *btf.Cache) {
	if kernel, err := types.Kernel(); err == nil && p.opts.Brief {
		var cast *btf.Func
		if kernel.TypeByName("bpf_rdonly_cast", &cast) == nil {
			return
		}
	}
	for i := range table.Instructions {
		if one := &table.Instructions[i]; one.IsKfuncCall() {
			*one = asm.Mov.Reg(asm.R0, asm.R1)
		}
	}
}

// loadLines loads what reads command lines; its error is why there are none.
func (p *Probe) loadLines(spec *cilium.CollectionSpec, types *btf.Cache) error {
	var objects lineObjects
	err := raised(func() error { return spec.LoadAndAssign(&objects, &cilium.CollectionOptions{Cache: types}) })
	if err != nil {
		return refusal(err)
	}
	p.wanted = objects.Wanted
	p.closers = append(p.closers, objects.Arguments, objects.Wanted)
	if p.arguments, err = p.attach(objects.Arguments); err != nil {
		return refusal(err)
	}
	if takesOne(objects.Arguments) {
		p.singly = objects.Arguments
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
func (p *Probe) attach(program *cilium.Program) (*link.Iter, error) {
	iter, err := link.AttachIter(link.IterOptions{Program: program})
	if err != nil {
		return nil, err
	}
	p.closers = append(p.closers, iter)
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
