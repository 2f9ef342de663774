package protocol

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
)

// bounded fails where decoding meta allocates more than 4 times what it
// brought and 64 KiB.
func bounded(t *testing.T, what string, meta []byte, fresh func() any, decode func([]byte, any) error) {
	t.Helper()
	if got, most := allocated(func() { _ = decode(meta, fresh()) }), uint64(4*len(meta)+64<<10); got > most {
		t.Errorf("%s: %d bytes allocated for %d; %d are allowed", what, got, len(meta), most)
	}
}

// W2: the few bytes that declare a great deal, as the body, in each of its
// fields, in a field that is unknown, and where a key should be.
func TestBombs(t *testing.T) {
	bombs := []string{
		"dd 00ffffff", "dd ffffffff", "dc ffff", // arrays
		"df 00ffffff", "df 7fffffff", "df 80000000", "df ffffffff", "de ffff", // maps
		"c6 00ffffff", "c6 ffffffff", "c5 ffff", "c4 ff", // bytes
		"db 00ffffff", "db ffffffff", "da ffff", "d9 ff", "bf", // strings
		"c9 00ffffff 01", "c9 ffffffff 01", "c8 ffff 01", "c7 ff 01", // extensions
	}
	for _, name := range bodyNames() {
		fresh, decode := decoder(name)
		for _, bomb := range bombs {
			b := unhex(t, bomb)
			for where, meta := range places(fresh(), b) {
				what := fmt.Sprintf("%s, % x as %s", name, b, where)
				wantCode(t, decode(meta, fresh()), CodeMalformed)
				bounded(t, what, meta, fresh, decode)
				if t.Failed() {
					t.Fatal(what)
				}
			}
		}
	}
}

// places puts a value into every place of a body.
func places(body any, value []byte) map[string][]byte {
	t := shapes()[typeOf(body)]
	all := map[string][]byte{
		"the body":         value,
		"a key":            append([]byte{0x81}, value...),
		"an unknown field": append([]byte{0x81, 0xa1, 'x'}, value...),
	}
	for i, name := range t.names {
		head := append([]byte{0x81, 0xa0 | byte(len(name))}, name...)
		all[name] = append(bytes.Clone(head), value...)
		if t.fields[i].elem == nil {
			continue
		}
		elem := t.fields[i].elem
		all[name+"'s element"] = append(append(bytes.Clone(head), 0x91), value...)
		for n := range len(elem.fields) + 1 { // the last is unknown
			array := append(append(bytes.Clone(head), 0x91, 0x90|byte(n+1)), bytes.Repeat([]byte{0xc0}, n)...)
			all[fmt.Sprintf("%s' element %d", name, n)] = append(array, value...)
		}
	}
	return all
}

// W3: nests of every depth are an error, never a stack that overflows.
func TestNests(t *testing.T) {
	shells := map[string]struct{ open, core string }{
		"arrays":        {"\x91", "\xc0"},
		"maps":          {"\x81\xa0", "\xc0"},
		"keys of maps":  {"\x81", "\xa0"},
		"long arrays":   {"\xdd\x00\x00\x00\x01", "\xc0"},
		"arrays, empty": {"\x91", ""},
	}
	for name, shell := range shells {
		for _, depth := range []int{33, 34, 1000, 100_000, 5_000_000} {
			nest := []byte(strings.Repeat(shell.open, depth) + shell.core)
			wantCode(t, Validate(nest, len(nest)), CodeMalformed)
			for _, body := range bodyNames() {
				fresh, decode := decoder(body)
				for where, meta := range places(fresh(), nest) {
					if err := decode(meta, fresh()); err == nil {
						t.Errorf("%d %s as %s of %s: accepted", depth, name, where, body)
					}
				}
				if depth > 1000 {
					break // one body shows it; the bytes add up
				}
			}
		}
	}
}

func TestDepthBound(t *testing.T) {
	for depth, want := range map[int]Code{1: 0, MaxDepth: 0, MaxDepth + 1: CodeMalformed} {
		nest := []byte(strings.Repeat("\x91", depth-1) + "\xc0")
		wantCode(t, Validate(nest, MaxItems), want)
		// In a body's unknown field a nest has one level less.
		var got Joined
		wantCode(t, DecodeAnswer(append([]byte("\x81\xa1x"), nest[min(1, depth-1):]...), &got), want)
	}
}

