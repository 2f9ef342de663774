package probe

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"

	cilium "github.com/cilium/ebpf"
	"github.com/cilium/ebpf/link"
	"github.com/cilium/ebpf/rlimit"

	"ddcos/ebpf"
)

// tableObjects are what the process table needs.
type tableObjects struct {
	Table        *cilium.Program `ebpf:"table"`
	KnownCgroups *cilium.Map     `ebpf:"known_cgroups"`
	Passes       *cilium.Map     `ebpf:"passes"`
}

// allObjects add the command lines, which need Linux 5.18.
type allObjects struct {
	tableObjects
	Arguments *cilium.Program `ebpf:"arguments"`
	Wanted    *cilium.Map     `ebpf:"wanted"`
}

// load brings the programs into the kernel and attaches them. Without the one
// for command lines the probe has all other fields.
func (p *Probe) load(hierarchy ebpf.TasksHierarchy) error {
	// Kernels before 5.11 count BPF memory against a limit. Where raising it is
	// not allowed, loading itself tells whether that mattered.
	_ = rlimit.RemoveMemlock()
	spec, err := ebpf.LoadTasks()
	if err != nil {
		return fmt.Errorf("compiled BPF object: %w", err)
	}
	if err := spec.Variables[ebpf.TasksVarCgroupHierarchy].Set(hierarchy); err != nil {
		return fmt.Errorf("compiled BPF object: %w", err)
	}
	p.tally = openTally(p.opts.Counting, maxTallies, &p.closers)
	shared, err := p.share(spec, ebpf.TasksVarTallied, ebpf.TasksMapTallies)
	if err != nil {
		return fmt.Errorf("compiled BPF object: %w", err)
	}
	var objects allObjects
	if err := spec.LoadAndAssign(&objects, &shared); err != nil {
		p.noArguments = refusal(err)
		if err := spec.LoadAndAssign(&objects.tableObjects, &shared); err != nil {
			return refusal(err)
		}
	}
	p.cgroups, p.known = newCgroupPaths(objects.KnownCgroups), objects.KnownCgroups
	p.passes = objects.Passes
	p.closers = append(p.closers, objects.Table, objects.KnownCgroups, objects.Passes)
	if p.table, err = p.attach(objects.Table); err != nil {
		return refusal(err)
	}
	if objects.Arguments == nil {
		return nil
	}
	p.wanted = objects.Wanted
	p.closers = append(p.closers, objects.Arguments, objects.Wanted)
	if p.arguments, err = p.attach(objects.Arguments); err != nil {
		p.noArguments = refusal(err)
	}
	if takesOne(objects.Arguments) {
		p.singly = objects.Arguments
	}
	return nil
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
