package broker

import (
	"bytes"
	"fmt"
	"reflect"
	"strings"

	"ddcos/protocol"
)

// attackByLengths declares every length that is at a limit or far beyond it,
// before the welcome and after it. A length that is refused is refused by the
// header alone.
func attackByLengths(a *attacker) {
	for range max(1, a.Scale) {
		for _, first := range []bool{true, false} {
			limit := protocol.MaxFrame
			if first {
				limit = protocol.MaxFirst
			}
			most := uint32(limit - protocol.HeaderSize)
			for _, n := range []uint32{0, 1, most - 1, most, most + 1, 1<<31 - 1, 1<<32 - 1} {
				a.declare(first, n, n <= most)
			}
		}
	}
}

// declare sends one header, and what it declares where that is allowed.
func (a *attacker) declare(first bool, n uint32, allowed bool) {
	f := a.open("unix", !first)
	if f == nil {
		return
	}
	h := protocol.Header{Version: protocol.Version, Kind: protocol.KindPing, Length: n}
	want := protocol.CodeFrameTooLarge.String()
	if first {
		h.Kind = protocol.KindHello
	}
	b := protocol.AppendHeader(nil, h)
	if allowed {
		b = append(b, make([]byte, n)...)
		want = protocol.CodeMalformed.String() // a hello without a body
	}
	f.put(b)
	got := "lives"
	if allowed && !first {
		want = "lives"
		if pong, err := f.read(); err != nil || pong.Kind != protocol.KindPong {
			want = "a pong"
		}

		f.note(got)
	} else {
		got = f.end()
	}
	if got != want {
		a.wrong("a length of %d, first %v: %s, want %s", n, first, got, want)
	}
}

// requestBodies are what the metas of a process's frames hold, by their kind.
// attackByBodies finds out when one is missing here.
func requestBodies() map[protocol.Kind]any {
	return map[protocol.Kind]any{
		protocol.KindHello: protocol.Hello{}, protocol.KindJoin: protocol.Join{}, protocol.KindCall: protocol.Call{},
		protocol.KindWatch: protocol.Watch{}, protocol.KindForget: protocol.Forget{}, protocol.KindPublish: protocol.Publish{},
		protocol.KindState: protocol.State{}, protocol.KindOffer: protocol.Offer{}, protocol.KindBid: protocol.Bid{},
		protocol.KindWill:  protocol.Will{},
		protocol.KindDrain: protocol.Drain{},
	}
}

// hostile are msgpack values that no field may have: those that declare what is
// not there, those that nest, and those that are none. maxBytes is what a frame
// has room for.
func hostile(maxBytes int) map[string][]byte {
	all := map[string][]byte{}
	for _, s := range []string{
		"\xdd\x00\xff\xff\xff", "\xdd\xff\xff\xff\xff", "\xdc\xff\xff", // arrays
		"\xdf\x00\xff\xff\xff", "\xdf\x80\x00\x00\x00", "\xdf\xff\xff\xff\xff", "\xde\xff\xff", // maps
		"\xc6\x00\xff\xff\xff", "\xc6\xff\xff\xff\xff", "\xc5\xff\xff", "\xc4\xff", // bytes
		"\xdb\x00\xff\xff\xff", "\xdb\xff\xff\xff\xff", "\xda\xff\xff", "\xd9\xff", "\xbf", // strings
		"\xc9\xff\xff\xff\xff\x01", "\xc8\xff\xff\x01", "\xc7\xff\x01", // extensions
		"\xd4", "\xd4\x01", "\xd5\x01\x00", "\xd6\x01\x00\x00\x00", "\xd7\xff\x00", "\xd8\x01" + strings.Repeat("\x00", 15), // fixexts cut short
		"\xd4\x01\x00", "\xd8\x01" + strings.Repeat("\x00", 16), // and whole
		"\xc1", "\xa2\xc3\x28", "\xa1\xff", "\x81\x01\x01", "\x81\xc0\x01", "\x81\x90\x01", "\x82\xa1a\xa1b\xa1a", // none, no UTF-8, keys
	} {
		all[fmt.Sprintf("% x", s)] = []byte(s)
	}
	for open, shell := range map[string]int{"\x91": 1, "\x81\xa0": 2, "\x81": 1, "\xdd\x00\x00\x00\x01": 5} {
		for _, depth := range []int{33, 500, (maxBytes - 64) / shell} {
			all[fmt.Sprintf("%d times % x", depth, open)] = []byte(strings.Repeat(open, depth) + "\xc0")
		}
	}
	return all
}

