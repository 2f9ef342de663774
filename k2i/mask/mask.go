// Package mask hides secrets in command lines: by the names before them, by
// the habits of well-known programs, and by their own shape.
package mask

import (
	"slices"
	"strings"
)

// Mask stands for each secret. Its length is always the same and says nothing
// of the secret's.
const Mask = "********"

// maxPasses bounds how often what was masked is looked at again: without a
// secret, the rest may read differently.
const maxPasses = 8

// Arguments gives a command line with its secrets replaced by Mask: args itself
// where it has none, and otherwise a list of the same length. args is not
// changed. Each argument may be any bytes, also a whole title or script. Time
// is linear in their length; each byte becomes at most len(Mask)+1.
func Arguments(args []string) []string {
	for range maxPasses {
		next := pass(args)
		if next == nil {
			break
		}
		args = next
	}
	return args
}

// pass is nil where nothing was masked.
func pass(args []string) []string {
	var masked []string
	m := masker{args: args}
	for i, arg := range args {
		m.at, m.done, m.out = i, 0, nil
		m.argument(arg)
		if m.out == nil {
			continue
		}
		if masked == nil {
			masked = slices.Clone(args)
		}
		masked[i] = string(append(m.out, arg[m.done:]...))
	}
	return masked
}

// masker is one pass over one command line.
type masker struct {
	args   []string
	at     int // which argument
	awaits class
	asked  bool // the argument before this one takes a value: awaits says how it is masked
	cut    byte // the value that is awaited is a pair, parted by this
	skip   int  // arguments until one that is a secret by its place; 0 for none
	habits [maxHabits]habit
	known  int // how many of habits

	out  []byte // of this argument, as far as done; nil while nothing is masked
	done int
	work int // bytes of this argument that were looked at more than once
}

// again counts n bytes of s that are looked at more than once. It is false when
// they are too many: somebody wants to keep us busy, and the rest from there on
// is masked unread.
func (m *masker) again(s string, from, n int) bool {
	const times, free = 16, 1024
	m.work += n
	if m.work <= times*len(s)+free {
		return true
	}
	m.hide(s, from, len(s))
	return false
}

// hide masks s[from:to] of the argument s, which comes after what was masked before.
func (m *masker) hide(s string, from, to int) {
	from = max(from, m.done)
	if from >= to || s[from:to] == Mask {
		return
	}
	m.out = append(append(m.out, s[m.done:from]...), Mask...)
	m.done = to
}

// argument masks one argument.
func (m *masker) argument(s string) {
	if m.byPlace(s) {
		return
	}
	asked := m.asked
	m.asked = false
	if asked && s != "" && m.awaited(s) {
		return
	}
	for _, h := range m.habits[:m.known] {
		if h.prefix != "" && strings.HasPrefix(s, h.prefix) {
			m.hide(s, len(h.prefix), len(s))
			return
		}
	}
	m.work = 0
	m.text(s)
}

// awaited masks an argument that is the value of the one before. It is false
// where s has to be looked at as any other.
func (m *masker) awaited(s string) bool {
	if s[0] == '-' && len(s) > 1 {
		return false
	}
	if m.cut != 0 {
		m.hidePair(s, 0, len(s), m.cut)
		return m.out != nil
	}
	m.hideValue(m.awaits, s, 0, len(s))
	return m.out != nil
}

// byPlace masks an argument that is a secret by its place.
func (m *masker) byPlace(s string) bool {
	last := m.at == len(m.args)-1 && m.at > 1
	for _, h := range m.habits[:m.known] {
		if last && (h.last || h.lastWith != 0 && m.hasFlag(h.lastWith)) {
			m.hide(s, 0, len(s))
			return true
		}
	}
	if m.skip > 0 {
		m.skip--
		if m.skip == 0 && (len(s) == 0 || s[0] != '-') {
			m.hide(s, 0, len(s))
			return true
		}
	}
	return false
}

// hasFlag tells whether a single-letter flag was given, alone or among others.
func (m *masker) hasFlag(letter byte) bool {
	for _, arg := range m.args {
		if len(arg) > 1 && arg[0] == '-' && arg[1] != '-' && has(arg, letter) {
			return true
		}
	}
	return false
}
