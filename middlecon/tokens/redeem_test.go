package tokens

import (
	"errors"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// redeemable is a file with one token for clients, of so many uses.
func redeemable(t *testing.T, uses int) (path, secret string) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "state", "tokens.json")
	one, secret := made(t, "a", Join, time.Hour)
	one.Uses = uses
	if err := Update(path, func(l List) (List, error) { return l.Add(one, noon) }); err != nil {
		t.Fatal(err)
	}
	return path, secret
}

func TestRedeem(t *testing.T) {
	path, secret := redeemable(t, 2)
	broken := errors.New("broken")
	used := 0
	redeem := func(secret, role string, at time.Duration, fails error) error {
		return Redeem(path, secret, role, noon.Add(at), func() error {
			used++
			return fails
		})
	}
	for _, c := range []struct {
		what, secret, role string
		at                 time.Duration
		fails, want        error
	}{
		{"another role", secret, "admin", 0, nil, ErrRole},
		{"too late", secret, "client", time.Hour, nil, ErrExpired},
		{"unknown", secret + "x", "client", 0, nil, ErrUnknown},
		{"a use that fails", secret, "client", 0, broken, broken},
		{"once", secret, "client", 0, nil, nil},
		{"twice", secret, "client", time.Hour - 1, nil, nil},
		{"thrice", secret, "client", 0, nil, ErrUsedUp},
	} {
		if err := redeem(c.secret, c.role, c.at, c.fails); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", c.what, err, c.want)
		}
	}
	if used != 3 {
		t.Errorf("used %d times, want twice and once in vain", used)
	}
	s, err := Open(path)
	if err != nil || s.List()[0].Used != 2 || strings.Contains(string(s.List().Encode()), secret) {
		t.Errorf("%+v, %v", s.List(), err)
	}
	another, _ := made(t, "a", Join, time.Hour)
	if err := Update(path, func(l List) (List, error) { return l.Add(another, noon) }); err != nil {
		t.Errorf("the name of one that is used up cannot be had again: %v", err)
	}
}

// Of many that come at once, as many are let in as the token has uses.
func TestRedeemedAtOnce(t *testing.T) {
	path, secret := redeemable(t, 7)
	var used atomic.Int32
	var all sync.WaitGroup
	for range 20 {
		all.Go(func() {
			err := Redeem(path, secret, "client", noon, func() error { used.Add(1); return nil })
			if err != nil && !errors.Is(err, ErrUsedUp) {
				t.Error(err)
			}
		})
	}
	all.Wait()
	if used.Load() != 7 {
		t.Errorf("used %d times", used.Load())
	}
}

// A session's token has no uses to count, and none has less than none.
func TestUsesAreChecked(t *testing.T) {
	one, _ := made(t, "a", Session, time.Hour)
	one.Uses = 1
	two, _ := made(t, "b", Join, time.Hour)
	two.Used = -1
	for _, bad := range []Token{one, two} {
		if _, err := List(nil).Add(bad, noon); err == nil {
			t.Errorf("%+v was added", bad)
		}
	}
}
