package protocol

import (
	"math"
	"reflect"
	"strings"
	"sync"
)

// shape is what the msgpack of a Go type may look like. The library is less
// strict: it cuts 300 to 44 for a uint8, makes -1 the largest uint64, takes
// bytes for a string and an array for a map. A nil *shape is a value that this
// version does not know and skips.
type shape struct {
	class class
	min   int64  // numbers: the least
	max   uint64 // numbers: the greatest; classMap without names and lists: the most elements

	names  []string // a body: its keys, those of fields
	fields []*shape // a body, or an array that stands for a struct
	elem   *shape   // a list
}

// maxPairs bounds the labels of a request's body: above MaxLabels, so that a
// process with a few too many hears CodeBadLabel and keeps its session.
const maxPairs = 4 * MaxLabels

// shapes are those of all bodies, read by the first who decodes one: many commands end
// before that. Nobody writes to it.
var shapes = sync.OnceValue(func() map[reflect.Type]*shape {
	return shapesOf(
		Hello{}, Welcome{}, Join{}, Joined{}, Call{}, Deliver{}, Watch{},
		ViewChunk{}, AccountChunk{}, GoAway{}, ErrorText{}, Forget{}, Forgot{}, Publish{}, Published{}, State{}, Stated{}, Stats{},
		Offer{}, Bid{}, Bound{}, Will{}, LastWord{}, Drain{}, Draining{},
	)
})

// labelText is what a label's value looks like.
var labelText = &shape{class: classStr}

func shapesOf(bodies ...any) map[reflect.Type]*shape {
	all := make(map[reflect.Type]*shape, len(bodies))
	for _, body := range bodies {
		t := reflect.TypeOf(body)
		all[t] = shapeOf(t)
	}
	return all
}

// shapeOf reads a type; nil where it is one that no body has.
func shapeOf(t reflect.Type) *shape {
	switch t.Kind() {
	case reflect.Bool:
		return &shape{class: classBool}
	case reflect.String:
		return &shape{class: classStr}
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		return &shape{class: classUint, max: math.MaxUint64 >> (64 - t.Bits())}
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		return &shape{class: classUint, min: math.MinInt64 >> (64 - t.Bits()), max: math.MaxInt64 >> (64 - t.Bits())}
	case reflect.Map: // of labels
		return &shape{class: classMap, max: maxPairs}
	case reflect.Pointer:
		return shapeOf(t.Elem())
	case reflect.Slice:
		if t.Elem().Kind() == reflect.Uint8 {
			return &shape{class: classBin}
		}
		return &shape{class: classArray, max: MaxChunk, elem: shapeOf(t.Elem())}
	case reflect.Struct:
		return structShape(t)
	}
	return nil
}

// maxFields is how many fields a body may have.
const maxFields = 128

func structShape(t reflect.Type) *shape {
	if t.NumField() > maxFields {
		panic("protocol: a body with more than maxFields fields: " + t.String())
	}
	s := &shape{class: classMap}
	for i := range t.NumField() {
		f := t.Field(i)
		name, options, _ := strings.Cut(f.Tag.Get("msgpack"), ",")
		if f.Name == "_msgpack" && options == "as_array" {
			s.class = classArray
		}
		if !f.IsExported() {
			continue
		}
		field := shapeOf(f.Type)
		if s.class == classArray && field != nil && field.class == classMap {
			field.max = MaxLabels // a broker has checked a member's labels
		}
		s.names = append(s.names, name)
		s.fields = append(s.fields, field)
	}
	return s
}
