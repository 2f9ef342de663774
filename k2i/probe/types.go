package probe

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/cilium/ebpf/btf"
	"golang.org/x/sys/unix"
)

// typesFile is where the kernel keeps its types, in BTF.
const typesFile = "/sys/kernel/btf/vmlinux"

// kernelTypes are what programs need of the kernel's types: to index all hundred
// thousand, as the library does, takes longer than the verifier.
type kernelTypes struct {
	spec *btf.Spec // the wanted ones and what they contain, numbered anew
	ids  map[kindName]uint32
}

// kindName is of a type that the kernel is told by its own number of it; 0 where it has
// none, or several.
type kindName struct {
	kind int
	name string
}

// readTypes reads the kernel's types of these names.
func readTypes(wanted map[string]bool) (*kernelTypes, error) {
	f, err := os.Open(typesFile)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }() // it was only read
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	raw, err := unix.Mmap(int(f.Fd()), 0, int(info.Size()), unix.PROT_READ, unix.MAP_PRIVATE)
	if err == nil {
		defer func() { _ = unix.Munmap(raw) }() // what is wanted is copied
	} else if raw, err = os.ReadFile(typesFile); err != nil { // before 6.16
		return nil, err
	}
	return pickTypes(raw, wanted)
}

// The kernel's numbers (include/uapi/linux/btf.h).
const (
	btfMagic     = 0xeb9f
	btfHeader    = 24 // bytes
	btfRecord    = 12 // bytes of a type's beginning: name, kind and count, size or type
	kindInt      = 1
	kindPointer  = 2
	kindArray    = 3
	kindStruct   = 4
	kindUnion    = 5
	kindEnum     = 6
	kindTypedef  = 8
	kindVolatile = 9
	kindConst    = 10
	kindRestrict = 11
	kindFunc     = 12
	kindFloat    = 16
	kindTypeTag  = 18
	kindEnum64   = 19
)

// tails are how many words follow a type's record: so many, and so many of each of its
// members.
var tails = [...]struct{ fixed, each int }{
	kindInt: {1, 0}, kindArray: {3, 0}, kindStruct: {0, 3}, kindUnion: {0, 3}, kindEnum: {0, 2}, 13: {0, 2}, // 13 are prototypes
	14: {1, 0}, 15: {0, 3}, 17: {1, 0}, kindEnum64: {0, 3}, // variables, their sections and tags of declarations
}

// typesTable is BTF, cut into types.
type typesTable struct {
	types, names []byte
	at           []uint32 // where each type begins, by its number
}

var errTypes = errors.New("the kernel's types are not as they should be")

func word(b []byte, i int) uint32 { return binary.NativeEndian.Uint32(b[4*i:]) }

// newTypesTable checks that all of it lies within raw.
func newTypesTable(raw []byte) (*typesTable, error) {
	if len(raw) < btfHeader || binary.NativeEndian.Uint16(raw) != btfMagic || raw[2] != 1 {
		return nil, fmt.Errorf("%w: no header", errTypes)
	}
	section := func(i int) ([]byte, bool) {
		begin := uint64(word(raw, 1)) + uint64(word(raw, i))
		end := begin + uint64(word(raw, i+1))
		if end > uint64(len(raw)) {
			return nil, false
		}
		return raw[begin:end], true
	}
	types, ok := section(2)
	names, fine := section(4)
	if !ok || !fine || len(names) == 0 || names[len(names)-1] != 0 {
		return nil, fmt.Errorf("%w: sections beyond the end", errTypes)
	}
	t := &typesTable{types: types, names: names, at: make([]uint32, 1, 1+len(types)/24)}
	for at := 0; at < len(types); {
		size := t.size(at)
		if size == 0 || size > len(types)-at {
			return nil, fmt.Errorf("%w: type %d", errTypes, len(t.at))
		}
		t.at = append(t.at, uint32(at))
		at += size
	}
	return t, nil
}

// size is how long the type is that begins there; 0 for none that is known.
func (t *typesTable) size(at int) int {
	if at+btfRecord > len(t.types) {
		return 0
	}
	kind, count := t.kind(at)
	if kind == 0 || kind > kindEnum64 {
		return 0
	}
	return btfRecord + 4*(tails[kind].fixed+count*tails[kind].each)
}

func (t *typesTable) kind(at int) (kind, count int) {
	info := word(t.types[at:], 1)
	return int(info >> 24 & 0x1f), int(info & 0xffff)
}

// name is the one that begins there; nil for none.
func (t *typesTable) name(at uint32) []byte {
	if uint64(at) >= uint64(len(t.names)) {
		return nil
	}
	name := t.names[at:]
	return name[:bytes.IndexByte(name, 0)]
}

