package wire

import (
	"math"
	"reflect"
	"strings"
	"testing"

	"ddcos/k2i/query"
	"ddcos/protocol"
)

// A number that its field cannot hold is refused, in every field of an answer
// and of a request, and never cut to what fits: the library would.
func TestNoNumberIsCut(t *testing.T) {
	fields := 0
	var check func(of reflect.Type, nest func(any) any, decode func([]byte) error)
	check = func(of reflect.Type, nest func(any) any, decode func([]byte) error) {
		switch of.Kind() {
		case reflect.Struct:
			for i := range of.NumField() {
				name, _, _ := strings.Cut(of.Field(i).Tag.Get("msgpack"), ",")
				check(of.Field(i).Type, func(v any) any { return nest(map[string]any{name: v}) }, decode)
			}
		case reflect.Slice:
			check(of.Elem(), func(v any) any { return nest([]any{v}) }, decode)
		default:
			for _, beyond := range unfit(of) {
				fields++
				b := protocol.Encode(nest(beyond))
				if err := decode(b); err == nil || !strings.Contains(err.Error(), " is the ") {
					t.Errorf("% x: %v", b, err)
				}
			}
		}
	}
	whole := func(v any) any { return v }
	check(reflect.TypeFor[Answer](), whole, func(b []byte) error { _, err := DecodeAnswer(b, query.Query{}); return err })
	check(reflect.TypeFor[Request](), whole, func(b []byte) error { _, err := DecodeRequest(b); return err })
	if fields < 80 {
		t.Errorf("%d numbers were tried", fields)
	}
}

// unfit are the numbers next to those that a type holds.
func unfit(t reflect.Type) []any {
	switch t.Kind() {
	case reflect.Int, reflect.Int64:
		return []any{uint64(math.MaxInt64) + 1}
	case reflect.Int8, reflect.Int16, reflect.Int32:
		most := int64(math.MaxInt64) >> (64 - t.Bits())
		return []any{most + 1, -most - 2}
	case reflect.Uint, reflect.Uint64:
		return []any{int64(-1)}
	case reflect.Uint8, reflect.Uint16, reflect.Uint32:
		return []any{int64(-1), uint64(math.MaxUint64)>>(64-t.Bits()) + 1}
	}
	return nil
}
