package protocol

import (
	"encoding/hex"
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
)

// vector is the JSON above a vector's hex in SPEC.md. Fields that are zero are
// left out. Meta has the msgpack's own shape; bytes stand as {"hex": "..."}.
type vector struct {
	Kind     string   `json:"kind"`
	Flags    []string `json:"flags,omitempty"`
	Outcome  string   `json:"outcome,omitempty"`
	Sequence uint64   `json:"sequence,omitempty"`
	Member   string   `json:"member,omitempty"`
	Room     uint32   `json:"room,omitempty"`
	Budget   uint32   `json:"budget,omitempty"`
	Code     string   `json:"code,omitempty"`
	Meta     any      `json:"meta,omitempty"`
	Payload  string   `json:"payload,omitempty"`
}

// vectorOf is what a frame says, its meta decoded as its kind's body.
func vectorOf(f Frame) (vector, error) {
	v := vector{Kind: f.Kind.String(), Sequence: f.Sequence, Room: f.Room, Budget: f.Budget, Payload: string(f.Payload)}
	if f.Flags&FlagMore != 0 {
		v.Flags = append(v.Flags, "more")
	}
	if f.Flags&FlagIgnorable != 0 {
		v.Flags = append(v.Flags, "ignorable")
	}
	if f.Flags&FlagNoReply != 0 {
		v.Flags = append(v.Flags, "no_reply")
	}
	if f.Outcome != 0 {
		v.Outcome = f.Outcome.String()
	}
	if f.Member != 0 {
		v.Member = f.Member.String()
	}
	if f.Code != 0 {
		v.Code = f.Code.String()
	}
	fresh, decode := decoder(v.Kind)
	body := fresh()
	if body == nil {
		return v, nil
	}
	if err := decode(f.Meta, body); err != nil {
		return v, err
	}
	v.Meta = toJSON(reflect.ValueOf(body).Elem())
	return v, nil
}

// frame is the other way.
func (v vector) frame() ([]byte, error) {
	h := Header{Sequence: v.Sequence, Room: v.Room, Budget: v.Budget}
	h.Kind = Kind(numberOf(kindNames[:], v.Kind))
	h.Outcome = Outcome(numberOf(outcomeNames[:], v.Outcome))
	h.Code = Code(numberOf(codeNames[:], v.Code))
	for _, name := range v.Flags {
		h.Flags |= map[string]Flags{"more": FlagMore, "ignorable": FlagIgnorable, "no_reply": FlagNoReply}[name]
	}
	if v.Member != "" {
		id, err := ParseMemberID(v.Member)
		if err != nil {
			return nil, err
		}
		h.Member = id
	}
	var meta []byte
	if fresh, _ := decoder(v.Kind); fresh() != nil {
		body := reflect.ValueOf(fresh()).Elem()
		if err := fromJSON(body, v.Meta); err != nil {
			return nil, err
		}
		meta = Encode(body.Addr().Interface())
	}
	return AppendFrame(nil, h, meta, []byte(v.Payload))
}

func numberOf(names []string, name string) int {
	for i, n := range names {
		if n == name {
			return i
		}
	}
	return 0
}

// eachField calls yield for the exported fields of a body with their names on
// the wire; asArray tells that they travel as an array.
func eachField(v reflect.Value, yield func(name string, omitEmpty bool, f reflect.Value)) (asArray bool) {
	for i := range v.NumField() {
		f := v.Type().Field(i)
		name, options, _ := strings.Cut(f.Tag.Get("msgpack"), ",")
		asArray = asArray || options == "as_array"
		if f.IsExported() {
			yield(name, options == "omitempty", v.Field(i))
		}
	}
	return asArray
}

func toJSON(v reflect.Value) any {
	switch {
	case v.Kind() == reflect.Pointer && v.IsNil():
		return nil
	case v.Kind() == reflect.Pointer:
		return toJSON(v.Elem())
	case v.Kind() == reflect.Struct:
		fields, list := map[string]any{}, []any{}
		asArray := eachField(v, func(name string, omitEmpty bool, f reflect.Value) {
			list = append(list, toJSON(f))
			if x := toJSON(f); !omitEmpty || x != nil && !f.IsZero() {
				fields[name] = x
			}
		})
		if asArray {
			return list
		}
		return fields
	case (v.Kind() == reflect.Slice || v.Kind() == reflect.Map) && v.Len() == 0:
		return nil // an empty one and none are the same
	case v.Type() == reflect.TypeFor[[]byte]():
		return map[string]any{"hex": hex.EncodeToString(v.Bytes())}
	case v.Kind() == reflect.Slice:
		list := make([]any, v.Len())
		for i := range list {
			list[i] = toJSON(v.Index(i))
		}
		return list
	case v.Type() == reflect.TypeFor[MemberID]():
		return MemberID(v.Uint()).String()
	case v.CanUint(): // without its String method
		return json.Number(fmt.Sprint(v.Uint()))
	}
	return v.Interface()
}

func fromJSON(v reflect.Value, x any) error {
	switch x := x.(type) {
	case nil:
		return nil
	case string:
		if v.Type() == reflect.TypeFor[MemberID]() {
			id, err := ParseMemberID(x)
			v.SetUint(uint64(id))
			return err
		}
	case map[string]any:
		switch v.Kind() {
		case reflect.Pointer:
			v.Set(reflect.New(v.Type().Elem()))
			return fromJSON(v.Elem(), x)
		case reflect.Slice:
			b, err := hex.DecodeString(fmt.Sprint(x["hex"]))
			v.SetBytes(b)
			return err
		case reflect.Map:
			labels := map[string]string{}
			for key, value := range x {
				labels[key] = fmt.Sprint(value)
			}
			v.Set(reflect.ValueOf(labels))
			return nil
		}
		var failed error
		eachField(v, func(name string, _ bool, f reflect.Value) {
			if err := fromJSON(f, x[name]); err != nil {
				failed = fmt.Errorf("%s: %w", name, err)
			}
		})
		return failed
	case []any:
		return listFromJSON(v, x)
	}
	b, err := json.Marshal(x)
	if err != nil {
		return err
	}
	return json.Unmarshal(b, v.Addr().Interface())
}

// listFromJSON fills a list, or the fields of a struct in their order.
func listFromJSON(v reflect.Value, list []any) error {
	var into []reflect.Value
	if v.Kind() == reflect.Slice {
		v.Set(reflect.MakeSlice(v.Type(), len(list), len(list)))
		for i := range list {
			into = append(into, v.Index(i))
		}
	} else {
		eachField(v, func(_ string, _ bool, f reflect.Value) { into = append(into, f) })
	}
	if len(into) != len(list) {
		return fmt.Errorf("%d values for %d fields", len(list), len(into))
	}
	for i := range list {
		if err := fromJSON(into[i], list[i]); err != nil {
			return err
		}
	}
	return nil
}
