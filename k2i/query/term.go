package query

import (
	"cmp"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"ddcos/k2i"
)

// Host is where a process runs, as the language sees it.
type Host struct {
	Name   string
	Info   *k2i.Host
	Labels map[string]string
}

// HostOf is the host of a snapshot.
func HostOf(snap *k2i.Snapshot) *Host {
	return &Host{Name: snap.Host.Name, Info: &snap.Host, Labels: snap.Agent.Labels}
}

// row is one process that a query looks at, and room to put its text together in.
type row struct {
	host    *Host
	p       *k2i.Process
	scratch []byte
}

// Term is one name of the language: a field of k2i's table, by its name and
// others that people know it by, or what is made of several. Exactly one of the
// functions is set; a number that is not known tells so.
type Term struct {
	Name  string
	Also  []string // other names of the same
	Unit  string   // as k2i.Field's; "%" for a share
	Help  string
	Field string   // of k2i, "" where it is made of several
	Made  []string // fields of k2i that it is made of; none where only the host tells

	integer  func(*row) (int64, bool)
	fraction func(*row) (float64, bool)
	flag     func(*row) bool
	list     func(*row) []string
	word     func(*row) string

	compare func(a, b *row) int
}

// Number tells whether the term is one: the others are words.
func (t *Term) Number() bool { return t.integer != nil || t.fraction != nil }

// Text is a term's plain value, without unit, and k2i.Unknown where there is none.
func (t *Term) Text(at Row) string {
	r := &row{host: at.Host, p: at.Process}
	switch {
	case t.integer != nil:
		if n, known := t.integer(r); known {
			return strconv.FormatInt(n, 10)
		}
		return k2i.Unknown
	case t.fraction != nil:
		if f, known := t.fraction(r); known {
			return strconv.FormatFloat(f, 'f', 3, 64)
		}
		return k2i.Unknown
	case t.flag != nil:
		return strconv.FormatBool(t.flag(r))
	case t.list != nil:
		return strings.Join(t.list(r), " ")
	}
	return t.word(r)
}

// LabelTerm is what the term of a label begins with: label.rack is the host's
// label rack.
const LabelTerm = "label."

// also are the names by which people know fields, most of them ps's, none of
// them for anything else than in ps, with blanks between.
var also = map[string]string{
	"rss_bytes": "rss", "vsz_bytes": "vsz", "read_bytes": "read", "write_bytes": "write", "cpu_ns": "time",
	"euid": "uid", "egid": "gid", "sid": "sess", "pgid": "pgrp", "args": "command cmd", "state": "s", "nice": "ni",
	"threads": "nlwp", "cpu": "psr", "container_id": "container", "exit_code": "exit", "end_signal": "endsig",
	"peak_rss_bytes": "peak", "start_ns": "started", "pss_bytes": "pss", "uss_bytes": "uss", "fd_count": "fds",
}

// Terms is the whole vocabulary: the fields in their order, then what is made of
// several. Labels, which only hosts know, are not among them.
func Terms() []Term {
	var all []Term
	for _, f := range k2i.Fields() {
		all = append(all, fieldTerm(f))
	}
	return append(all, madeTerms()...)
}

// fieldTerm is a field as a term.
func fieldTerm(f k2i.Field) Term {
	t := Term{Name: f.Name, Unit: f.Unit, Help: f.Help, Field: f.Name, Made: []string{f.Name}, compare: func(a, b *row) int { return f.Compare(a.p, b.p) }}
	t.Also = strings.Fields(also[f.Name])
	switch {
	case f.Integer != nil:
		t.integer = func(r *row) (int64, bool) { return f.Integer(r.p), f.Known(r.p) }
	case f.Fraction != nil:
		t.fraction = func(r *row) (float64, bool) { return f.Fraction(r.p), f.Known(r.p) }
	case f.Flag != nil:
		t.flag = func(r *row) bool { return f.Flag(r.p) }
	case f.List != nil:
		t.list = func(r *row) []string { return f.List(r.p) }
	case f.Word != nil:
		t.word = func(r *row) string { return f.Word(r.p) }
	default: // a kind of its own, asked for as it is printed
		t.word = func(r *row) string { return f.Text(r.p) }
	}
	return t
}

