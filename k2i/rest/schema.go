package rest

import (
	"math"
	"reflect"
	"strings"

	"ddcos/k2i"
)

// schemas are those of the bodies' types, by the type's name.
type schemas struct {
	all   node
	types map[string]reflect.Type
}

// of is the schema of a body, told once and referred to; nil can be any object.
// What a field can hold that may hold anything, it holds in body.
func (s *schemas) of(body any) node {
	if body == nil {
		return node{"type": "object"}
	}
	return s.named(reflect.TypeOf(body), reflect.ValueOf(body))
}

// ownJSON are the types that write their JSON themselves.
func ownJSON(t reflect.Type) node {
	switch t {
	case reflect.TypeFor[k2i.Count]():
		return node{"type": []string{"integer", "null"}, "minimum": 0}
	case reflect.TypeFor[k2i.Inode]():
		return node{"type": []string{"integer", "null"}, "minimum": 1, "maximum": uint64(math.MaxUint32)}
	case reflect.TypeFor[*k2i.Bits]():
		return node{"type": []string{"string", "null"}, "pattern": "^[0-9a-f]{16}$"}
	case reflect.TypeFor[k2i.Rate]():
		return node{"type": []string{"number", "null"}, "minimum": 0}
	}
	return nil
}

func (s *schemas) typ(t reflect.Type) node {
	if own := ownJSON(t); own != nil {
		return own
	}
	switch t.Kind() {
	case reflect.Pointer:
		return s.typ(t.Elem())
	case reflect.Bool:
		return node{"type": "boolean"}
	case reflect.String:
		return node{"type": "string"}
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		return node{"type": "integer"}
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		return node{"type": "integer", "minimum": 0}
	case reflect.Float32, reflect.Float64:
		return node{"type": "number"}
	case reflect.Slice:
		return node{"type": []string{"array", "null"}, "items": s.typ(t.Elem())}
	case reflect.Array:
		return node{"type": "array", "items": s.typ(t.Elem()), "minItems": t.Len(), "maxItems": t.Len()}
	case reflect.Map:
		return node{"type": []string{"object", "null"}, "additionalProperties": s.typ(t.Elem())}
	case reflect.Struct:
		return s.named(t, reflect.Value{})
	}
	return node{} // anything
}

// named tells a struct once, by its name with a capital.
func (s *schemas) named(t reflect.Type, v reflect.Value) node {
	name := strings.ToUpper(t.Name()[:1]) + t.Name()[1:]
	ref := node{"$ref": "#/components/schemas/" + name}
	switch s.types[name] {
	case t:
		return ref
	case nil:
	default:
		panic("rest: two types of bodies are called " + name)
	}
	schema := node{}
	s.all[name], s.types[name] = schema, t // before its fields, which may refer to it
	properties, required := node{}, []string{}
	s.fields(t, v, properties, &required)
	schema["type"], schema["properties"] = "object", properties
	if t == reflect.TypeFor[k2i.Process]() {
		describe(properties)
	} else {
		schema["required"] = required
	}
	return ref
}

// fields are those of a struct, and of what is embedded in it.
func (s *schemas) fields(t reflect.Type, v reflect.Value, properties node, required *[]string) {
	for i := range t.NumField() {
		f := t.Field(i)
		if f.Anonymous {
			s.fields(f.Type, reflect.Value{}, properties, required)
			continue
		}
		name, option, _ := strings.Cut(f.Tag.Get("json"), ",")
		if name == "-" || !f.IsExported() {
			continue
		}
		typ := f.Type
		if typ.Kind() == reflect.Interface && v.IsValid() && !v.Field(i).IsNil() {
			typ = v.Field(i).Elem().Type()
		}
		properties[name] = s.typ(typ)
		if option == "" {
			*required = append(*required, name)
		}
	}
}

// describe adds what the table of fields says. None is required: a row has those
// that were asked for.
func describe(properties node) {
	for _, f := range k2i.Fields() {
		if property, ok := properties[f.Name].(node); ok {
			text := f.Help
			if f.Unit != "" {
				text += ", in " + f.Unit
			}
			text += " (" + f.Source + ")"
			if f.Group != "" {
				text += "; asked for by its name, or by " + f.Group
			}
			property["description"] = text
		}
	}
}
