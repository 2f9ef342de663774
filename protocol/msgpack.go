package protocol

import (
	"bytes"
	"encoding/binary"

	"github.com/vmihailenco/msgpack/v5"
)

// Encode gives v's msgpack. Bodies are made of strings, numbers, maps and
// slices, which cannot fail to encode.
func Encode(v any) []byte {
	var buf bytes.Buffer
	e := msgpack.GetEncoder()
	defer msgpack.PutEncoder(e)
	e.Reset(&buf)
	e.UseCompactInts(true)
	e.SetSortMapKeys(true) // one body, one encoding: the vectors depend on it
	if err := e.Encode(v); err != nil {
		panic("protocol: a body that msgpack cannot encode: " + err.Error())
	}
	return buf.Bytes()
}

// Decode reads one body of at most items values into v, after Validate. The
// error is CodeMalformed.
func Decode(b []byte, v any, items int) error {
	if err := Validate(b, items); err != nil {
		return err
	}
	d := msgpack.GetDecoder()
	defer msgpack.PutDecoder(d)
	d.Reset(bytes.NewReader(b))
	if err := d.Decode(v); err != nil {
		return Errorf(CodeMalformed, "%v", err)
	}
	return nil
}

// Validate walks b, which must be exactly one msgpack value of at most items
// values in all, without allocating: nesting within MaxDepth, no length beyond
// the bytes that remain, no extension types and no reserved byte. The library
// believes a declared length and recurses without a bound; after Validate there
// is nothing left that it could be led to.
func Validate(b []byte, items int) error {
	w := walker{rest: b, items: items}
	if err := w.value(0); err != nil {
		return err
	}
	if len(w.rest) != 0 {
		return Errorf(CodeMalformed, "%d bytes after the body", len(w.rest))
	}
	return nil
}

type walker struct {
	rest  []byte
	items int // values that may still come
}

func (w *walker) value(depth int) error {
	if depth >= MaxDepth {
		return Errorf(CodeMalformed, "nested deeper than %d", MaxDepth)
	}
	if w.items--; w.items < 0 {
		return Errorf(CodeMalformed, "more values than this body may have")
	}
	if len(w.rest) == 0 {
		return Errorf(CodeMalformed, "the body ends within a value")
	}
	c := w.rest[0]
	w.rest = w.rest[1:]
	switch {
	case c <= 0x7f, c >= 0xe0, c == 0xc0, c == 0xc2, c == 0xc3: // small numbers, nil, booleans
		return nil
	case c <= 0x8f:
		return w.values(2*uint64(c&0x0f), depth)
	case c <= 0x9f:
		return w.values(uint64(c&0x0f), depth)
	case c <= 0xbf:
		return w.skip(uint64(c & 0x1f))
	}
	return w.sized(c, depth)
}

// sized walks what has its length, or its fixed size, told by the byte c of 0xc1 to 0xdf.
func (w *walker) sized(c byte, depth int) error {
	switch c {
	case 0xca, 0xce, 0xd2: // float32, uint32, int32
		return w.skip(4)
	case 0xcb, 0xcf, 0xd3: // float64, uint64, int64
		return w.skip(8)
	case 0xcc, 0xd0:
		return w.skip(1)
	case 0xcd, 0xd1:
		return w.skip(2)
	}
	var width int
	switch c {
	case 0xc4, 0xd9: // bin8, str8
		width = 1
	case 0xc5, 0xda, 0xdc, 0xde: // bin16, str16, array16, map16
		width = 2
	case 0xc6, 0xdb, 0xdd, 0xdf: // bin32, str32, array32, map32
		width = 4
	default:
		return Errorf(CodeMalformed, "type byte 0x%02x", c)
	}
	n, err := w.number(width)
	switch {
	case err != nil:
		return err
	case c == 0xdc || c == 0xdd:
		return w.values(n, depth)
	case c == 0xde || c == 0xdf:
		return w.values(2*n, depth)
	}
	return w.skip(n)
}

func (w *walker) number(width int) (uint64, error) {
	if len(w.rest) < width {
		return 0, Errorf(CodeMalformed, "the body ends within a length")
	}
	var be [8]byte
	copy(be[8-width:], w.rest)
	w.rest = w.rest[width:]
	return binary.BigEndian.Uint64(be[:]), nil
}

func (w *walker) skip(n uint64) error {
	if n > uint64(len(w.rest)) {
		return Errorf(CodeMalformed, "a length of %d with %d bytes left", n, len(w.rest))
	}
	w.rest = w.rest[n:]
	return nil
}

// values walks n values; each takes a byte at least.
func (w *walker) values(n uint64, depth int) error {
	if n > uint64(len(w.rest)) {
		return Errorf(CodeMalformed, "%d values declared with %d bytes left", n, len(w.rest))
	}
	for range n {
		if err := w.value(depth + 1); err != nil {
			return err
		}
	}
	return nil
}
