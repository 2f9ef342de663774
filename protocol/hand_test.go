package protocol

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"reflect"
	"strings"
	"testing"

	"github.com/vmihailenco/msgpack/v5"
)

// What is written and read by hand is held to what the library does with the
// same bodies.

// DecodeMsgpack lets the library read an Entry, as it did before it was read by hand.
func (e *Entry) DecodeMsgpack(d *msgpack.Decoder) error {
	return decodeArray(d, (*uint64)(&e.Member), &e.Name, &e.Host, &e.PID, (*uint8)(&e.Outcome),
		&e.LatencyUS, &e.Error, &e.Reply, &e.More)
}

// sameRead decodes b by hand and by the library into fresh bodies: both refuse
// it with the same words, or both give the same.
func sameRead[T any](t *testing.T, b []byte, items int) {
	t.Helper()
	var byHand, byLibrary T
	err, want := Decode(b, &byHand, items), decodeAny(b, &byLibrary, items)
	if (err == nil) != (want == nil) || err != nil && err.Error() != want.Error() {
		t.Fatalf("%x as %T: %v, and the library %v", b, byHand, err, want)
	}
	if chunk, ok := any(&byLibrary).(*AccountChunk); ok && len(chunk.Entries) == 0 {
		chunk.Entries = nil // no entries are no entries
	}
	if chunk, ok := any(&byLibrary).(*AccountChunk); ok && len(chunk.Absent) == 0 {
		chunk.Absent = nil
	}
	if err == nil && !reflect.DeepEqual(byHand, byLibrary) {
		t.Fatalf("%x: %+v, and the library %+v", b, byHand, byLibrary)
	}
	if err != nil {
		return
	}
	if got, want := Encode(&byHand), encodeAny(&byLibrary); !bytes.Equal(got, want) {
		t.Fatalf("%+v: %x, and the library %x", byHand, got, want)
	}
}

// FuzzByHand: what is read by hand is what the library reads, and is written as
// the library writes it.
func FuzzByHand(f *testing.F) {
	seedMetas(f)
	for seed := range uint64(20) {
		for _, body := range randomBodies(rand.New(rand.NewPCG(seed, 1))) {
			f.Add(encodeAny(body))
		}
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		for _, items := range []int{MaxItems, MaxBody} {
			sameRead[Call](t, b, items)
			sameRead[Deliver](t, b, items)
			sameRead[AccountChunk](t, b, items)
		}
	})
}

// TestByHand tries bodies at every edge of msgpack's forms, and each cut and
// each byte changed.
func TestByHand(t *testing.T) {
	for seed := range uint64(300) {
		r := rand.New(rand.NewPCG(seed, 2))
		for _, body := range randomBodies(r) {
			want := encodeAny(body)
			if got := Encode(body); !bytes.Equal(got, want) {
				t.Fatalf("%+v: %x, and the library %x", body, got, want)
			}
			damaged := bytes.Clone(want)
			if len(want) > 0 {
				damaged[r.IntN(len(want))] = byte(r.Uint32())
			}
			for _, b := range [][]byte{want, want[:r.IntN(len(want)+1)], damaged, append(bytes.Clone(want), 0xc0)} {
				sameRead[Call](t, b, MaxItems)
				sameRead[Deliver](t, b, MaxBody)
				sameRead[AccountChunk](t, b, 1+r.IntN(MaxBody))
			}
		}
	}
}

// TestByHandHostile reads what decode_test.go's library would take for something else.
func TestByHandHostile(t *testing.T) {
	deep := strings.Repeat("91", MaxDepth) + "c0"
	for _, meta := range []string{
		"", "c0", "80", "90", "81 a178 " + deep, "81 a773756d6d617279 81 a178 " + deep[2:], "81 a773756d6d617279 81 a178 " + deep,
		"81 a7656e7472696573 91 9a 01a0a0000100a0c0c2 " + deep[6:], "81 a7656e7472696573 91 9a 01a0a0000100a0c0c2 " + deep[4:],
		"81 a7656e7472696573 c0", "81 a6616273656e74 91 c0", "81 a773756d6d617279 c0", "81 a773756d6d617279 90",
		"81 a6616273656e74 91 93 01 a161 c0", "81 a66c6162656c73 80", "81 a66c6162656c73 82a161a0a161a0", "81 a57374617465 de0041" + strings.Repeat("a0a0", 65),
		"82 a4726f6f6da161 a4726f6f6da162", "81 a472756c65 cd0100", "81 a472756c65 d001", "81 a472756c65 ff", "81 a3706964 ff", "81 a3706964 d3ffffffff7fffffff",
		"81 a7656e7472696573 91 98 01 a0 a0 00 01 00 a0 c400", "82 a773756d6d617279 c0 a773756d6d617279 80", "81 a26e", "82 a16e01", "81 a16e ca3f800000",
	} {
		b := unhex(t, meta)
		for _, items := range []int{0, 1, 2, 3, 4, 5, 12, MaxItems} {
			sameRead[Call](t, b, items)
			sameRead[Deliver](t, b, items)
			sameRead[AccountChunk](t, b, items)
		}
	}
}

