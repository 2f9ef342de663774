package protocol

import (
	"bytes"
	"math"
	"reflect"
	"sync"

	"github.com/vmihailenco/msgpack/v5"
)

// Encode gives v's msgpack. Bodies are made of strings, numbers, maps and
// slices, which cannot fail to encode. What is no UTF-8 in a string, say in an
// error text that was cut or came from a program's output, becomes question
// marks: a receiver refuses the whole body otherwise. Those bodies that come often
// are written by hand.
func Encode(v any) []byte {
	switch body := v.(type) {
	case Call:
		return body.Append(make([]byte, 0, bodyBytes))
	case *Call:
		return body.Append(make([]byte, 0, bodyBytes))
	case Deliver:
		return body.Append(make([]byte, 0, bodyBytes))
	case *Deliver:
		return body.Append(make([]byte, 0, bodyBytes))
	case AccountChunk:
		return body.Append(make([]byte, 0, bodyBytes))
	case *AccountChunk:
		return body.Append(make([]byte, 0, bodyBytes))
	}
	return encodeAny(v)
}

// bodyBytes is room for most bodies.
const bodyBytes = 128

// encodeAny is Encode by the library, by reflection.
func encodeAny(v any) []byte {
	var buf bytes.Buffer
	e := msgpack.GetEncoder()
	defer msgpack.PutEncoder(e)
	e.Reset(&buf)
	e.UseCompactInts(true)
	e.SetSortMapKeys(true) // one body, one encoding: the vectors depend on it
	if err := e.Encode(v); err != nil {
		panic("protocol: a body that msgpack cannot encode: " + err.Error())
	}
	mend := walker{rest: buf.Bytes(), items: math.MaxInt, mend: true}
	if err := mend.value(nil, 0); err != nil {
		panic("protocol: a body that its own receiver would refuse: " + err.Error())
	}
	return buf.Bytes()
}

// Decode reads one body of at most items values into v, a pointer to a zero
// value, which afterwards shares no memory with b. All of b is held against
// v's type before the library sees it. The error is CodeMalformed.
func Decode(b []byte, v any, items int) error {
	switch body := v.(type) {
	case *Call:
		return body.read(b, items)
	case *Deliver:
		return body.read(b, items)
	case *AccountChunk:
		return body.read(b, items)
	}
	return decodeAny(b, v, items)
}

// decodeAny is Decode by the library, by reflection.
func decodeAny(b []byte, v any, items int) error {
	t := reflect.TypeOf(v).Elem()
	s := shapes()[t]
	if s == nil {
		s = shapeOf(t)
	}
	if err := walk(b, s, items); err != nil {
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

// DecodeRequest reads the meta of what a process sends: MaxItems values at most.
func DecodeRequest(meta []byte, v any) error { return Decode(meta, v, MaxItems) }

// DecodeAnswer reads the meta of what a broker sends: as many values as fit a
// frame, but no list of more than MaxChunk.
func DecodeAnswer(meta []byte, v any) error { return Decode(meta, v, MaxBody) }

// Validate walks b, which must be exactly one msgpack value of at most items
// values in all, without allocating: nesting within MaxDepth, no length beyond
// the bytes that remain, strings of UTF-8, strings as keys, no extension types
// and no reserved byte. The library believes a declared length and recurses
// without a bound; after Validate there is nothing left that it could be led to.
func Validate(b []byte, items int) error { return walk(b, nil, items) }

// Shape is what bodies of one type, that are no frame's, may look like. A field of a
// type that no frame has, a fraction say, may be any value.
type Shape struct{ read func() *shape }

// ShapeOf is a type's. To read one takes longer than to hold a body of some rows against
// it, so it is done once, for the first body.
func ShapeOf(t reflect.Type) Shape {
	return Shape{sync.OnceValue(func() *shape { return shapeOf(t) })}
}

// Fits holds b against the shape as Decode does: at most so many values, and
// elements in a list. It allocates nothing for what b declares.
func (s Shape) Fits(b []byte, items, list int) error {
	w := walker{rest: b, items: items, most: uint64(list)}
	if err := w.value(s.read(), 0); err != nil {
		return err
	}
	return w.end()
}

func walk(b []byte, s *shape, items int) error {
	w := walker{rest: b, items: items}
	if err := w.value(s, 0); err != nil {
		return err
	}
	return w.end()
}

// end refuses what stands behind the one value.
func (w *walker) end() error {
	if len(w.rest) != 0 {
		return Errorf(CodeMalformed, "%d bytes after the body", len(w.rest))
	}
	return nil
}