// madeTerms are what no single field tells.
func madeTerms() []Term {
	return []Term{
		wordTerm("host", "name of its host", func(r *row) string { return r.host.Name }),
		of("start_ns ended_ns", numberTerm("age", "ns", "how long ago it began, by its host's clock", age)),
		of("ended_ns", numberTerm("ended", "ns", "how long ago it ended, by its host's clock; unknown while it lives", func(r *row) (int64, bool) {
			return r.host.Info.UptimeNS - int64(r.p.EndedNS), r.p.Ended()
		})),
		of("user_ns system_ns", numberTerm("cputime", "ns", "CPU time in user mode and in the kernel, in clock ticks, as ps counts it", func(r *row) (int64, bool) {
			return int64(min(r.host.Info.TickedCPU(r.p), math.MaxInt64)), true
		})),
		of("user_ns system_ns start_ticks state ended_ns", fractionTerm("pcpu", unitShare, "that by the lifetime; see rcpu for the rate", func(r *row) (float64, bool) {
			return k2i.PercentOf(r.host.Info.TickedCPU(r.p), r.host.Info.TickedAge(r.p)), true
		})),
		of("start_ticks state ended_ns", numberTerm("etime", "ns", "age in clock ticks, as ps counts it", func(r *row) (int64, bool) {
			return int64(r.host.Info.TickedAge(r.p)), true
		})),
		of("start_ticks", fractionTerm("start", unitNumber, "Unix time of its start, seconds", func(r *row) (float64, bool) {
			part := r.host.Info.StartSinceBoot(r.p) % time.Second
			return float64(r.host.Info.StartSecond(r.p)) + part.Seconds(), true
		})),
		of("rss_bytes", fractionTerm("pmem", unitShare, "resident memory as a share of its host's", func(r *row) (float64, bool) {
			total := r.host.Info.MemTotalBytes
			return float64(r.p.RSSBytes) * 100 / float64(max(total, 1)), total > 0
		})),
		of("tty_nr", wordTerm("tty", "controlling terminal, ? for none", func(r *row) string { return k2i.TTYName(r.p.TTYNr) })),
		of("pid", wordTerm("proc", "HOST:PID, a process id across hosts", func(r *row) string { return r.host.Name + ":" + strconv.Itoa(int(r.p.PID)) })),
		of("pid start_ticks", wordTerm("id", "identity for ever, HOSTID:PID:TICKS", func(r *row) string { return r.p.Identity(r.host.Info.ID).String() })),
	}
}

// of is a term with the fields that it is made of.
func of(fields string, t Term) Term {
	t.Made = strings.Fields(fields)
	return t
}

// age is how long a process has been there, or was until it ended; never
// negative, though a start may be known more exactly than the sample's time.
func age(r *row) (int64, bool) {
	until := r.host.Info.UptimeNS
	if r.p.Ended() {
		until = int64(r.p.EndedNS)
	}
	return max(until-int64(min(r.p.StartNS, 1<<62)), 0), true
}

func wordTerm(name, help string, get func(*row) string) Term {
	return Term{Name: name, Help: help, word: get, compare: func(a, b *row) int { return strings.Compare(get(a), get(b)) }}
}

// numberTerm orders what is not known before everything that is.
func numberTerm(name, unit, help string, get func(*row) (int64, bool)) Term {
	return Term{Name: name, Unit: unit, Help: help, integer: get, compare: func(a, b *row) int { return compareKnown(a, b, get) }}
}

func fractionTerm(name, unit, help string, get func(*row) (float64, bool)) Term {
	return Term{Name: name, Unit: unit, Help: help, fraction: get, compare: func(a, b *row) int { return compareKnown(a, b, get) }}
}

func compareKnown[T int64 | float64](a, b *row, get func(*row) (T, bool)) int {
	x, xKnown := get(a)
	y, yKnown := get(b)
	switch {
	case xKnown && yKnown:
		return cmp.Compare(x, y)
	case xKnown:
		return 1
	case yKnown:
		return -1
	}
	return 0
}

// TermByName finds a term by any of its names, or that of a label.
func TermByName(name string) (Term, bool) {
	if key, ok := strings.CutPrefix(name, LabelTerm); ok && key != "" && len(key) <= MaxText {
		return wordTerm(name, "the host's label "+key, func(r *row) string { return r.host.Labels[key] }), true
	}
	if f, ok := k2i.FieldByName(name); ok {
		return fieldTerm(f), true
	}
	for field, known := range also {
		if slices.Contains(strings.Fields(known), name) {
			f, ok := k2i.FieldByName(field)
			return fieldTerm(f), ok
		}
	}
	made := madeTerms()
	if i := slices.IndexFunc(made, func(t Term) bool { return t.Name == name }); i >= 0 {
		return made[i], true
	}
	return Term{}, false
}

// termNames are all names, for messages and completion.
func termNames() []string {
	var names []string
	for _, t := range Terms() {
		names = append(append(names, t.Name), t.Also...)
	}
	return names
}
