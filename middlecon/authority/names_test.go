package authority_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"ddcos/middlecon/authority"
	"ddcos/middlecon/files"
	"ddcos/protocol"
)

// TestNameBelongsToAKey: who has a token cannot become another host with it.
func TestNameBelongsToAKey(t *testing.T) {
	w := newWorld(t)
	first, second := w.key(), w.key()
	w.issue(authority.Request{Name: agent, Key: &first.PublicKey})
	thief := authority.Request{Name: agent, Key: &second.PublicKey}
	if _, err := w.Issue(thief); !errors.Is(err, authority.ErrTaken) || !strings.Contains(err.Error(), "2026-11-22T12:00:00Z") {
		t.Errorf("a name that another key has: %v", err)
	}
	w.issue(authority.Request{Name: agent, Key: &first.PublicKey}) // its own host may come again
	w.issue(authority.Request{Name: authority.Name{Role: protocol.RoleClient, Host: agent.Host}, Key: &second.PublicKey})

	if err := w.Release(agent); err != nil {
		t.Fatal(err)
	}
	if _, err := w.Issue(authority.Request{Name: agent, Key: &first.PublicKey, Renew: true}); !errors.Is(err, authority.ErrUnknown) {
		t.Errorf("who was released renews: %v", err)
	}
	w.issue(thief)
	if _, err := w.Issue(authority.Request{Name: agent, Key: &first.PublicKey, Renew: true}); !errors.Is(err, authority.ErrTaken) {
		t.Errorf("the name went on and its first holder renews: %v", err)
	}
	if err := w.Release(authority.Name{Role: protocol.RoleAgent, Host: "none"}); !errors.Is(err, authority.ErrUnknown) {
		t.Errorf("released what nobody has: %v", err)
	}

	w.now = w.now.Add(authority.DefaultLife + time.Second)
	w.issue(authority.Request{Name: agent, Key: &first.PublicKey}) // the second's has expired
	if info, err := os.Stat(filepath.Join(w.dir, "names.json")); err != nil || info.Mode() != files.Secret {
		t.Errorf("%v, %v", info.Mode(), err)
	}
}

func TestRevoke(t *testing.T) {
	w := newWorld(t)
	key := w.key()
	w.issue(authority.Request{Name: agent, Key: &key.PublicKey})
	never := authority.Name{Role: protocol.RoleAdmin, Host: "never"}
	for _, n := range []authority.Name{agent, never} {
		if err := w.Revoke(n); err != nil {
			t.Fatal(err)
		}
		w.now = w.now.Add(authority.DefaultLife * 10) // it is not forgotten
		for _, renew := range []bool{false, true} {
			if _, err := w.Issue(authority.Request{Name: n, Key: &key.PublicKey, Renew: renew}); !errors.Is(err, authority.ErrRevoked) {
				t.Errorf("%s: renew %v: %v", n, renew, err)
			}
		}
	}
	all, err := w.Holders()
	if err != nil || len(all) != 2 || all[0].Name != never || all[1].Name != agent || !all[0].Revoked || !all[1].Revoked {
		t.Errorf("%v, %v", all, err)
	}
	if err := w.Release(agent); err != nil {
		t.Fatal(err)
	}
	w.issue(authority.Request{Name: agent, Key: &key.PublicKey})
}

// TestManyAtOnce has several authorities, as several processes are, issue at the
// same time: each name has one holder, and none is lost.
func TestManyAtOnce(t *testing.T) {
	w := newWorld(t)
	var all sync.WaitGroup
	const each = 12
	var mu sync.Mutex
	won := map[string]int{}
	for range 2 {
		a, err := authority.Open(w.options())
		if err != nil {
			t.Fatal(err)
		}
		key := w.key()
		for i := range each {
			all.Go(func() {
				n := authority.Name{Role: protocol.RoleAgent, Host: fmt.Sprint("h", i)}
				_, err := a.Issue(authority.Request{Name: n, Key: &key.PublicKey})
				mu.Lock()
				defer mu.Unlock()
				if err == nil {
					won[n.Host]++
				} else if !errors.Is(err, authority.ErrTaken) {
					t.Error(err)
				}
			})
		}
	}
	all.Wait()
	for host, n := range won {
		if n != 1 {
			t.Errorf("%s has %d holders", host, n)
		}
	}
	if holders, err := w.Holders(); err != nil || len(won) != each || len(holders) != each {
		t.Errorf("%d won, %d are known, %v", len(won), len(holders), err)
	}
}

func TestBrokenNames(t *testing.T) {
	w := newWorld(t)
	path := filepath.Join(w.dir, "names.json")
	for content, mode := range map[string]os.FileMode{"{": 0o600, "{}": 0o644, `{"agent/..":{"until":"2027-01-01T00:00:00Z"}}`: 0o600} {
		_ = os.Remove(path) // there may be none
		if err := os.WriteFile(path, []byte(content), mode); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Holders(); err == nil {
			t.Errorf("%s with mode %v was taken", content, mode)
		}
	}
}
