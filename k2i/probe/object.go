package probe

import (
	"bytes"
	"debug/elf"
	"errors"
	"fmt"
	"io"
	"runtime"
	"unsafe"

	cilium "github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
	"github.com/cilium/ebpf/btf"
	"golang.org/x/sys/unix"
)

// object is a compiled one on its way into the kernel: its programs with what they need
// of the kernel's types, and each map when the first program comes that uses it.
type object struct {
	spec    *cilium.CollectionSpec
	types   *kernelTypes // nil where the library has to do
	maps    map[string]*cilium.Map
	closers *[]io.Closer // gets what is made
}

// cast is the kernel's function that `UNTRUSTED` calls.
const cast = "bpf_rdonly_cast"

// typesFor reads what a compiled object's programs need, which are iterators of tasks.
func typesFor(compiled []byte) (*kernelTypes, error) {
	file, err := elf.NewFile(bytes.NewReader(compiled))
	if err != nil {
		return nil, err
	}
	section := file.Section(".BTF")
	if section == nil {
		return nil, fmt.Errorf("%w: no section of them in the compiled object", errTypes)
	}
	raw, err := section.Data()
	if err != nil {
		return nil, err
	}
	own, err := newTypesTable(raw)
	if err != nil {
		return nil, err
	}
	wanted := map[string]bool{cast: true, "bpf_iter_task": true}
	for _, at := range own.at[1:] {
		switch kind, _ := own.kind(int(at)); kind {
		case kindStruct, kindUnion, kindEnum, kindTypedef:
			wanted[essential(string(own.name(word(own.types[at:], 0))))] = true
		}
	}
	return readTypes(wanted)
}

// targetOf is what a program is attached to.
func targetOf(program *cilium.ProgramSpec) kindName {
	switch program.AttachType {
	case cilium.AttachTraceIter:
		return kindName{kindFunc, "bpf_iter_" + program.AttachTo}
	case cilium.AttachTraceRawTp:
		return kindName{kindTypedef, "btf_trace_" + program.AttachTo}
	}
	return kindName{}
}

// mapOf makes a map that is not there yet. What its keys and values look like is for
// debuggers, but for a task's storage.
func (o *object) mapOf(name string) (*cilium.Map, error) {
	if m := o.maps[name]; m != nil {
		return m, nil
	}
	spec := o.spec.Maps[name]
	if spec == nil {
		return nil, fmt.Errorf("compiled BPF object: no map %q", name)
	}
	if spec = spec.Copy(); spec.Type != cilium.TaskStorage {
		spec.Key, spec.Value = nil, nil
	}
	for _, variable := range o.spec.Variables {
		if variable.SectionName != name {
			continue
		}
		if data, ok := spec.Contents[0].Value.([]byte); ok { // a section is one value
			data = bytes.Clone(data) // the object's own, which programs are loaded from side by side
			copy(data[variable.Offset:], variable.Value)
			spec.Contents[0].Value = data
		}
	}
	m, err := cilium.NewMap(spec)
	if err != nil {
		return nil, err
	}
	o.maps[name] = m
	*o.closers = append(*o.closers, m)
	return m, nil
}

// program loads one. Where the quick way does not lead there, the library finds another,
// or says why there is none.
func (o *object) program(name string) (*cilium.Program, error) {
	spec, err := o.linked(name)
	if err != nil {
		return nil, err
	}
	if program, err := o.quickly(spec); err == nil {
		return program, nil
	}
	return cilium.NewProgram(spec)
}

// linked is a program with its maps.
func (o *object) linked(name string) (*cilium.ProgramSpec, error) {
	spec := o.spec.Programs[name].Copy()
	for i := range spec.Instructions {
		one := &spec.Instructions[i]
		if of := one.Reference(); of != "" && one.IsLoadFromMap() {
			m, err := o.mapOf(of)
			if err != nil {
				return nil, err
			}
			if err := one.AssociateMap(m); err != nil {
				return nil, err
			}
		}
	}
	return spec, nil
}

var errNoTarget = errors.New("not among the kernel's types")

// quickly loads a program by the picked types alone.
func (o *object) quickly(spec *cilium.ProgramSpec) (*cilium.Program, error) {
	if o.types == nil || o.types.ids[targetOf(spec)] == 0 {
		return nil, errNoTarget
	}
	code, err := o.relocated(spec)
	if err != nil {
		return nil, err
	}
	license := append([]byte(spec.License), 0)
	attr := progLoad{
		kind: uint32(spec.Type), count: uint32(len(code) / asm.InstructionSize),
		code: uint64(uintptr(unsafe.Pointer(&code[0]))), license: uint64(uintptr(unsafe.Pointer(&license[0]))),
		flags: spec.Flags, attach: uint32(spec.AttachType), target: o.types.ids[targetOf(spec)],
	}
	copy(attr.name[:len(attr.name)-1], spec.Name)
	fd, _, errno := unix.Syscall(unix.SYS_BPF, bpfProgLoad, uintptr(unsafe.Pointer(&attr)), unsafe.Sizeof(attr))
	runtime.KeepAlive(code)
	runtime.KeepAlive(license)
	runtime.KeepAlive(o.maps)
	if errno != 0 {
		return nil, errno
	}
	return cilium.NewProgramFromFD(int(fd))
}

// relocated is a program's code as it is right for this kernel.
func (o *object) relocated(spec *cilium.ProgramSpec) ([]byte, error) {
	code := append(asm.Instructions(nil), spec.Instructions...)
	var places []*btf.CORERelocation
	var of []*asm.Instruction
	for i := range code {
		one := &code[i]
		if place := btf.CORERelocationMetadata(one); place != nil {
			places, of = append(places, place), append(of, one)
		}
		if one.IsKfuncCall() {
			one.Constant, one.Offset = int64(o.types.ids[kindName{kindFunc, cast}]), 0
		}
	}
	fixups, err := btf.CORERelocate(places, []*btf.Spec{o.types.spec}, o.spec.ByteOrder, nil)
	if err != nil {
		return nil, err
	}
	for i := range fixups {
		if err := fixups[i].Apply(of[i]); err != nil {
			return nil, err
		}
	}
	var b bytes.Buffer
	err = code.Marshal(&b, o.spec.ByteOrder)
	return b.Bytes(), err
}

// bpfProgLoad is the kernel's number of it, progLoad what it is told.
const bpfProgLoad = 5

type progLoad struct {
	kind, count   uint32
	code, license uint64
	_, _          uint32 // a log's level and size
	_             uint64 // a log
	_             uint32 // the kernel's version
	flags         uint32
	name          [16]byte
	_, attach     uint32
	_, _          uint32 // types of the program's own
	_             uint64
	_, _          uint32
	_             uint64
	_, target     uint32
}
