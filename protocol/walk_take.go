package protocol

import "bytes"

// What a walker takes along: each of these walks one value as known does, and
// gives what was there. A nil in a body stands for the zero value.

// taken reads the head of a field; there is false where it is nil.
func (w *walker) taken(s *shape) (n uint64, there bool, err error) {
	if w.items--; w.items < 0 {
		return 0, false, errTooManyValues()
	}
	c, n, err := w.head()
	switch {
	case err != nil:
		return 0, false, err
	case c == s.class && (c != classUint || n <= s.max):
		return n, true, nil
	case c == classNil:
		return 0, false, nil
	}
	return n, true, w.known(s, c, n, 0) // refuses it, or finds a negative number that may be
}

// readNumber takes a number within the bounds of s, which are those of N.
func readNumber[N ~uint8 | ~uint32 | ~uint64 | ~int32](w *walker, s *shape, into *N) error {
	n, _, err := w.taken(s)
	*into = N(n)
	return err
}

// takeString takes a string; k, which may be nil, may know it already.
func (w *walker) takeString(k *keeper) (string, error) {
	n, there, err := w.taken(labelText)
	if err != nil || !there {
		return "", err
	}
	b, err := w.text(n)
	if err != nil {
		return "", err
	}
	if k == nil {
		return string(b), nil
	}
	if k.text != string(b) {
		k.text = string(b)
	}
	return k.text, nil
}

func (w *walker) takeBytes(k *keeper) ([]byte, error) {
	n, there, err := w.taken(bytesShape)
	if err != nil || !there {
		return nil, err
	}
	b, err := w.skip(n)
	return k.keep(b, len(w.rest)), err
}

func (w *walker) takeBool() (bool, error) {
	var first byte
	if len(w.rest) > 0 {
		first = w.rest[0]
	}
	_, _, err := w.taken(boolShape)
	return first == 0xc3, err
}

// takePairs takes labels or a state.
func (w *walker) takePairs() (map[string]string, error) {
	n, there, err := w.taken(pairsShape)
	if err != nil || !there {
		return nil, err
	}
	if n > pairsShape.max {
		return nil, Errorf(CodeMalformed, "%d labels where %d are allowed", n, pairsShape.max)
	}
	pairs := make(map[string]string, n)
	err = w.keys(n, func(key []byte) error {
		if _, twice := pairs[string(key)]; twice {
			return Errorf(CodeMalformed, "label %.80q comes twice", key)
		}
		value, err := w.takeString(nil)
		pairs[string(key)] = value
		return err
	})
	return pairs, err
}

// whole takes a body and wants nothing behind it.
func (w *walker) whole(s *shape, read func(field int) error) error {
	there, err := w.fields(s, 0, read)
	switch {
	case err != nil:
		return err
	case !there:
		return w.known(s, classNil, 0, 0)
	case len(w.rest) != 0:
		return Errorf(CodeMalformed, "%d bytes after the body", len(w.rest))
	}
	return nil
}

// fields takes a map from field names to values, and calls read at each value
// whose name is known. The map is that deep.
func (w *walker) fields(s *shape, depth int, read func(field int) error) (there bool, err error) {
	n, there, err := w.taken(s)
	if err != nil || !there {
		return there, err
	}
	var seen uint64
	next := 0 // where a name is that comes in the order of the fields
	return true, w.keys(n, func(key []byte) error {
		for range s.names {
			at := next
			if next++; next == len(s.names) {
				next = 0
			}
			if s.names[at] != string(key) {
				continue
			}
			if seen&(1<<at) != 0 {
				return Errorf(CodeMalformed, "%s comes twice", key)
			}
			seen |= 1 << at
			return read(at)
		}
		return w.field(nil, depth+1)
	})
}

// keys takes n keys and lets read take what is behind each.
func (w *walker) keys(n uint64, read func(key []byte) error) error {
	if n > uint64(len(w.rest))/2 {
		return Errorf(CodeMalformed, "%d pairs declared with %d bytes left", n, len(w.rest))
	}
	for range n {
		key, err := w.key()
		if err != nil {
			return err
		}
		if err := read(key); err != nil {
			return err
		}
	}
	return nil
}

// list takes as many elements as it says; read takes one, which is never nil.
func (w *walker) list(s *shape, read func() error) error {
	n, _, err := w.taken(s)
	if err != nil {
		return err
	}
	if n > s.max {
		return Errorf(CodeMalformed, "%d elements where %d are allowed", n, s.max)
	}
	for range n {
		if err := read(); err != nil {
			return err
		}
	}
	return nil
}

// entryDepth is how deep the elements of a body's lists are.
const entryDepth = 2

// elementsOf takes an array that stands for a struct, and calls read at each
// value whose field is known.
func (w *walker) elementsOf(s *shape, read func(field int) error) error {
	n, there, err := w.taken(s)
	if err == nil && !there {
		err = w.known(s, classNil, 0, 0)
	}
	if err != nil {
		return err
	}
	if n > uint64(len(w.rest)) {
		return Errorf(CodeMalformed, "%d values declared with %d bytes left", n, len(w.rest))
	}
	for i := range int(n) {
		if i < len(s.fields) {
			err = read(i)
		} else {
			err = w.field(nil, entryDepth+1)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// keeper saves allocations for what is kept of one body.
type keeper struct {
	text  string // the latest: of a room's members, many have one host
	arena []byte // of small replies
}

// Replies up to arenaPart bytes share arenas of at most arenaSize.
const (
	arenaPart = 1 << 10
	arenaSize = 16 << 10
)

// keep copies b; left bytes of the body are still to come.
func (k *keeper) keep(b []byte, left int) []byte {
	if len(b) == 0 || len(b) > arenaPart {
		return bytes.Clone(b)
	}
	if cap(k.arena)-len(k.arena) < len(b) {
		k.arena = make([]byte, 0, min(len(b)+left, arenaSize))
	}
	at := len(k.arena)
	k.arena = append(k.arena, b...)
	return k.arena[at:len(k.arena):len(k.arena)]
}
