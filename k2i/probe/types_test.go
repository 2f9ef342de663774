package probe

import (
	"encoding/binary"
	"maps"
	"slices"
	"testing"

	cilium "github.com/cilium/ebpf"
	"github.com/cilium/ebpf/btf"

	"ddcos/ebpf"
)

// What is picked of this kernel's types is what the library reads of them: each
// structure's size and members, and the kernel's own numbers.
func TestPickedTypes(t *testing.T) {
	spec, err := ebpf.LoadTasks()
	if err != nil {
		t.Fatal(err)
	}
	picked, err := typesFor(ebpf.TasksObject())
	if err != nil {
		t.Fatal(err)
	}
	kernel, err := btf.LoadKernelSpec()
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"task_struct", "signal_struct", "cred", "mm_struct", "pid", "sched_entity", "kernfs_node", "tty_struct"} {
		var got, want *btf.Struct
		if err := picked.spec.TypeByName(name, &got); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if err := kernel.TypeByName(name, &want); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		id, err := kernel.TypeID(want)
		if err != nil || uint32(id) != picked.ids[kindName{kindStruct, name}] {
			t.Errorf("%s is %d, want %d, %v", name, picked.ids[kindName{kindStruct, name}], id, err)
		}
		alike(t, name, got, want)
	}
	var iterator *btf.Func
	if err := kernel.TypeByName("bpf_iter_task", &iterator); err != nil {
		t.Fatal(err)
	}
	if id, err := kernel.TypeID(iterator); err != nil || uint32(id) != picked.ids[targetOf(spec.Programs[ebpf.TasksProgTable])] {
		t.Errorf("the iterator is %d, want %d, %v", picked.ids[targetOf(spec.Programs[ebpf.TasksProgTable])], id, err)
	}
}

// alike compares sizes, names and places, down to where a pointer begins.
func alike(t *testing.T, path string, got, want btf.Type) {
	t.Helper()
	got, want = btf.UnderlyingType(got), btf.UnderlyingType(want)
	var ours, theirs []btf.Member
	switch want := want.(type) {
	case *btf.Struct:
		s, ok := got.(*btf.Struct)
		if !ok || s.Size != want.Size || s.Name != want.Name {
			t.Fatalf("%s: %v, want %v", path, got, want)
		}
		ours, theirs = s.Members, want.Members
	case *btf.Union:
		u, ok := got.(*btf.Union)
		if !ok || u.Size != want.Size || u.Name != want.Name {
			t.Fatalf("%s: %v, want %v", path, got, want)
		}
		ours, theirs = u.Members, want.Members
	case *btf.Array:
		a, ok := got.(*btf.Array)
		if !ok || a.Nelems != want.Nelems {
			t.Fatalf("%s: %v, want %v", path, got, want)
		}
		alike(t, path+"[]", a.Type, want.Type)
	case *btf.Enum:
		e, ok := got.(*btf.Enum)
		if !ok || !slices.Equal(e.Values, want.Values) || e.Size != want.Size {
			t.Fatalf("%s: %v, want %v", path, got, want)
		}
	case *btf.Pointer:
		if _, ok := got.(*btf.Pointer); !ok {
			t.Fatalf("%s: %v, want a pointer", path, got)
		}
	default:
		if got.TypeName() != want.TypeName() {
			t.Fatalf("%s: %v, want %v", path, got, want)
		}
	}
	if len(ours) != len(theirs) {
		t.Fatalf("%s: %d members, want %d", path, len(ours), len(theirs))
	}
	for i, m := range theirs {
		if ours[i].Name != m.Name || ours[i].Offset != m.Offset || ours[i].BitfieldSize != m.BitfieldSize {
			t.Fatalf("%s: %+v, want %+v", path, ours[i], m)
		}
		alike(t, path+"."+m.Name, ours[i].Type, m.Type)
	}
}

// The quick way loads the very program that the library does: the kernel reckons the
// same tag of it, for the agent and for a single look.
func TestQuickProgramIsTheLibrarys(t *testing.T) {
	for _, brief := range []bool{false, true} {
		spec, err := ebpf.LoadTasks()
		if err != nil {
			t.Fatal(err)
		}
		p := &Probe{opts: Options{Brief: brief}}
		t.Cleanup(func() { _ = p.Close() })
		o := &object{spec: spec, maps: map[string]*cilium.Map{}, closers: &p.closers}
		if o.types, err = typesFor(ebpf.TasksObject()); err != nil {
			t.Fatal(err)
		}
		if err := p.fit(o, ebpf.TasksHierarchyHIERARCHY_UNIFIED); err != nil {
			t.Fatal(err)
		}
		tag := func(name string, types *kernelTypes) string {
			t.Helper()
			linked, err := o.linked(name)
			if err != nil {
				t.Fatal(err)
			}
			program, err := (&object{spec: spec, types: types}).quickly(linked)
			if types == nil {
				if err == nil {
					t.Error("loaded without types")
				}
				program, err = cilium.NewProgram(linked)
			}
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = program.Close() }()
			info, err := program.Info()
			if err != nil {
				t.Fatal(err)
			}
			return info.Tag
		}
		for _, name := range []string{ebpf.TasksProgTable, ebpf.TasksProgArguments} {
			if got, want := tag(name, o.types), tag(name, nil); got != want || got == "" {
				t.Errorf("%s, brief %v: %q, want %q", name, brief, got, want)
			}
		}
	}
}

