package protocol

import (
	"bytes"
	"fmt"
	"reflect"
	"strings"
	"testing"
)

// Each body's hostile meta, that is bytes that the library by itself would
// take, sometimes as something else.
func TestDecodeRefuses(t *testing.T) {
	entry := func(fields string) string { return "81 a7 656e7472696573 91 " + fields } // {entries: [...]}
	for _, test := range []struct{ name, body, meta, why string }{
		{"empty", "hello", "", `the body ends where a value should be`},
		{"nil for a body", "hello", "c0", `nil where a map should be`},
		{"array for a body", "hello", "94 01 01 a0 ce00010000", `an array where a map should be`},
		{"number for a body", "hello", "01", `a number where a map should be`},
		{"trailing byte", "hello", "80 c0", `1 bytes after the body`},
		{"300 in a uint8", "hello", "81 ab 6d696e5f76657273696f6e cd012c", `300 where 255 is the most`},
		{"-1 in a uint8", "hello", "81 ab 6d696e5f76657273696f6e ff", `-1 where 0 is the least`},
		{"-1 as int64 in a uint8", "hello", "81 ab 6d696e5f76657273696f6e d3ffffffffffffffff", `-1 where 0 is the least`},
		{"2^32 in a uint32", "hello", "81 a9 6d61785f6672616d65 cf0000000100000000", `4294967296 where 4294967295 is the most`},
		{"fraction in a uint32", "hello", "81 a9 6d61785f6672616d65 ca3f800000", `a fraction where a number should be`},
		{"NaN in a uint32", "hello", "81 a9 6d61785f6672616d65 cb7ff8000000000001", `a fraction where a number should be`},
		{"boolean in a uint32", "hello", "81 a9 6d61785f6672616d65 c3", `a boolean where a number should be`},
		{"2^31 in an int32", "deliver", "81 a3 706964 ce80000000", `2147483648 where 2147483647 is the most`},
		{"-2^31-1 in an int32", "deliver", "81 a3 706964 d3ffffffff7fffffff", `-2147483649 where -2147483648 is the least`},
		{"2^64-1 in an int32", "deliver", "81 a3 706964 cfffffffffffffffff", `18446744073709551615 where 2147483647 is the most`},
		{"-1 in a uint64", "joined", "81 a4 76696577 ff", `-1 where 0 is the least`},
		{"number in a boolean", "watch", "81 a4 6f6e6365 01", `a number where a boolean should be`},
		{"bytes in a string", "join", "81 a4 726f6f6d c40161", `bytes where a string should be`},
		{"array in a string", "join", "81 a4 726f6f6d 9161", `an array where a string should be`},
		{"no UTF-8 in a string", "join", "81 a4 726f6f6d a2c328", `a string that is not UTF-8`},
		{"no UTF-8 in a key", "join", "81 a2c328 00", `a string that is not UTF-8`},
		{"no UTF-8 in an unknown field", "join", "81 a178 a1ff", `a string that is not UTF-8`},
		{"key that is a number", "join", "81 01 a161", `a number where a key should be`},
		{"key that is nil", "join", "81 c0 a161", `nil where a key should be`},
		{"key that is bytes", "join", "81 c401 78 a161", `bytes where a key should be`},
		{"key that is an array", "join", "81 90 a161", `an array where a key should be`},
		{"number as a key in an unknown field", "join", "81 a178 81 01 01", `a number where a key should be`},
		{"field twice", "join", "82 a4 726f6f6d a161 a4 726f6f6d a162", `room comes twice`},
		{"label twice", "join", "81 a6 6c6162656c73 82 a161 a162 a161 a163", `label "a" comes twice`},
		{"label that is a number", "join", "81 a6 6c6162656c73 81 a161 07", `a number where a string should be`},
		{"label that is nested", "join", "81 a6 6c6162656c73 81 a161 81a161a162", `a map where a string should be`},
		{"more labels than anyone has", "join", "81 a6 6c6162656c73 de0041" + strings.Repeat("a0a0", 65), `65 labels where 64 are allowed`},
		{"reserved byte", "hello", "c1", `type byte 0xc1`},
		{"reserved byte in an unknown field", "hello", "81 a178 c1", `type byte 0xc1`},
		{"entry that is a map", "account", entry("80"), `a map where an array should be`},
		{"entry that is nil", "account", entry("c0"), `nil where an array should be`},
		{"entry that is a number", "account", entry("01"), `a number where an array should be`},
		{"entry's member negative", "account", entry("91 ff"), `-1 where 0 is the least`},
		{"entry's outcome over 255", "account", entry("95 01 a0 a0 00 cd0100"), `256 where 255 is the most`},
		{"entry's reply a string", "account", entry("98 01 a0 a0 00 01 00 a0 a161"), `a string where bytes should be`},
		{"entries that are a map", "account", "81 a7 656e7472696573 80", `a map where an array should be`},
		{"entries that are a string", "account", "81 a7 656e7472696573 a0", `a string where an array should be`},
		{"more entries than a chunk has", "account", "81 a7 656e7472696573 dc0201" + strings.Repeat("90", 513), `513 elements where 512 are allowed`},
		{"17 labels of a member", "view", "81 a6 6a6f696e6564 91 95 01 a161 a0 00 de0011" + manyLabels(17), `17 labels where 16 are allowed`},
		{"labels without the bytes for them", "join", "81 a6 6c6162656c73 de0003 a161a0", `3 pairs declared with 3 bytes left`},
		{"array without the bytes for it", "join", "81 a178 dc0003 c0c0", `3 values declared with 2 bytes left`},
		{"summary that is an array", "account", "81 a7 73756d6d617279 90", `an array where a map should be`},
	} {
		t.Run(test.body+": "+test.name, func(t *testing.T) {
			fresh, decode := decoder(test.body)
			err := decode(unhex(t, test.meta), fresh())
			wantCode(t, err, CodeMalformed)
			if err != nil && err.Error() != "malformed: "+test.why {
				t.Errorf("refused because of %v, want %s", err, test.why)
			}
		})
	}
}