// randomBodies makes one of each body that is written by hand.
func randomBodies(r *rand.Rand) []any {
	call := &Call{
		Room: someText(r), Rule: RuleKind(someNumber(r)), N: uint32(someNumber(r)), Labels: somePairs(r), To: someText(r), Key: someText(r), Value: someText(r),
		Wait: uint32(someNumber(r)), WaitUS: uint32(someNumber(r)), State: somePairs(r), Partial: r.IntN(2) == 0,
	}
	chunk := &AccountChunk{}
	for range r.IntN(4) * r.IntN(10) {
		chunk.Entries = append(chunk.Entries, Entry{
			Member: MemberID(someNumber(r)), Name: someText(r), Host: someText(r), PID: int32(someNumber(r)), Outcome: Outcome(someNumber(r)),
			LatencyUS: someNumber(r), Error: someText(r), Reply: someBytes(r), More: r.IntN(2) == 0,
		})
	}
	for range r.IntN(4) * r.IntN(10) {
		chunk.Absent = append(chunk.Absent, Absent{
			ID: MemberID(someNumber(r)), Name: someText(r), Host: someText(r), PID: int32(someNumber(r)), AgoMS: someNumber(r), Reason: someText(r),
		})
	}
	if r.IntN(2) == 0 {
		chunk.Summary = &Summary{
			Room: someText(r), View: someNumber(r), ViewSize: uint32(someNumber(r)), Selected: uint32(someNumber(r)), Rule: RuleKind(someNumber(r)),
			N: uint32(someNumber(r)), Met: r.IntN(2) == 0, ElapsedUS: someNumber(r), Late: uint32(someNumber(r)), Duplicate: uint32(someNumber(r)),
			Key: someText(r), Value: someText(r), WaitedUS: someNumber(r), Bound: MemberID(someNumber(r)), Bids: uint32(someNumber(r)),
		}
	}
	return []any{call, &Deliver{View: someNumber(r), Host: someText(r), PID: int32(someNumber(r)), Principal: someText(r), Roles: someText(r)}, chunk}
}

// someNumber is often at an edge of a form.
func someNumber(r *rand.Rand) uint64 {
	edges := [...]uint64{0, 1, 31, 32, 127, 128, 255, 256, math.MaxInt16, math.MaxUint16, math.MaxUint16 + 1, math.MaxInt32, math.MaxUint32, math.MaxUint32 + 1, math.MaxUint64}
	n := edges[r.IntN(len(edges))]
	if r.IntN(4) == 0 {
		n = -n
	}
	return n
}

func someText(r *rand.Rand) string {
	n := [...]int{0, 0, 1, 5, 31, 32, 255, 256, 300}[r.IntN(9)]
	if r.IntN(8) == 0 {
		return strings.Repeat("\xc3(\xff", n)[:n] // no UTF-8
	}
	return strings.Repeat("größe", n)[:n] // perhaps cut within a character
}

func someBytes(r *rand.Rand) []byte {
	if r.IntN(4) == 0 {
		return nil
	}
	return []byte(someText(r) + someText(r) + someText(r) + someText(r) + someText(r))
}

func somePairs(r *rand.Rand) map[string]string {
	n := [...]int{0, 0, 1, 2, 15, 16, 17}[r.IntN(7)]
	if n == 0 {
		return nil
	}
	pairs := make(map[string]string, n)
	for i := range n {
		pairs[fmt.Sprint(i)] = someText(r)
	}
	return pairs
}

// Replies that share memory must not reach into each other, and nothing that is
// kept lies in the frame.
func TestReadAccountKeepsApart(t *testing.T) {
	want := accountOf(500)
	for i := range want.Entries {
		want.Entries[i].Reply = bytes.Repeat([]byte{byte(i)}, i*7%1500)
	}
	want.Entries = want.Entries[:80]
	meta := want.Append(nil)
	var got []Entry
	rest, err := ReadAccount(meta, func(e *Entry) error { got = append(got, *e); return nil })
	if err != nil || rest.Entries != nil || !reflect.DeepEqual(rest.Summary, want.Summary) {
		t.Fatalf("%+v, %v", rest, err)
	}
	for i := range meta {
		meta[i] = 0xff
	}
	for i := range got {
		got[i].Reply = append(got[i].Reply, "behind"...)
	}
	for i, e := range got {
		if e.Name != want.Entries[i].Name || e.Host != "10.0.0.1" || string(e.Reply) != string(want.Entries[i].Reply)+"behind" {
			t.Fatalf("entry %d is %+v", i, e)
		}
	}
	stop := errors.New("stop")
	if _, err := ReadAccount(want.Append(nil), func(*Entry) error { return stop }); !errors.Is(err, stop) {
		t.Errorf("error %v, want that of the callback", err)
	}
}

// TestAppendAllocatesNothing: into a buffer with room.
func TestAppendAllocatesNothing(t *testing.T) {
	chunk, deliver, call := accountOf(500), Deliver{View: 12, Host: "10.0.0.9"}, Call{Room: "k2i", To: "host-1"}
	buf := make([]byte, 0, MaxFrame)
	if n := testing.AllocsPerRun(20, func() {
		buf = call.Append(deliver.Append(chunk.Append(buf[:0])))
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