// pickTypes makes a table of the wanted ones, numbered anew.
func pickTypes(raw []byte, wanted map[string]bool) (*kernelTypes, error) {
	all, err := newTypesTable(raw)
	if err != nil {
		return nil, err
	}
	k := &kernelTypes{ids: map[kindName]uint32{}}
	p := picking{from: all, number: map[uint32]uint32{}, place: map[uint32]uint32{}, names: []byte{0}}
	var begins beginnings
	for name := range wanted {
		*begins.place([]byte(name)) = true
	}
	for i, at := range all.at[1:] {
		id := uint32(i + 1)
		kind, _ := all.kind(int(at))
		named := kind >= kindStruct && kind <= kindEnum || kind == kindTypedef || kind == kindFunc || kind == kindEnum64
		if !named {
			continue
		}
		name := word(all.types[at:], 0)
		if name == 0 || uint64(name) >= uint64(len(all.names)) || !*begins.place(all.names[name:]) || !wanted[string(all.name(name))] {
			continue
		}
		if kind != kindFunc {
			p.numberOf(id)
		}
		key := kindName{kind, string(all.name(name))}
		if _, again := k.ids[key]; again {
			id = 0
		}
		k.ids[key] = id
	}
	p.pick()
	k.spec, err = btf.LoadSpecFromReader(bytes.NewReader(p.file()))
	return k, err
}

// beginnings tell most of the names that are not wanted from those that are, by four
// bytes.
type beginnings [1 << 10]bool

func (b *beginnings) place(name []byte) *bool {
	four := uint32(0)
	for i := 0; i < 4 && i < len(name) && name[i] != 0; i++ {
		four = four<<8 | uint32(name[i])
	}
	return &b[four*0x9e3779b1>>22]
}

// picking are some types on their way into a table of their own.
type picking struct {
	from   *typesTable
	queue  []uint32          // by their new numbers, less 1
	number map[uint32]uint32 // new numbers by old ones
	place  map[uint32]uint32 // of names, the same
	types  []byte
	names  []byte
}

// numberOf is a type's new number. What is no part of another is none: 0.
func (p *picking) numberOf(old uint32) uint32 {
	if n, ok := p.number[old]; ok || old == 0 || uint64(old) >= uint64(len(p.from.at)) {
		return n
	}
	if kind, _ := p.from.kind(int(p.from.at[old])); kind > kindRestrict && kind != kindFloat && kind != kindTypeTag && kind != kindEnum64 {
		return 0
	}
	p.queue = append(p.queue, old)
	p.number[old] = uint32(len(p.queue))
	return p.number[old]
}

// placeOf is a name's new place.
func (p *picking) placeOf(old uint32) uint32 {
	if n, ok := p.place[old]; ok {
		return n
	}
	name := p.from.name(old)
	if len(name) == 0 {
		return 0
	}
	p.place[old] = uint32(len(p.names))
	p.names = append(append(p.names, name...), 0)
	return p.place[old]
}

// pick copies those in the queue, and what they contain, each once. Where a pointer
// leads to is none of it.
func (p *picking) pick() {
	for done := 0; done < len(p.queue); done++ { //nolint:intrange // it grows
		at := int(p.from.at[p.queue[done]])
		begin := len(p.types)
		p.types = append(p.types, p.from.types[at:at+p.from.size(at)]...)
		one := p.types[begin:]
		put := func(i int, n uint32) { binary.NativeEndian.PutUint32(one[4*i:], n) }
		put(0, p.placeOf(word(one, 0)))
		kind, count := p.from.kind(at)
		switch kind {
		case kindPointer:
			put(2, 0)
		case kindTypedef, kindVolatile, kindConst, kindRestrict, kindTypeTag:
			put(2, p.numberOf(word(one, 2)))
		case kindArray:
			put(3, p.numberOf(word(one, 3)))
			put(4, p.numberOf(word(one, 4)))
		case kindStruct, kindUnion, kindEnum, kindEnum64:
			for at, each := 3, tails[kind].each; count > 0; at, count = at+each, count-1 {
				put(at, p.placeOf(word(one, at)))
				if kind == kindStruct || kind == kindUnion {
					put(at+1, p.numberOf(word(one, at+1)))
				}
			}
		}
	}
}

// file is BTF of what was picked.
func (p *picking) file() []byte {
	b := make([]byte, btfHeader, btfHeader+len(p.types)+len(p.names))
	binary.NativeEndian.PutUint16(b, btfMagic)
	b[2] = 1
	for i, n := range []int{btfHeader, 0, len(p.types), len(p.types), len(p.names)} {
		binary.NativeEndian.PutUint32(b[4*(i+1):], uint32(n))
	}
	return append(append(b, p.types...), p.names...)
}

// essential is a name without its flavour, which tells versions of a type apart.
func essential(name string) string {
	if i := strings.LastIndex(name, "___"); i > 0 {
		return name[:i]
	}
	return name
}
