package k2i

import (
	"cmp"
	"math"
	"slices"
	"strconv"
	"strings"
)

// Field is one column of the process table as the agent knows it: what the
// query language sorts by, what REST and the tools name, and what they print.
type Field struct {
	Name   string // as the JSON and msgpack tag of Process
	Unit   string // "ns", "bytes", "ticks", ...; "" for names, ids and plain numbers
	Source string // the kernel's own word for it
	Help   string // one phrase, for people
	Group  string // "" for what every answer has; else it has to be asked for, by its name or by this word

	// Number tells a quantity or an id (right-aligned) from a text.
	Number bool

	// Exactly one of these is set, and says what kind of field it is. Text of a
	// List is its words with blanks between.
	Integer  func(p *Process) int64   // a whole number; one that is beyond an int64 is the largest
	Fraction func(p *Process) float64 // a rate; not a number where it is not Known
	Flag     func(p *Process) bool
	List     func(p *Process) []string
	Word     func(p *Process) string

	// Compare orders two processes by this field alone, ascending; what could
	// not be read comes before everything that could.
	Compare func(a, b *Process) int

	// Known is false where the field could not be read from this process.
	Known func(p *Process) bool

	// Text is the plain value, without unit, and Unknown where there is none. It
	// holds the kernel's bytes as they were: whoever shows it neutralises them.
	Text func(p *Process) string
}

// Unknown is the Text of what could not be read.
const Unknown = "-"

// Fields is the table of fields, in the order of Process's fields. The slice is
// the caller's own.
func Fields() []Field { return slices.Clone(fields) }

// FieldByName finds a field by its name in the JSON form.
func FieldByName(name string) (Field, bool) {
	i := slices.IndexFunc(fields, func(f Field) bool { return f.Name == name })
	if i < 0 {
		return Field{}, false
	}
	return fields[i], true
}

// always is the Known of what every road gives.
func always(*Process) bool { return true }

// integer is a field that every road gives as a whole number.
func integer[T int32 | uint32 | uint64](name, unit, source, help string, get func(*Process) T) Field {
	return Field{
		Name: name, Unit: unit, Source: source, Help: help, Number: true,
		Integer: func(p *Process) int64 { return whole(get(p)) },
		Compare: func(a, b *Process) int { return cmp.Compare(get(a), get(b)) },
		Known:   always,
		Text: func(p *Process) string {
			if n := get(p); n < 0 {
				return strconv.FormatInt(int64(n), 10)
			}
			return strconv.FormatUint(uint64(get(p)), 10)
		},
	}
}

// whole is a number as an int64, the largest one where it would not fit.
func whole[T int32 | uint32 | uint64](n T) int64 {
	if n > 0 && uint64(n) > math.MaxInt64 {
		return math.MaxInt64
	}
	return int64(n)
}

// count is a whole number that may be Unread.
func count(name, unit, source, help string, get func(*Process) Count) Field {
	known := func(p *Process) bool { return get(p) >= 0 }
	return Field{
		Name: name, Unit: unit, Source: source, Help: help, Number: true,
		Integer: func(p *Process) int64 { return int64(get(p)) },
		Compare: func(a, b *Process) int { return cmp.Compare(max(get(a), Unread), max(get(b), Unread)) },
		Known:   known,
		Text: func(p *Process) string {
			if !known(p) {
				return Unknown
			}
			return strconv.FormatInt(int64(get(p)), 10)
		},
	}
}

// rate is a derived number that may be NoRate; cmp.Compare puts NaN first.
func rate(name, unit, source, help string, get func(*Process) Rate) Field {
	return Field{
		Name: name, Unit: unit, Source: source, Help: help, Number: true,
		Fraction: func(p *Process) float64 { return float64(get(p)) },
		Compare:  func(a, b *Process) int { return cmp.Compare(get(a), get(b)) },
		Known:    func(p *Process) bool { return get(p).Known() },
		Text: func(p *Process) string {
			if r := get(p); r.Known() {
				return strconv.FormatFloat(float64(r), 'f', 3, 64)
			}
			return Unknown
		},
	}
}

// text is a field of bytes; "" is a value, not a gap.
func text(name, source, help string, get func(*Process) string) Field {
	return Field{
		Name: name, Source: source, Help: help,
		Compare: func(a, b *Process) int { return strings.Compare(get(a), get(b)) },
		Known:   always,
		Word:    get,
		Text:    get,
	}
}

// flag is a field that is true or false; false sorts first.
func flag(name, source, help string, get func(*Process) bool) Field {
	f := text(name, source, help, func(p *Process) string { return strconv.FormatBool(get(p)) })
	f.Word, f.Flag = nil, get
	return f
}

// list is a field of several byte strings, compared one after another and
// printed with a blank between them.
func list(name, source, help string, get func(*Process) []string) Field {
	f := text(name, source, help, func(p *Process) string { return strings.Join(get(p), " ") })
	f.Word, f.List = nil, get
	f.Compare = func(a, b *Process) int { return slices.Compare(get(a), get(b)) }
	return f
}
