package protocol

import "encoding/binary"

// class is what a msgpack value is, whichever of its encodings was chosen.
type class uint8

const (
	classNil class = iota
	classBool
	classUint  // n is the number
	classInt   // n is the negative number's two's complement
	classFloat // 4 or 8 bytes that nobody here wants
	classStr   // n bytes follow
	classBin   // n bytes follow
	classArray // n values follow
	classMap   // n pairs of values follow
)

var classNames = [...]string{"nil", "a boolean", "a number", "a negative number", "a fraction", "a string", "bytes", "an array", "a map"}

// head reads the type byte of the next value and the number or length behind it.
func (w *walker) head() (class, uint64, error) {
	if len(w.rest) == 0 {
		return 0, 0, Errorf(CodeMalformed, "the body ends where a value should be")
	}
	c := w.rest[0]
	w.rest = w.rest[1:]
	switch {
	case c <= 0x7f:
		return classUint, uint64(c), nil
	case c <= 0x8f:
		return classMap, uint64(c & 0x0f), nil
	case c <= 0x9f:
		return classArray, uint64(c & 0x0f), nil
	case c <= 0xbf:
		return classStr, uint64(c & 0x1f), nil
	case c >= 0xe0:
		return classInt, uint64(int8(c)), nil
	}
	return w.wide(c)
}

// wide reads on behind a type byte of 0xc0 to 0xdf.
func (w *walker) wide(c byte) (class, uint64, error) {
	switch c {
	case 0xc0:
		return classNil, 0, nil
	case 0xc2, 0xc3:
		return classBool, 0, nil
	case 0xc4, 0xc5, 0xc6: // bin8, bin16, bin32
		return w.number(classBin, 1<<(c-0xc4))
	case 0xca, 0xcb: // float32, float64
		return w.number(classFloat, 4<<(c-0xca))
	case 0xcc, 0xcd, 0xce, 0xcf: // uint8 to uint64
		return w.number(classUint, 1<<(c-0xcc))
	case 0xd0, 0xd1, 0xd2, 0xd3: // int8 to int64
		return w.signed(1 << (c - 0xd0))
	case 0xd9, 0xda, 0xdb: // str8, str16, str32
		return w.number(classStr, 1<<(c-0xd9))
	case 0xdc, 0xdd: // array16, array32
		return w.number(classArray, 2<<(c-0xdc))
	case 0xde, 0xdf: // map16, map32
		return w.number(classMap, 2<<(c-0xde))
	}
	return 0, 0, Errorf(CodeMalformed, "type byte 0x%02x", c) // 0xc1 and the extensions
}

// number reads width bytes, big endian.
func (w *walker) number(c class, width int) (class, uint64, error) {
	if len(w.rest) < width {
		return 0, 0, Errorf(CodeMalformed, "the body ends within a number")
	}
	var n uint64
	switch b := w.rest; width {
	case 1:
		n = uint64(b[0])
	case 2:
		n = uint64(binary.BigEndian.Uint16(b))
	case 4:
		n = uint64(binary.BigEndian.Uint32(b))
	default:
		n = binary.BigEndian.Uint64(b)
	}
	w.rest = w.rest[width:]
	return c, n, nil
}

// signed reads width bytes of two's complement.
func (w *walker) signed(width int) (class, uint64, error) {
	_, n, err := w.number(classInt, width)
	unused := 64 - 8*width
	if extended := int64(n<<unused) >> unused; extended < 0 {
		return classInt, uint64(extended), err
	}
	return classUint, n, err
}