// unfit are values that no field of that type may have, though msgpack does.
func unfit(t reflect.Type) []string {
	fraction, negative := "\xcb\x7f\xf8\x00\x00\x00\x00\x00\x01", "\xff"
	switch t.Kind() {
	case reflect.Uint8, reflect.Uint32, reflect.Uint64:
		return []string{fraction, negative, "\xd3\x80\x00\x00\x00\x00\x00\x00\x00", "\xa0", "\x90"}
	case reflect.String, reflect.Bool:
		return []string{fraction, negative, "\xc4\x00", "\x90", "\x80"}
	case reflect.Map:
		return []string{fraction, negative, "\xa0", "\x90", "\x81\xa1a\x01", "\x81\xa1a\x80", "\x82\xa1a\xa0\xa1a\xa0"}
	}
	return []string{fraction}
}

// attackByBodies puts every hostile value into every place of every body that a
// process may send: as the body, as a key, in an unknown field, in each known
// one. Each costs its session.
func attackByBodies(a *attacker) {
	a.knowBodies()
	for kind, body := range requestBodies() {
		room := protocol.MaxBody
		if kind == protocol.KindHello {
			room = protocol.MaxFirst - protocol.HeaderSize
		}
		values := hostile(room)
		t := reflect.TypeOf(body)
		for name, value := range values {
			a.hurt(kind, value, "body: "+name)
			a.hurt(kind, append([]byte("\x81"), value...), "key: "+name)
			a.hurt(kind, append([]byte("\x81\xa1?"), value...), "unknown field: "+name)
		}
		for i := range t.NumField() {
			field, _, _ := strings.Cut(t.Field(i).Tag.Get("msgpack"), ",")
			head := append([]byte{0x81, 0xa0 | byte(len(field))}, field...)
			for name, value := range values {
				a.hurt(kind, append(bytes.Clone(head), value...), field+": "+name)
			}
			for _, value := range unfit(t.Field(i).Type) {
				a.hurt(kind, append(bytes.Clone(head), value...), fmt.Sprintf("%s: % x", field, value))
			}
		}
	}
}

// hurt sends one meta that is malformed.
func (a *attacker) hurt(kind protocol.Kind, meta []byte, what string) {
	b, err := protocol.AppendFrame(nil, protocol.Header{Kind: kind, Sequence: 1, Budget: 1e6}, meta, nil)
	if err != nil {
		a.wrong("%v of %s: %v", kind, what, err)
		return
	}
	f := a.open("unix", kind != protocol.KindHello)
	if f == nil {
		return
	}
	f.put(b)
	a.Frames++
	if got := f.end(); got != protocol.CodeMalformed.String() {
		a.wrong("%v of %s: %s", kind, what, got)
	}
}

// knowBodies asks the broker which kinds have a body: without one they are
// malformed. A kind that is new and not in requestBodies is told.
func (a *attacker) knowBodies() {
	for kind := protocol.KindHello + 1; kind.Known(); kind++ {
		if kind == protocol.KindBye {
			continue // behind it nothing is read
		}
		f := a.open("unix", true)
		if f == nil {
			return
		}
		f.put(bytesOf(protocol.Header{Kind: kind, Sequence: 1, Outcome: protocol.OK}, nil, nil))
		f.put(bytesOf(protocol.Header{Kind: 255}, nil, nil)) // which ends it anyhow
		if _, known := requestBodies()[kind]; f.end() == protocol.CodeMalformed.String() && !known {
			a.wrong("%v frames have a body that is not in requestBodies", kind)
		}
	}
}
