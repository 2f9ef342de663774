package protocol

import (
	"encoding/hex"
	"errors"
	"reflect"
	"runtime"
	"strings"
	"testing"
)

// unhex reads hex with blanks and, behind a semicolon, a comment on each line.
func unhex(t testing.TB, s string) []byte {
	t.Helper()
	var digits strings.Builder
	for line := range strings.Lines(s) {
		code, _, _ := strings.Cut(line, ";")
		for _, word := range strings.Fields(code) {
			digits.WriteString(word)
		}
	}
	b, err := hex.DecodeString(digits.String())
	if err != nil {
		t.Fatalf("%v in %q", err, s)
	}
	return b
}

// wantCode fails unless err is of that code; 0 wants no error.
func wantCode(t testing.TB, err error, want Code) {
	t.Helper()
	switch {
	case want == 0 && err != nil:
		t.Errorf("error %v, want none", err)
	case want != 0 && !errors.Is(err, want):
		t.Errorf("error %v, want %v", err, want)
	}
}

// allocated tells how many bytes f allocates: the least of three runs, because
// the test's own runtime may allocate beside it.
func allocated(f func()) uint64 {
	f() // what is made once, such as the library's caches
	least := ^uint64(0)
	for range 3 {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		f()
		runtime.ReadMemStats(&after)
		least = min(least, after.TotalAlloc-before.TotalAlloc)
	}
	return least
}

// requests and answers make a fresh body of each kind that has one, by its
// name in SPEC.md.
func requests() map[string]any {
	return map[string]any{"hello": new(Hello), "join": new(Join), "call": new(Call), "watch": new(Watch), "forget": new(Forget), "publish": new(Publish), "state": new(State), "offer": new(Offer), "bid": new(Bid), "will": new(Will), "drain": new(Drain)}
}

func answers() map[string]any {
	return map[string]any{
		"welcome": new(Welcome), "joined": new(Joined), "deliver": new(Deliver), "account": new(AccountChunk),
		"view": new(ViewChunk), "go_away": new(GoAway), "error": new(ErrorText), "expelled": new(ErrorText), "forgot": new(Forgot), "published": new(Published), "stated": new(Stated), "stats": new(Stats), "draining": new(Draining),
		"offered": new(Deliver), "bound": new(Bound), "last_word": new(LastWord),
	}
}

// decoder is the way in which a body is read on the wire.
func decoder(name string) (fresh func() any, decode func([]byte, any) error) {
	if requests()[name] != nil {
		return func() any { return requests()[name] }, DecodeRequest
	}
	return func() any { return answers()[name] }, DecodeAnswer
}

// typeOf is the type that a pointer to a body points to.
func typeOf(body any) reflect.Type { return reflect.TypeOf(body).Elem() }

// bodyNames are the keys of requests and answers.
func bodyNames() []string {
	var names []string
	for k := KindHello; k.Known(); k++ {
		if fresh, _ := decoder(k.String()); fresh() != nil {
			names = append(names, k.String())
		}
	}
	return names
}
