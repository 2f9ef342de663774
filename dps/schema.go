package dps

import (
	"encoding/json"
	"io"
	"maps"
	"reflect"
	"slices"
	"strings"

	"ddcos/k2i"
	"ddcos/k2i/fleet"
	"ddcos/k2i/query"
)

// object is a piece of a JSON Schema.
type object = map[string]any

// WriteSchema writes what --json, --ndjson and --csv write, as a JSON Schema made
// of the same types and tables that they are written by.
func WriteSchema(w io.Writer) error {
	list := func(of string) object { return object{"type": "array", "items": object{"$ref": "#/$defs/" + of}} }
	process := schemaOf(reflect.TypeFor[jsonRow]())
	properties := propertiesOf(process)
	for _, f := range k2i.Fields() {
		one, ok := properties[f.Name].(object)
		if !ok {
			continue
		}
		one["description"] = f.Help
		if f.Unit != "" {
			one["description"] = f.Help + "; " + f.Unit
		}
	}
	record := func(kind, of string) object {
		return object{"type": "object", "required": []string{"record"}, "properties": object{"record": object{"const": kind}}, "allOf": []object{{"$ref": "#/$defs/" + of}}}
	}
	schema := object{
		"$schema": "https://json-schema.org/draft/2020-12/schema",
		"title":   "dps",
		"description": "What dps writes: --json one object like this; --ndjson a line for each record, as #/$defs/ndjson has it, rows or groups first, then hosts, then the end; " +
			"with --peers there are links instead of rows, and pairs instead of groups; " +
			"--csv a line of keywords, then the cells of the columns that were asked for, empty where something is not known, with an apostrophe before " +
			"a text that a spreadsheet would calculate. Bytes that are no UTF-8 are U+FFFD in JSON and question marks in CSV.",
		"type":     "object",
		"required": []string{"hosts", "partial", "exit"},
		"properties": object{
			"hosts": list("host"), "rows": list("row"), "groups": list("group"), "links": list("link"), "pairs": list("pair"),
			"by":      object{"type": "string", "description": "the name that groups have in common"},
			"brokers": object{"type": "array", "items": schemaOf(reflect.TypeFor[fleet.BrokerState]()), "description": "of several brokers, what became of each"},
			"partial": object{"type": "boolean", "description": "a host gave no answer, or is lost"},
			"exit":    object{"type": "integer", "description": "the exit status: 0 complete, 1 nothing selected, 3 partial"},
		},
		"$defs": object{
			"host": schemaOf(reflect.TypeFor[jsonHost]()), "row": process, "group": groupSchema(),
			"link": schemaOf(reflect.TypeFor[jsonLink]()), "pair": schemaOf(reflect.TypeFor[jsonPair]()),
			"ndjson": object{"oneOf": []object{record("row", "row"), record("group", "group"), record("link", "link"), record("pair", "pair"), record("host", "host"), schemaOf(reflect.TypeFor[endRecord]())}},
		},
	}
	text, err := json.MarshalIndent(schema, "", "  ")
	if err != nil {
		return err
	}
	_, err = w.Write(append(text, '\n'))
	return err
}

func groupSchema() object {
	group := schemaOf(reflect.TypeFor[query.Group]())
	properties := propertiesOf(group)
	for _, m := range query.Measures() {
		one, ok := properties[m.Field].(object)
		if !ok {
			continue
		}
		one["description"] = strings.TrimSuffix(m.Help+"; "+m.Unit, "; ")
	}
	return group
}

// schemaOf is what encoding/json makes of a type.
func schemaOf(t reflect.Type) object {
	switch t {
	case reflect.TypeFor[k2i.Count](), reflect.TypeFor[k2i.Inode]():
		return object{"type": []string{"integer", "null"}}
	case reflect.TypeFor[k2i.Bits]():
		return object{"type": "string", "pattern": "^[0-9a-f]{16}$"}
	case reflect.TypeFor[k2i.Rate]():
		return object{"type": []string{"number", "null"}}
	}
	switch t.Kind() {
	case reflect.Bool:
		return object{"type": "boolean"}
	case reflect.String:
		return object{"type": "string"}
	case reflect.Float32, reflect.Float64:
		return object{"type": "number"}
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64, reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		return object{"type": "integer"}
	case reflect.Pointer:
		return object{"anyOf": []object{schemaOf(t.Elem()), {"type": "null"}}}
	case reflect.Slice, reflect.Array:
		return object{"type": []string{"array", "null"}, "items": schemaOf(t.Elem())}
	case reflect.Map:
		return object{"type": []string{"object", "null"}, "additionalProperties": schemaOf(t.Elem())}
	case reflect.Struct:
		if !t.Implements(reflect.TypeFor[json.Marshaler]()) {
			return structSchema(t)
		}
	}
	return object{}
}

func structSchema(t reflect.Type) object {
	properties := object{}
	var required []string
	for i := range t.NumField() {
		f := t.Field(i)
		name, options, _ := strings.Cut(f.Tag.Get("json"), ",")
		switch {
		case f.Anonymous && name == "":
			of := f.Type
			if of.Kind() == reflect.Pointer {
				of = of.Elem()
			}
			inner := propertiesOf(structSchema(of))
			maps.Copy(properties, inner)
			required = slices.AppendSeq(required, maps.Keys(inner))
		case f.IsExported() && name != "-" && name != "":
			properties[name] = schemaOf(f.Type)
			if options != "omitempty" {
				required = append(required, name)
			}
		}
	}
	slices.Sort(required)
	return object{"type": "object", "properties": properties, "required": required}
}

// propertiesOf are those of an object's schema.
func propertiesOf(schema object) object {
	properties, _ := schema["properties"].(object)
	return properties
}
