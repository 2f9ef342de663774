package protocol

import (
	"bytes"
	"reflect"
	"testing"

	"github.com/vmihailenco/msgpack/v5"
)

// seedFrames gives a target the frames of SPEC.md.
func seedFrames(f *testing.F) {
	for _, e := range examples(f, "vector") {
		f.Add(unhex(f, e.hex))
	}
	for _, e := range examples(f, "refused") {
		f.Add(unhex(f, e.hex))
	}
}

// seedMetas gives a target the metas of SPEC.md's frames and the refused ones.
func seedMetas(f *testing.F) {
	for _, e := range examples(f, "vector") {
		if frame, _, err := Parse(unhex(f, e.hex), MaxFrame); err == nil {
			f.Add(bytes.Clone(frame.Meta))
		}
	}
	for _, e := range examples(f, "refused") {
		f.Add(unhex(f, e.hex))
	}
	f.Add([]byte("\x83\xa6joined\x90\xa7entries\x90\xa6labels\x80"))
}

// FuzzParse: whatever comes, Parse waits, refuses, or gives a frame that
// encodes to the same bytes, and does so at every split.
func FuzzParse(f *testing.F) {
	seedFrames(f)
	f.Fuzz(func(t *testing.T, b []byte) {
		for _, limit := range []int{MaxFirst, MaxFrame} {
			frame, size, err := Parse(b, limit)
			switch {
			case err != nil:
				if size != 0 || len(b) < HeaderSize {
					t.Fatalf("size %d of %d bytes beside %v", size, len(b), err)
				}
				if _, _, early := Parse(b[:HeaderSize], limit); early == nil {
					t.Fatalf("%v came later than the header", err)
				}
			case size == 0:
				if len(b) >= HeaderSize && len(b) >= Need(b) {
					t.Fatal("waits for what is there")
				}
			default:
				same(t, b[:size], frame)
				for n := range min(size, 2*HeaderSize) {
					if _, early, err := Parse(b[:n], limit); early != 0 || err != nil {
						t.Fatalf("%d of %d bytes: size %d, %v", n, size, early, err)
					}
				}
			}
			if Need(b) > MaxFrame {
				t.Fatalf("a reader would make room for %d bytes", Need(b))
			}
		}
	})
}

// same checks that a frame encodes to what it was parsed from.
func same(t *testing.T, b []byte, f Frame) {
	t.Helper()
	if len(f.Meta)+len(f.Payload) != int(f.Length) || len(b) != HeaderSize+int(f.Length) {
		t.Fatalf("%d+%d bytes in a frame of %d", len(f.Meta), len(f.Payload), len(b))
	}
	again, err := AppendFrame(nil, f.Header, f.Meta, f.Payload)
	if err != nil || !bytes.Equal(again, b) {
		t.Fatalf("%x came back as %x, %v", b, again, err)
	}
}

// FuzzValidate: what Validate accepts the library can decode by itself, into
// anything, without a panic, and reads to the same end.
func FuzzValidate(f *testing.F) {
	seedMetas(f)
	f.Fuzz(func(t *testing.T, b []byte) {
		if Validate(b, MaxItems) != nil {
			return
		}
		d := msgpack.NewDecoder(bytes.NewReader(b))
		if err := d.Skip(); err != nil {
			t.Fatalf("the library cannot skip %x: %v", b, err)
		}
		if d.Buffered().(*bytes.Reader).Len() != 0 {
			t.Fatalf("the library stops before the end of %x", b)
		}
		var v any
		if err := msgpack.Unmarshal(b, &v); err != nil {
			t.Fatalf("the library cannot decode %x: %v", b, err)
		}
		if err := Validate(b, len(b)); err != nil {
			t.Fatalf("refused with a larger allowance: %v", err)
		}
	})
}

// fuzzBody holds one body's decoder to three things: it never panics; what it
// accepts is within the bounds of the shape, so that it encodes again; and the
// encoding decodes to the same.
func fuzzBody[T any](f *testing.F, decode func([]byte, any) error) {
	seedMetas(f)
	f.Fuzz(func(t *testing.T, b []byte) {
		var first, second T
		err := decode(b, &first)
		if err != nil {
			wantCode(t, err, CodeMalformed)
			return
		}
		if err := Validate(b, MaxBody); err != nil {
			t.Fatalf("decoded, though not valid: %v", err)
		}
		again := Encode(&first)
		if err := decode(again, &second); err != nil {
			t.Fatalf("%x came back as %x: %v", b, again, err)
		}
		if !reflect.DeepEqual(toJSON(reflect.ValueOf(first)), toJSON(reflect.ValueOf(second))) {
			t.Fatalf("%x: %+v came back as %+v", b, first, second)
		}
		if third := Encode(&second); !bytes.Equal(again, third) {
			t.Fatalf("two encodings of one body: %x and %x", again, third)
		}
	})
}

// The requests, which a broker decodes.

