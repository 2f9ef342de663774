package protocol

import (
	"bytes"
	"unicode/utf8"
)

// walker goes through one body.
type walker struct {
	rest  []byte
	items int    // values that may still come
	most  uint64 // elements that a list may have where that is more than its shape allows
	mend  bool   // make strings UTF-8 instead of refusing them
}

// value walks one value: any that msgpack has where s is nil, else one that s allows.
func (w *walker) value(s *shape, depth int) error {
	if depth >= MaxDepth {
		return Errorf(CodeMalformed, "nested deeper than %d", MaxDepth)
	}
	if w.items--; w.items < 0 {
		return errTooManyValues()
	}
	c, n, err := w.head()
	if err != nil {
		return err
	}
	if s != nil {
		return w.known(s, c, n, depth)
	}
	switch c {
	case classFloat:
		return nil
	case classStr:
		_, err := w.text(n)
		return err
	case classBin:
		_, err := w.skip(n)
		return err
	case classArray:
		return w.elements(n, depth, func(int) *shape { return nil })
	case classMap:
		return w.pairs(n, depth, func([]byte) (*shape, error) { return nil, nil })
	}
	return nil
}

func errTooManyValues() error { return Errorf(CodeMalformed, "more values than this body may have") }

// known holds a value's head against its shape and walks what belongs to it.
func (w *walker) known(s *shape, c class, n uint64, depth int) error {
	if c == classInt && s.class == classUint {
		if int64(n) < s.min {
			return Errorf(CodeMalformed, "%d where %d is the least", int64(n), s.min)
		}
		return nil
	}
	if c != s.class {
		return Errorf(CodeMalformed, "%s where %s should be", classNames[c], classNames[s.class])
	}
	switch c {
	case classUint:
		if n > s.max {
			return Errorf(CodeMalformed, "%d where %d is the most", n, s.max)
		}
	case classStr:
		_, err := w.text(n)
		return err
	case classBin:
		_, err := w.skip(n)
		return err
	case classArray:
		return w.array(s, n, depth)
	case classMap:
		if s.names != nil {
			return w.body(s, n, depth)
		}
		return w.labels(s, n, depth)
	}
	return nil
}

// field walks a value inside of a body: what s allows, or nil for its zero.
func (w *walker) field(s *shape, depth int) error {
	if s != nil && len(w.rest) > 0 && w.rest[0] == 0xc0 {
		s = nil
	}
	return w.value(s, depth)
}

// body walks a map from field names to values. Names that are unknown are a later version's.
func (w *walker) body(s *shape, n uint64, depth int) error {
	var seen [maxFields / 64]uint64
	next := 0 // the fields mostly come in their order
	return w.pairs(n, depth, func(key []byte) (*shape, error) {
		for range s.names {
			i := next
			if next++; next == len(s.names) {
				next = 0
			}
			if s.names[i] != string(key) {
				continue
			}
			bit := uint64(1) << (i % 64)
			if seen[i/64]&bit != 0 {
				return nil, Errorf(CodeMalformed, "%s comes twice", s.names[i])
			}
			seen[i/64] |= bit
			return s.fields[i], nil
		}
		return nil, nil
	})
}

// array walks a list, or a struct whose fields come in order: fewer from an
// earlier version, more from a later one.
func (w *walker) array(s *shape, n uint64, depth int) error {
	if s.elem == nil {
		return w.elements(n, depth, func(i int) *shape {
			if i < len(s.fields) {
				return s.fields[i]
			}
			return nil
		})
	}
	if n > max(s.max, w.most) {
		return Errorf(CodeMalformed, "%d elements where %d are allowed", n, max(s.max, w.most))
	}
	for range n {
		if err := w.value(s.elem, depth+1); err != nil { // not field: an element is never nil
			return err
		}
	}
	return nil
}

// labels walks a map of strings with keys of its own.
func (w *walker) labels(s *shape, n uint64, depth int) error {
	if n > s.max {
		return Errorf(CodeMalformed, "%d labels where %d are allowed", n, s.max)
	}
	var keys [maxPairs][]byte
	used := 0
	return w.pairs(n, depth, func(key []byte) (*shape, error) {
		for _, earlier := range keys[:used] {
			if bytes.Equal(earlier, key) {
				return nil, Errorf(CodeMalformed, "label %.80q comes twice", key)
			}
		}
		keys[used] = key
		used++
		return labelText, nil
	})
}

// elements walks n values that follow an array's head.
func (w *walker) elements(n uint64, depth int, shapeAt func(i int) *shape) error {
	if n > uint64(len(w.rest)) { // each takes a byte at least
		return Errorf(CodeMalformed, "%d values declared with %d bytes left", n, len(w.rest))
	}
	for i := range int(n) {
		if err := w.field(shapeAt(i), depth+1); err != nil {
			return err
		}
	}
	return nil
}

// pairs walks n keys, which must be strings, and their values.
func (w *walker) pairs(n uint64, depth int, shapeAt func(key []byte) (*shape, error)) error {
	if n > uint64(len(w.rest))/2 {
		return Errorf(CodeMalformed, "%d pairs declared with %d bytes left", n, len(w.rest))
	}
	for range n {
		key, err := w.key()
		if err != nil {
			return err
		}
		s, err := shapeAt(key)
		if err != nil {
			return err
		}
		if err := w.field(s, depth+1); err != nil {
			return err
		}
	}
	return nil
}

// key walks the key of a pair.
func (w *walker) key() ([]byte, error) {
	w.items--
	c, n, err := w.head()
	if err != nil {
		return nil, err
	}
	if c != classStr {
		return nil, Errorf(CodeMalformed, "%s where a key should be", classNames[c])
	}
	return w.text(n)
}

// text walks a string of n bytes.
func (w *walker) text(n uint64) ([]byte, error) {
	b, err := w.skip(n)
	switch {
	case err != nil || utf8.Valid(b):
		return b, err
	case w.mend:
		mend(b)
		return b, nil
	}
	return nil, Errorf(CodeMalformed, "a string that is not UTF-8")
}

// mend overwrites what is no UTF-8, byte by byte, so that no length changes.
func mend(b []byte) {
	for i := 0; i < len(b); {
		r, size := utf8.DecodeRune(b[i:])
		if r == utf8.RuneError && size == 1 {
			b[i] = '?'
		}
		i += size
	}
}

func (w *walker) skip(n uint64) ([]byte, error) {
	if n > uint64(len(w.rest)) {
		return nil, Errorf(CodeMalformed, "a length of %d with %d bytes left", n, len(w.rest))
	}
	b := w.rest[:n]
	w.rest = w.rest[n:]
	return b, nil
}
