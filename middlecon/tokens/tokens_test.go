package tokens

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"
)

var noon = time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)

func made(t *testing.T, name string, use Use, life time.Duration) (Token, string) {
	t.Helper()
	one, secret, err := New(name, "client", use, noon, noon.Add(life))
	if err != nil {
		t.Fatal(err)
	}
	return one, secret
}

func added(t *testing.T, l List, one Token) List {
	t.Helper()
	l, err := l.Add(one, noon)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// A token is found by its secret alone, for its use and its time; what is written
// is read again, and has no secret in it.
func TestFind(t *testing.T) {
	a, secretA := made(t, "a", Session, time.Hour)
	b, secretB := made(t, "b", Join, time.Hour)
	l := added(t, added(t, nil, a), b)
	text := string(l.Encode())
	read, err := Parse([]byte(text))
	if err != nil || len(read) != 2 || read[0] != a || read[1] != b {
		t.Fatalf("%v, %v\n%s", read, err, text)
	}
	for _, secret := range []string{secretA, secretB} {
		if strings.Contains(text, secret) || strings.Contains(text, strings.TrimPrefix(secret, secretPrefix)) {
			t.Errorf("the secret is in the file:\n%s", text)
		}
	}
	for _, c := range []struct {
		secret string
		use    Use
		at     time.Duration
		want   error
		name   string
	}{
		{secretA, Session, 0, nil, "a"},
		{secretB, Join, time.Hour - 1, nil, "b"},
		{secretA, Join, 0, ErrUnknown, ""},
		{secretB, Session, 0, ErrUnknown, ""},
		{secretA, Session, time.Hour, ErrExpired, "a"},
		{"", Session, 0, ErrUnknown, ""},
		{secretA + "x", Session, 0, ErrUnknown, ""},
		{secretA[:len(secretA)-1], Session, 0, ErrUnknown, ""},
		{strings.ToUpper(secretA), Session, 0, ErrUnknown, ""},
		{strings.Repeat("x", 513), Session, 0, ErrUnknown, ""},
		{"sha256:" + fmt.Sprintf("%x", a.Hash), Session, 0, ErrUnknown, ""},
	} {
		got, err := read.Find(c.secret, c.use, noon.Add(c.at))
		if !errors.Is(err, c.want) || (err == nil) != (c.want == nil) || got.Name != c.name {
			t.Errorf("%.20q for %s after %v: %q, %v", c.secret, c.use, c.at, got.Name, err)
		}
	}
}

// W23: a name that is used again has nothing of the old token: its holder's secret,
// and a session that lives by it, find nobody.
func TestW23NameReuse(t *testing.T) {
	old, secret := made(t, "ci", Session, time.Hour)
	l := added(t, nil, old)
	fresh, freshSecret := made(t, "ci", Session, time.Hour)
	if _, err := l.Add(fresh, noon); err == nil || !strings.Contains(err.Error(), "revoke it first") {
		t.Fatalf("two of one name: %v", err)
	}
	l, err := l.Revoke("ci", noon)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := l.Find(secret, Session, noon); !errors.Is(err, ErrRevoked) {
		t.Errorf("revoked: %v", err)
	}
	l = added(t, l, fresh)
	if _, err := l.Find(secret, Session, noon); !errors.Is(err, ErrUnknown) {
		t.Errorf("the old secret: %v", err)
	}
	if _, err := l.Valid(old.Hash, Session, noon); !errors.Is(err, ErrUnknown) {
		t.Errorf("a session of the old token: %v", err)
	}
	if got, err := l.Find(freshSecret, Session, noon); err != nil || got.Hash != fresh.Hash {
		t.Errorf("the new one: %v", err)
	}
	if _, err := l.Revoke("other", noon); !errors.Is(err, ErrUnknown) {
		t.Errorf("revoking nobody: %v", err)
	}
}

func TestPrune(t *testing.T) {
	short, _ := made(t, "short", Session, time.Minute)
	long, _ := made(t, "long", Session, time.Hour)
	gone, _ := made(t, "gone", Session, time.Hour)
	l, err := added(t, added(t, added(t, nil, short), long), gone).Revoke("gone", noon.Add(time.Minute))
	if err != nil {
		t.Fatal(err)
	}
	for after, want := range map[time.Duration]int{0: 3, time.Minute: 1, time.Hour: 0} {
		if got := l.Prune(noon.Add(after)); len(got) != want {
			t.Errorf("after %v: %d are left, want %d", after, len(got), want)
		}
	}
	if len(l) != 3 {
		t.Error("the list itself was changed")
	}
}

func TestNewRefuses(t *testing.T) {
	for _, c := range []struct {
		name, role string
		use        Use
		life       time.Duration
	}{
		{"", "client", Session, 1},
		{"a b", "client", Session, time.Hour},
		{"../a", "client", Session, time.Hour},
		{strings.Repeat("a", 65), "client", Session, time.Hour},
		{"a", "", Session, time.Hour},
		{"a", "Client", Session, time.Hour},
		{"a", "broker", Session, time.Hour},
		{"a", "client", "", time.Hour},
		{"a", "client", "both", time.Hour},
		{"a", "client", Session, 0},
		{"a", "client", Session, -time.Hour},
	} {
		if _, _, err := New(c.name, c.role, c.use, noon, noon.Add(c.life)); err == nil {
			t.Errorf("%+v was made", c)
		}
	}
	seen := map[string]bool{}
	for range 100 {
		_, secret := made(t, "a", Session, time.Hour)
		if seen[secret] || len(secret) != len(secretPrefix)+43 {
			t.Fatalf("%q", secret)
		}
		seen[secret] = true
	}
}

func TestParseRefuses(t *testing.T) {
	one, _ := made(t, "a", Session, time.Hour)
	good := string(List{one}.Encode())
	twice := one
	twice.Name = "b"
	named, _ := made(t, "a", Session, time.Hour)
	many := make(List, MaxTokens+1)
	for i := range many {
		many[i] = one
	}
	for _, c := range []struct{ text, want string }{
		{"", "EOF"},
		{"{", "EOF"},
		{"[]", "cannot unmarshal"},
		{good + good, "behind the list"},
		{strings.Replace(good, `"name"`, `"titel"`, 1), "unknown field"},
		{strings.Replace(good, "sha256:", "md5:", 1), "is no hash"},
		{strings.Replace(good, "sha256:", "sha256:00", 1), "is no hash"},
		{strings.Replace(good, `"a"`, `"a b"`, 1), "no name of a token"},
		{strings.Replace(good, `"client"`, `"broker"`, 1), "brokers' certificates"},
		{strings.Replace(good, `"2026-11-21T13:00:00Z"`, `"2026-11-21T11:00:00Z"`, 1), "expiry"},
		{string(List{one, twice}.Encode()), "twice"},
		{string(List{one, named}.Encode()), "twice"},
		{string(many.Encode()), "are allowed"},
		{strings.Repeat(" ", MaxBytes+1), "are allowed"},
	} {
		if l, err := Parse([]byte(c.text)); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%.60q: %v, %v; want %q", c.text, l, err, c.want)
		}
	}
	if l, err := Parse(List(nil).Encode()); err != nil || len(l) != 0 {
		t.Errorf("no tokens: %v, %v", l, err)
	}
}

// FuzzParse: what is read is written as it is read.
func FuzzParse(f *testing.F) {
	r := rand.New(rand.NewPCG(1, 2))
	l := List{}
	for i := range 3 {
		one, _, err := New(fmt.Sprint("t", i), "agent", Join, noon, noon.Add(time.Duration(1+r.IntN(99))*time.Minute))
		if err != nil {
			f.Fatal(err)
		}
		l = append(l, one)
	}
	f.Add(l.Encode())
	f.Add([]byte(`{"tokens":[{"name":"a","revoked":"0001-01-01T00:00:00Z"}]}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		l, err := Parse(text)
		if err != nil {
			return
		}
		again, err := Parse(l.Encode())
		if err != nil || len(again) != len(l) {
			t.Fatalf("%v\n%s", err, l.Encode())
		}
		for i := range l {
			if again[i].Hash != l[i].Hash || again[i].Name != l[i].Name || !again[i].Expires.Equal(l[i].Expires) || !again[i].Revoked.Equal(l[i].Revoked) {
				t.Fatalf("%+v, again %+v", l[i], again[i])
			}
		}
	})
}