// manyLabels is the hex of n pairs of a one-letter key and an empty value.
func manyLabels(n int) string {
	var b strings.Builder
	for i := range n {
		b.WriteString("a1" + string("0123456789abcdef"[4+i/16]) + string("0123456789abcdef"[i%16]) + "a0")
	}
	return b.String()
}

func TestDecodeAccepts(t *testing.T) {
	for _, test := range []struct {
		name, body, meta string
		want             any
	}{
		{"nothing", "hello", "80", &Hello{}},
		{"numbers wider than they need", "hello", "81 ab 6d696e5f76657273696f6e cf0000000000000001", &Hello{MinVersion: 1}},
		{"a positive number in a signed encoding", "hello", "81 a9 6d61785f6672616d65 d200001000", &Hello{MaxFrame: 4096}},
		{"the largest uint32", "hello", "81 a9 6d61785f6672616d65 ceffffffff", &Hello{MaxFrame: 1<<32 - 1}},
		{"the largest uint64", "joined", "81 a4 76696577 cfffffffffffffffff", &Joined{View: 1<<64 - 1}},
		{"the least int32", "deliver", "81 a3 706964 d280000000", &Deliver{PID: -1 << 31}},
		{"-1 in an int32", "deliver", "81 a3 706964 ff", &Deliver{PID: -1}},
		{"-100 in one byte", "deliver", "81 a3 706964 d09c", &Deliver{PID: -100}},
		{"nil for a field", "hello", "82 a9 6d61785f6672616d65 c0 a8 736f667477617265 c0", &Hello{}},
		{"a later version's fields", "joined", "83 a178 93c0cb3ff000000000000081a178c402ffff a179 a0 a4 76696577 05", &Joined{View: 5}},
		{
			"an entry of now", "account", "81 a7 656e7472696573 91 99 01 a161 a162 07 01 08 a0 c40163 c2",
			&AccountChunk{Entries: []Entry{{Member: 1, Name: "a", Host: "b", PID: 7, Outcome: OK, LatencyUS: 8, Reply: []byte("c")}}},
		},
		{
			"an entry of a later version", "account", "81 a7 656e7472696573 92 9b 01 a161 a162 07 01 08 a0 c40163 c3 81a17891c0 05 91 02",
			&AccountChunk{Entries: []Entry{
				{Member: 1, Name: "a", Host: "b", PID: 7, Outcome: OK, LatencyUS: 8, Reply: []byte("c"), More: true}, {Member: 2},
			}},
		},
		{
			"an entry of an earlier version", "account", "81 a7 656e7472696573 92 92 01 a161 90",
			&AccountChunk{Entries: []Entry{{Member: 1, Name: "a"}, {}}},
		},
		{
			"a member without labels", "view", "81 a6 6a6f696e6564 91 95 01 a161 a0 00 c0",
			&ViewChunk{Joined: []Member{{ID: 1, Name: "a"}}},
		},
		{
			"16 labels of a member", "view", "81 a6 6a6f696e6564 91 95 01 a161 a0 00 de0010" + manyLabels(16),
			&ViewChunk{Joined: []Member{{ID: 1, Name: "a", Labels: labelsOf(16)}}},
		},
		{
			"more labels than are allowed, for CheckLabels to say so", "join", "81 a6 6c6162656c73 de0011" + manyLabels(17),
			&Join{Labels: labelsOf(17)},
		},
		{
			"gone and absent, one short, one long", "view", "82 a4 676f6e65 91 93 01 a161 02 a6 616273656e74 91 97 02 a162 a163 04 05 a164 c0",
			&ViewChunk{
				Gone:   []Gone{{ID: 1, Name: "a", Reason: ReasonLost}},
				Absent: []Absent{{ID: 2, Name: "b", Host: "c", PID: 4, AgoMS: 5, Reason: "d"}},
			},
		},
	} {
		t.Run(test.body+": "+test.name, func(t *testing.T) {
			fresh, decode := decoder(test.body)
			got := fresh()
			wantCode(t, decode(unhex(t, test.meta), got), 0)
			if !reflect.DeepEqual(got, test.want) {
				t.Errorf("%+v, want %+v", got, test.want)
			}
		})
	}
}