func FuzzHello(f *testing.F)   { fuzzBody[Hello](f, DecodeRequest) }
func FuzzJoin(f *testing.F)    { fuzzBody[Join](f, DecodeRequest) }
func FuzzCall(f *testing.F)    { fuzzBody[Call](f, DecodeRequest) }
func FuzzWatch(f *testing.F)   { fuzzBody[Watch](f, DecodeRequest) }
func FuzzForget(f *testing.F)  { fuzzBody[Forget](f, DecodeRequest) }
func FuzzPublish(f *testing.F) { fuzzBody[Publish](f, DecodeRequest) }
func FuzzState(f *testing.F)   { fuzzBody[State](f, DecodeRequest) }
func FuzzOffer(f *testing.F)   { fuzzBody[Offer](f, DecodeRequest) }
func FuzzBid(f *testing.F)     { fuzzBody[Bid](f, DecodeRequest) }

// The answers, which a process decodes.

func FuzzWelcome(f *testing.F)      { fuzzBody[Welcome](f, DecodeAnswer) }
func FuzzJoined(f *testing.F)       { fuzzBody[Joined](f, DecodeAnswer) }
func FuzzDeliver(f *testing.F)      { fuzzBody[Deliver](f, DecodeAnswer) }
func FuzzViewChunk(f *testing.F)    { fuzzBody[ViewChunk](f, DecodeAnswer) }
func FuzzAccountChunk(f *testing.F) { fuzzBody[AccountChunk](f, DecodeAnswer) }
func FuzzGoAway(f *testing.F)       { fuzzBody[GoAway](f, DecodeAnswer) }
func FuzzErrorText(f *testing.F)    { fuzzBody[ErrorText](f, DecodeAnswer) }
func FuzzForgot(f *testing.F)       { fuzzBody[Forgot](f, DecodeAnswer) }
func FuzzPublished(f *testing.F)    { fuzzBody[Published](f, DecodeAnswer) }
func FuzzStated(f *testing.F)       { fuzzBody[Stated](f, DecodeAnswer) }
func FuzzStats(f *testing.F)        { fuzzBody[Stats](f, DecodeAnswer) }
func FuzzBound(f *testing.F)        { fuzzBody[Bound](f, DecodeAnswer) }
func FuzzWill(f *testing.F)         { fuzzBody[Will](f, DecodeRequest) }
func FuzzLastWord(f *testing.F)     { fuzzBody[LastWord](f, DecodeAnswer) }
func FuzzDrain(f *testing.F)        { fuzzBody[Drain](f, DecodeRequest) }
func FuzzDraining(f *testing.F)     { fuzzBody[Draining](f, DecodeAnswer) }

// FuzzRule: what is read prints as something that reads the same, and is valid.
func FuzzRule(f *testing.F) {
	for _, s := range []string{"all", "0", "3", "66%", "100%", "101%", "", "%", "007", "-1", "first", "zone=a", "=", "a=b=c"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		r, err := ParseRule(s)
		if err != nil {
			return
		}
		if again, err := ParseRule(r.String()); err != nil || again != r || r.Check() != nil {
			t.Fatalf("%q is %+v, %q is %+v, %v", s, r, r, again, err)
		}
		for _, selected := range []int{0, 1, 7, 1 << 20} {
			if n := r.Needed(selected); n < 0 || r.Kind != RuleAtLeast && n > max(1, selected) {
				t.Fatalf("%s of %d needs %d", r, selected, n)
			}
		}
	})
}

// FuzzMemberID: a member id has one spelling.
func FuzzMemberID(f *testing.F) {
	for _, s := range []string{"000007.1", "ffffff.1099511627775", "00000A.1", "000007.01", ".", "7"} {
		f.Add(s, uint64(len(s)))
	}
	f.Fuzz(func(t *testing.T, s string, n uint64) {
		if id, err := ParseMemberID(s); err == nil && id.String() != s {
			t.Fatalf("%q was read as %s", s, id)
		}
		id := MemberID(n)
		if again, err := ParseMemberID(id.String()); err != nil || again != id || NewMemberID(id.Broker(), id.Serial()) != id {
			t.Fatalf("%d is %s is %d, %v", n, id, again, err)
		}
	})
}

// FuzzCheckName: a name that is accepted can be shown as it is.
func FuzzCheckName(f *testing.F) {
	for _, s := range []string{"k2i", " a", "a\x1b[2J", "\u202e", "größe", "\xff", "a\u3164"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if CheckName(s) != nil {
			return
		}
		if len(s) == 0 || len(s) > MaxName || CheckLabels(map[string]string{"k": s}) != nil {
			t.Fatalf("%q is a name", s)
		}
		// A body that carries it is one that its receiver takes.
		var got Join
		wantCode(t, DecodeRequest(Encode(&Join{Room: s, Name: s}), &got), 0)
		if got.Room != s || got.Name != s {
			t.Fatalf("%q came back as %q", s, got.Room)
		}
	})
}