func TestItemsBound(t *testing.T) {
	request := func(values int) []byte { // {"x": [nil ...]}: map, key and array are values too
		n := values - 3
		return append([]byte{0x81, 0xa1, 'x', 0xdc, byte(n >> 8), byte(n)}, bytes.Repeat([]byte{0xc0}, n)...)
	}
	wantCode(t, DecodeRequest(request(MaxItems), new(Call)), 0)
	wantCode(t, DecodeRequest(request(MaxItems+1), new(Call)), CodeMalformed)
	wantCode(t, DecodeAnswer(request(MaxBody-6), new(AccountChunk)), 0)
}

// W4: every type byte stands for a value of one size, or for none.
func TestTypeBytes(t *testing.T) {
	sizes := map[int]int{ // with lengths of zero
		0xc0: 1, 0xc2: 1, 0xc3: 1, 0xc4: 2, 0xc5: 3, 0xc6: 5, 0xca: 5, 0xcb: 9,
		0xcc: 2, 0xcd: 3, 0xce: 5, 0xcf: 9, 0xd0: 2, 0xd1: 3, 0xd2: 5, 0xd3: 9,
		0xd9: 2, 0xda: 3, 0xdb: 5, 0xdc: 3, 0xdd: 5, 0xde: 3, 0xdf: 5,
	}
	for c := range 256 {
		size, fill := sizes[c], "\x00"
		switch {
		case c <= 0x7f || c >= 0xe0:
			size = 1
		case c <= 0x8f:
			size, fill = 1+2*(c&0x0f), "\xa0\x00" // a key and its value
		case c <= 0x9f:
			size = 1 + c&0x0f
		case c <= 0xbf:
			size = 1 + c&0x1f
		}
		b := append([]byte{byte(c)}, strings.Repeat(fill, 40)...)
		for n := range b {
			want := CodeMalformed
			if n == size && size > 0 {
				want = 0
			}
			if err := Validate(b[:n], 64); (err == nil) != (want == 0) {
				t.Errorf("0x%02x with %d bytes: %v", c, n, err)
			}
		}
	}
	for _, fixext := range []string{"d4 01 00", "d5 01 0000", "d6 01 00000000", "d7 ff 0000000000000000", "d8 01" + strings.Repeat("00", 16)} {
		b := unhex(t, fixext)
		for n := range len(b) + 1 {
			wantCode(t, Validate(b[:n], 64), CodeMalformed)
		}
	}
}

// Amplification: the worst that is accepted. What makes little bytes large is
// a list's element and a member's labels.
func TestAmplification(t *testing.T) {
	list := func(name, element string) string {
		return string([]byte{0xa0 | byte(len(name))}) + name + "\xdc\x02\x00" + strings.Repeat(element, MaxChunk)
	}
	pairs := func(n int) (s string) {
		for i := range n {
			s += "\xa1" + string(rune('A'+i)) + "\xa0"
		}
		return s
	}
	for _, test := range []struct {
		name, body, meta string
		most             int // bytes beyond 4 times the input
	}{
		{"a request's labels", "join", "\x81\xa6labels\xde\x00\x28" + pairs(40), 64 << 10},
		{"a request's items", "call", "\x81\xa1x\xdc\x01\xfc" + strings.Repeat("\xc0", 508), 8 << 10}, // a decoder, where the pool has none
		{"empty entries", "account", "\x82" + list("entries", "\x90") + list("absent", "\x90"), 320 << 10},
		{"empty members", "view", "\x83" + list("joined", "\x90") + list("gone", "\x90") + list("absent", "\x90"), 384 << 10},
		{"members with a label each", "view", "\x81" + list("joined", "\x95\xc0\xc0\xc0\xc0\x81\xa0\xa0"), 384 << 10},
		{"members with all labels", "view", "\x81" + list("joined", "\x95\xc0\xc0\xc0\xc0\xde\x00\x10"+pairs(16)), 768 << 10},
		{"nils in an unknown field", "account", "\x81\xa1x\xdc\xff\x00" + strings.Repeat("\xc0", 0xff00), 64 << 10},
	} {
		fresh, decode := decoder(test.body)
		meta := []byte(test.meta)
		if len(meta) > MaxBody {
			t.Fatalf("%s: %d bytes fit no frame", test.name, len(meta))
		}
		wantCode(t, decode(meta, fresh()), 0)
		got := int(allocated(func() { _ = decode(meta, fresh()) }))
		t.Logf("%s: %d bytes in, %d allocated", test.name, len(meta), got)
		if got > 4*len(meta)+test.most {
			t.Errorf("%s: %d bytes allocated for %d", test.name, got, len(meta))
		}
	}
}
