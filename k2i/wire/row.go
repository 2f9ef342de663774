package wire

import (
	"encoding/json"
	"reflect"
	"strconv"

	"ddcos/k2i"
)

// columns are the places of fields in the table of fields, which are their
// places in a Process too. Rows are written by them in both encodings, so that
// no name stands anywhere but in the table.
type columns []column

type column struct {
	place int
	name  string // as it is in the table
	key   []byte // the name as JSON, with the colon
}

// fields is the table of fields, which nobody writes to.
var fields = k2i.Fields()

// columnsOf are the fields that words ask for, in the table's order; see k2i.Field.In.
func columnsOf(words []string) columns {
	var list columns
	for i, f := range fields {
		if f.In(words) {
			list = append(list, column{place: i, name: f.Name, key: []byte(`"` + f.Name + `":`)})
		}
	}
	return list
}

// appendJSON writes a row as encoding/json would, leaving out what is no column.
func (list columns) appendJSON(b []byte, p *k2i.Process) ([]byte, error) {
	row := reflect.ValueOf(p).Elem()
	b = append(b, '{')
	for i, c := range list {
		if i > 0 {
			b = append(b, ',')
		}
		var err error
		if b, err = appendValue(append(b, c.key...), row.Field(c.place)); err != nil {
			return b, err
		}
	}
	return append(b, '}'), nil
}

// appendValue writes one value. What a process mostly has is written by hand,
// the rest is encoding/json's.
func appendValue(b []byte, v reflect.Value) ([]byte, error) {
	switch v.Kind() {
	case reflect.Int64:
		if n := v.Int(); v.Type() != reflect.TypeFor[k2i.Count]() || n >= 0 {
			return strconv.AppendInt(b, n, 10), nil
		}
		return append(b, "null"...), nil
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32:
		return strconv.AppendInt(b, v.Int(), 10), nil
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		if v.Type() == reflect.TypeFor[k2i.Inode]() && v.Uint() == 0 {
			return append(b, "null"...), nil
		}
		return strconv.AppendUint(b, v.Uint(), 10), nil
	case reflect.Float64:
		if f := v.Float(); v.Type() == reflect.TypeFor[k2i.Rate]() && f == f { // a number
			return strconv.AppendFloat(b, f, 'g', -1, 64), nil
		}
	case reflect.Slice:
		if list, ok := v.Addr().Interface().(*[]string); ok && *list != nil {
			return appendTexts(b, *list)
		}
	case reflect.Bool:
		return strconv.AppendBool(b, v.Bool()), nil
	case reflect.String:
		return appendText(b, v.String())
	}
	text, err := json.Marshal(v.Interface())
	return append(b, text...), err
}

func appendTexts(b []byte, list []string) ([]byte, error) {
	b = append(b, '[')
	for i, s := range list {
		if i > 0 {
			b = append(b, ',')
		}
		var err error
		if b, err = appendText(b, s); err != nil {
			return b, err
		}
	}
	return append(b, ']'), nil
}

// appendText writes a string; encoding/json escapes what is not plain.
func appendText(b []byte, s string) ([]byte, error) {
	for i := range len(s) {
		if c := s[i]; c < ' ' || c > '~' || c == '"' || c == '\\' || c == '<' || c == '>' || c == '&' {
			text, err := json.Marshal(s)
			return append(b, text...), err
		}
	}
	return append(append(append(b, '"'), s...), '"'), nil
}