func labelsOf(n int) map[string]string {
	labels := map[string]string{}
	for i := range n {
		labels[string(rune('@'+i))] = ""
	}
	return labels
}

// What has been decoded must outlive the bytes that it came from.
func TestDecodeCopies(t *testing.T) {
	meta := Encode(&AccountChunk{Entries: []Entry{{Name: "name", Reply: []byte("reply")}}})
	var got AccountChunk
	wantCode(t, DecodeAnswer(meta, &got), 0)
	clear(meta)
	if e := got.Entries[0]; e.Name != "name" || string(e.Reply) != "reply" {
		t.Errorf("after the buffer was cleared: %+v", e)
	}
}

// A member's own text must not make its caller refuse the account.
func TestEncodeMendsText(t *testing.T) {
	for text, want := range map[string]string{
		"plain":            "plain",
		"caf\xc3\xa9":      "café",
		"cut caf\xc3":      "cut caf?",
		"\xff\xfe\x00":     "??\x00",
		"\xed\xa0\x80 x":   "??? x",
		"\ufffd is a rune": "\ufffd is a rune",
		"\ufffd but \xff":  "\ufffd but ?",
	} {
		meta := Encode(&AccountChunk{Entries: []Entry{{Error: text, Reply: []byte("\xff")}}})
		var got AccountChunk
		wantCode(t, DecodeAnswer(meta, &got), 0)
		if e := got.Entries[0]; e.Error != want || string(e.Reply) != "\xff" {
			t.Errorf("%q came back as %q, want %q; reply %q", text, e.Error, want, e.Reply)
		}
	}
}

// One body has one encoding, whatever the order of a Go map is today.
func TestEncodeSortsLabels(t *testing.T) {
	want := append([]byte("\x83\xa4room\xa0\xa4name\xa0\xa6labels\xde\x00\x10"), unhex(t, manyLabels(16))...)
	for range 20 {
		if got := Encode(&Join{Labels: labelsOf(16)}); !bytes.Equal(got, want) {
			t.Fatalf("%x, want %x", got, want)
		}
	}
}

// A body of a type that is not in the table of shapes is held to its type all the same.
func TestDecodeOtherType(t *testing.T) {
	type other struct {
		N   uint8  `msgpack:"n"`
		Any []bool `msgpack:"any"`
	}
	var got other
	wantCode(t, Decode(unhex(t, "82 a16e cc07 a3616e79 92c3c2"), &got, 16), 0)
	if got.N != 7 || len(got.Any) != 2 || !got.Any[0] {
		t.Errorf("%+v", got)
	}
	wantCode(t, Decode(unhex(t, "81 a16e cd0100"), &got, 16), CodeMalformed)
}

// Fits is Decode's walk for bodies that are no frame's: lists may be as long as
// they are told, and a body of more than 64 fields knows which came twice.
func TestFits(t *testing.T) {
	view := Encode(map[string]any{"joined": make([]Member, MaxChunk+1)})
	shape := ShapeOf(reflect.TypeFor[ViewChunk]())
	wantCode(t, shape.Fits(view, len(view), MaxChunk+1), 0)
	wantCode(t, shape.Fits(view, len(view), MaxChunk), CodeMalformed)
	wantCode(t, shape.Fits(view, MaxChunk, MaxChunk+1), CodeMalformed)
	wantCode(t, shape.Fits(append(view, 0xc0), len(view), MaxChunk+1), CodeMalformed)
	var fields []reflect.StructField
	for i := range 100 {
		fields = append(fields, reflect.StructField{Name: fmt.Sprint("F", i), Type: reflect.TypeFor[uint8](), Tag: reflect.StructTag(fmt.Sprintf(`msgpack:"f%d"`, i))})
	}
	wide := ShapeOf(reflect.StructOf(fields))
	for _, i := range []int{0, 63, 64, 99} {
		key := append([]byte{0xa0 | byte(len(fmt.Sprint("f", i)))}, fmt.Sprint("f", i)...)
		once := append(append([]byte{0x81}, key...), 1)
		twice := append(append(append(append([]byte{0x82}, key...), 1), key...), 2)
		wantCode(t, wide.Fits(once, 100, 0), 0)
		wantCode(t, wide.Fits(twice, 100, 0), CodeMalformed)
	}
}
