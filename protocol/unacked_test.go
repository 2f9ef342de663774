package protocol

import (
	"errors"
	"math/rand/v2"
	"slices"
	"testing"
)

// TestUnacked sends numbered frames over links that are cut at random: whoever
// counts gets each once and in order, as long as nothing was forgotten.
func TestUnacked(t *testing.T) {
	for seed := range uint64(200) {
		r := rand.New(rand.NewPCG(seed, 1))
		var sent Unacked[int]
		var got Received
		var link, all []int // on the way; what came
		next := 0
		for range 400 {
			switch n := r.IntN(40); {
			case n < 20:
				sent.Add(next, 10, 1<<20)
				link = append(link, next)
				next++
			case n < 38 && len(link) > 0:
				all, link = append(all, link[0]), link[1:]
				if got.Add(10) {
					if err := sent.Ack(got.Frames); err != nil {
						t.Fatal(err)
					}
				}
			case n == 38:
				rest, ok := sent.After(got.Frames)
				if !ok {
					t.Fatalf("seed %d: nothing was forgotten, and %d frames are missing", seed, got.Frames)
				}
				sent, got, link = Unacked[int]{}, Received{}, rest
				for _, f := range rest {
					sent.Add(f, 10, 1<<20)
				}
			}
		}
		for i, f := range append(all, link...) {
			if f != i {
				t.Fatalf("seed %d: frame %d came in the place of %d", seed, f, i)
			}
		}
	}
}

func TestUnackedForgets(t *testing.T) {
	var u Unacked[string]
	for _, f := range []string{"a", "b", "c", "d"} {
		u.Add(f, 10, 25)
	}
	if u.Sent() != 4 || u.Bytes() != 20 {
		t.Errorf("%d sent, %d bytes kept", u.Sent(), u.Bytes())
	}
	for n, want := range map[uint64][]string{0: nil, 1: nil, 2: {"c", "d"}, 3: {"d"}, 4: {}, 5: nil} {
		rest, ok := u.After(n)
		if ok != (want != nil) || !slices.Equal(rest, want) {
			t.Errorf("after %d: %v %v, want %v", n, rest, ok, want)
		}
	}
	u.Add("large", 100, 25)
	if rest, ok := u.After(5); !ok || len(rest) != 0 || u.Bytes() != 0 {
		t.Errorf("a frame beyond all that is kept: %v %v, %d bytes", rest, ok, u.Bytes())
	}
	if _, ok := u.After(4); ok {
		t.Error("a frame that was forgotten can be sent again")
	}
	if err := u.Ack(6); !errors.Is(err, CodeMalformed) {
		t.Errorf("more than was sent: %v", err)
	}
	if err := u.Ack(1); err != nil || u.Sent() != 5 {
		t.Errorf("an old acknowledgement: %v, %d", err, u.Sent())
	}
}

func TestReceived(t *testing.T) {
	var r Received
	for i := range 3 * ackFrames {
		if got, want := r.Add(1), (i+1)%ackFrames == 0; got != want {
			t.Fatalf("frame %d: %v", i, got)
		}
	}
	if !r.Add(ackBytes) || r.Add(1) {
		t.Error("many bytes are to be acknowledged at once")
	}
}