// handMade is BTF with an integer, a pointer to a structure, and that structure, which
// has an integer, itself by the pointer, and an array; and a function.
func handMade() []byte {
	p := picking{names: []byte("\x00int\x00node\x00value\x00next\x00bpf_iter_task\x00")}
	add := func(words ...uint32) {
		for _, w := range words {
			p.types = binary.NativeEndian.AppendUint32(p.types, w)
		}
	}
	add(1, kindInt<<24, 4, 32)                                           // 1: int
	add(0, kindPointer<<24, 3)                                           // 2: *node
	add(5, kindStruct<<24|3, 24, 10, 1, 0, 16, 2, 64, 0, 4, 128)         // 3: node
	add(0, kindArray<<24, 0, 1, 1, 2)                                    // 4: [2]int
	add(21, kindFunc<<24, 0)                                             // 5: the function
	add(5, kindTypedef<<24, 3)                                           // 6: node as another name of itself
	add(0, kindConst<<24, 7)                                             // 7: a constant of itself
	add(0, kindStruct<<24, 8)                                            // 8: nobody's
	add(10, kindEnum<<24|1, 4, 16, 1, 16, kindEnum64<<24|1, 8, 10, 1, 0) // 9, 10: enumerations
	return p.file()
}

var handMadeNames = map[string]bool{"": true, "node": true, "bpf_iter_task": true, "value": true, "x": true}

func TestHandMadeTypes(t *testing.T) {
	k, err := pickTypes(handMade(), handMadeNames)
	if err != nil {
		t.Fatal(err)
	}
	var node *btf.Struct
	if err := k.spec.TypeByName("node", &node); err != nil {
		t.Fatal(err)
	}
	if next := node.Members[1]; node.Size != 24 || len(node.Members) != 3 || node.Members[0].Type.TypeName() != "int" || next.Name != "next" || next.Offset != 64 {
		t.Errorf("%+v", node)
	} else if to, ok := next.Type.(*btf.Pointer); !ok || to.Target != (*btf.Void)(nil) {
		t.Errorf("%+v: a pointer's target was picked", next)
	}
	count := 0
	for _, err := range k.spec.All() {
		if err != nil {
			t.Fatal(err)
		}
		count++
	}
	if count != 6+1 { // a nameless structure is no more wanted than a program without a target; void counts
		t.Errorf("%d types", count)
	}
	want := map[kindName]uint32{{kindStruct, "node"}: 3, {kindTypedef, "node"}: 6, {kindFunc, "bpf_iter_task"}: 5, {kindEnum, "value"}: 9}
	if !maps.Equal(k.ids, want) {
		t.Errorf("%v, want %v", k.ids, want)
	}
	twice := slices.Clone(handMade())
	binary.NativeEndian.PutUint32(twice[24+4*(4+3):], 21) // the structure has the function's name
	if k, err := pickTypes(twice, handMadeNames); err != nil || k.ids[kindName{kindFunc, "bpf_iter_task"}] != 5 || k.ids[kindName{kindStruct, "bpf_iter_task"}] != 3 {
		t.Errorf("%v, %v: one name of two kinds", k, err)
	}
	binary.NativeEndian.PutUint32(twice[24+4*(4+3+1):], kindFunc<<24)
	binary.NativeEndian.PutUint32(twice[24+4*(4+3+2):], 0)
	if _, err := pickTypes(twice, handMadeNames); err == nil {
		t.Error("members of a function are taken for types")
	}
}

// Whatever is cut off or points beyond the end is an error, never a panic.
func TestBrokenTypes(t *testing.T) {
	whole := handMade()
	for n := range whole {
		if _, err := pickTypes(whole[:n], handMadeNames); err == nil {
			t.Errorf("%d bytes of %d are taken for types", n, len(whole))
		}
	}
	for at := 0; at+4 <= len(whole); at += 4 {
		for _, n := range []uint32{0, 1, 1 << 24, 1<<31 - 1, 1<<32 - 1} {
			broken := slices.Clone(whole)
			binary.NativeEndian.PutUint32(broken[at:], n)
			if k, err := pickTypes(broken, handMadeNames); err == nil && k.spec == nil {
				t.Errorf("word %d is %#x: neither types nor an error", at/4, n)
			}
		}
	}
	if _, err := pickTypes(nil, nil); err == nil {
		t.Error("nothing is taken for types")
	}
}

func FuzzPickTypes(f *testing.F) {
	f.Add(handMade())
	f.Fuzz(func(t *testing.T, raw []byte) {
		k, err := pickTypes(raw, handMadeNames)
		if err != nil {
			return
		}
		count := 0
		for _, err := range k.spec.All() {
			if err != nil {
				return // the library found a name or a number that is none
			}
			count++
		}
		if count > len(raw)/btfRecord+1 {
			t.Errorf("%d types of %d bytes", count, len(raw))
		}
	})
}

func TestEssential(t *testing.T) {
	for name, want := range map[string]string{"task_struct___before_5_14": "task_struct", "a__b": "a__b", "___x": "___x", "": ""} {
		if got := essential(name); got != want {
			t.Errorf("%q of %q, want %q", got, name, want)
		}
	}
}
