package k2i

import (
	"cmp"
	"slices"
	"strconv"
	"strings"
)

// AllFields is the word that asks for every field of a sample, and BasicFields
// the one for those that an answer has where nobody asked for any. Those of
// DemandGroup are in no sample: an agent reads them where they are asked for by
// name, or by this word.
const (
	AllFields   = "all"
	BasicFields = "basic"
	DemandGroup = "demand"
)

// IdentityFields are what tells a row from every other one of its host, whatever
// else is asked for. The slice is the caller's own.
func IdentityFields() []string { return []string{"pid", "start_ticks", "start_ns"} }

// Groups are the words that ask for several fields, in the order of the table.
func Groups() []string {
	words := []string{AllFields, BasicFields}
	for _, f := range fields {
		if f.Group != "" && !slices.Contains(words, f.Group) {
			words = append(words, f.Group)
		}
	}
	return words
}

// FieldWord tells whether a word asks for fields: it is the name of one, or of a
// group.
func FieldWord(word string) bool {
	return slices.ContainsFunc(fields, func(f Field) bool { return f.means(word) })
}

// In tells whether words, names and groups, ask for the field; no words ask for
// BasicFields.
func (f *Field) In(words []string) bool {
	if len(words) == 0 {
		return f.Group == ""
	}
	return slices.ContainsFunc(words, f.means)
}

// means tells whether a word asks for the field.
func (f *Field) means(word string) bool {
	switch word {
	case AllFields:
		return f.Group != DemandGroup
	case BasicFields:
		return f.Group == ""
	}
	return word != "" && (word == f.Name || word == f.Group)
}

// in puts a field into a group.
func in(group string, f Field) Field {
	f.Group = group
	return f
}

// bits is a mask that may be unread.
func bits(name, source, help string, get func(*Process) *Bits) Field {
	value := func(p *Process) (high, low uint64) { // an unread one is before all
		if b := get(p); b != nil {
			return 1, uint64(*b)
		}
		return 0, 0
	}
	shown := func(p *Process) string {
		if b := get(p); b != nil {
			return b.String()
		}
		return Unknown
	}
	return Field{
		Name: name, Source: source, Help: help + ", a mask",
		Compare: func(a, b *Process) int {
			aHigh, aLow := value(a)
			bHigh, bLow := value(b)
			return cmp.Or(cmp.Compare(aHigh, bHigh), cmp.Compare(aLow, bLow))
		},
		Known: func(p *Process) bool { return get(p) != nil },
		Word:  shown,
		Text:  shown,
	}
}

// namespace is the inode of one.
func namespace(name, source string, get func(*Process) Inode) Field {
	help := "inode of its " + strings.TrimPrefix(name, "ns_") + " namespace"
	return count(name, "", source, help, func(p *Process) Count { return get(p).Count() })
}

// numbers is a field of several numbers, compared one after another.
func numbers(name, source, help string, get func(*Process) []int32) Field {
	f := list(name, source, help, func(p *Process) []string {
		var words []string
		for _, n := range get(p) {
			words = append(words, strconv.FormatInt(int64(n), 10))
		}
		return words
	})
	f.Compare = func(a, b *Process) int { return slices.Compare(get(a), get(b)) }
	return f
}
