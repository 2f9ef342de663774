package wire

import (
	"encoding/binary"
	"math"
	"reflect"
	"slices"

	"ddcos/k2i"
	"ddcos/protocol"
)

// appendRows writes rows as msgpack: what protocol.Encode makes of processes,
// but for the fields that are no column. The library, by reflection, takes
// several times as long.
func (list columns) appendRows(b []byte, rows []*k2i.Process) []byte {
	if len(rows) > math.MaxUint16 {
		b = binary.BigEndian.AppendUint32(append(b, 0xdd), uint32(len(rows)))
	} else {
		b = protocol.AppendArray(b, len(rows))
	}
	began := len(b)
	for i, p := range rows {
		if i == 1 { // the others are about as long
			b = slices.Grow(b, (len(b)-began)*len(rows))
		}
		row := reflect.ValueOf(p).Elem()
		b = protocol.AppendMap(b, len(list))
		for _, c := range list {
			b = packValue(protocol.AppendText(b, c.name), row.Field(c.place))
		}
	}
	return b
}

// packValue writes one value: an unread count as -1, an unknown rate as NaN.
func packValue(b []byte, v reflect.Value) []byte {
	switch v.Kind() {
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		if n := v.Int(); n >= 0 {
			return protocol.AppendUint(b, uint64(n))
		} else if n >= -32 {
			return append(b, byte(n))
		}
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		return protocol.AppendUint(b, v.Uint())
	case reflect.Float64:
		return binary.BigEndian.AppendUint64(append(b, 0xcb), math.Float64bits(v.Float()))
	case reflect.Bool:
		return protocol.AppendBool(b, v.Bool())
	case reflect.String:
		return protocol.AppendText(b, v.String())
	case reflect.Slice:
		if texts, ok := v.Addr().Interface().(*[]string); ok && *texts != nil && len(*texts) <= math.MaxUint16 {
			b = protocol.AppendArray(b, len(*texts))
			for _, s := range *texts {
				b = protocol.AppendText(b, s)
			}
			return b
		}
	}
	return append(b, protocol.Encode(v.Interface())...)
}
