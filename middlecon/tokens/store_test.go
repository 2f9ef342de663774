package tokens

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

func write(t *testing.T, path string, text []byte, mode os.FileMode) {
	t.Helper()
	next := path + ".test"
	if err := os.WriteFile(next, text, mode); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(next, mode); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(next, path); err != nil {
		t.Fatal(err)
	}
}

// K28: the file is refused where others could read it, is read again when it is
// another, and what is wrong with it takes nothing from those that hold.
func TestK28Store(t *testing.T) {
	path := filepath.Join(t.TempDir(), "tokens.json")
	s, err := Open(path)
	if err != nil || len(s.List()) != 0 || s.Path() != path {
		t.Fatalf("no file: %v, %v", s.List(), err)
	}
	refreshes := func(changed bool, want error, tokens int) {
		t.Helper()
		got, err := s.Refresh()
		if got != changed || !errors.Is(err, want) || len(s.List()) != tokens {
			t.Fatalf("changed %v, %v, %d tokens; want %v, %v, %d", got, err, len(s.List()), changed, want, tokens)
		}
	}
	one, secret := made(t, "a", Session, time.Hour)
	if err := Update(path, func(l List) (List, error) { return l.Add(one, noon) }); err != nil {
		t.Fatal(err)
	}
	refreshes(true, nil, 1)
	refreshes(false, nil, 1)
	if got, err := s.Find(secret, Session, noon); err != nil || got.Name != "a" {
		t.Fatalf("%+v, %v", got, err)
	}
	for _, mode := range []os.FileMode{0o640, 0o604, 0o620, 0o602, 0o666} {
		write(t, path, List(nil).Encode(), mode)
		refreshes(false, ErrExposed, 1)
		refreshes(false, nil, 1) // told once
		if _, err := Open(path); !errors.Is(err, ErrExposed) {
			t.Errorf("mode %o: %v", mode, err)
		}
	}
	write(t, path, []byte("{"), 0o600)
	if changed, err := s.Refresh(); changed || err == nil || len(s.List()) != 1 {
		t.Fatalf("a broken file: %v, %v", changed, err)
	}
	if err := Update(path, func(l List) (List, error) { return l, nil }); err == nil {
		t.Error("a broken file was written over")
	}
	revoked, err := List{one}.Revoke("a", noon)
	if err != nil {
		t.Fatal(err)
	}
	write(t, path, revoked.Encode(), 0o600)
	refreshes(true, nil, 1)
	if _, err := s.Find(secret, Session, noon); !errors.Is(err, ErrRevoked) {
		t.Errorf("revoked: %v", err)
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	refreshes(true, nil, 0)
	refreshes(false, nil, 0)
	if err := os.Mkdir(path, 0o700); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Refresh(); err == nil {
		t.Error("a directory was read")
	}
}

// Many that change the file at once lose nothing of each other.
func TestUpdatesAtOnce(t *testing.T) {
	path := filepath.Join(t.TempDir(), "tokens.json")
	var all sync.WaitGroup
	for i := range 20 {
		one, _ := made(t, fmt.Sprint("t", i), Session, time.Hour)
		all.Go(func() {
			if err := Update(path, func(l List) (List, error) { return l.Add(one, noon) }); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	s, err := Open(path)
	if err != nil || len(s.List()) != 20 {
		t.Errorf("%d tokens, %v", len(s.List()), err)
	}
	info, err := os.Stat(path)
	if err != nil || info.Mode() != 0o600 {
		t.Errorf("%v, %v", info.Mode(), err)
	}
	refused := errors.New("no")
	if err := Update(path, func(List) (List, error) { return nil, refused }); !errors.Is(err, refused) {
		t.Errorf("a change that fails: %v", err)
	}
}

func TestReadSecret(t *testing.T) {
	path := filepath.Join(t.TempDir(), "token")
	_, secret := made(t, "a", Session, time.Hour)
	write(t, path, []byte(secret+"\n"), 0o600)
	if got, err := Read(path); err != nil || got != secret {
		t.Errorf("%q, %v", got, err)
	}
	write(t, path, []byte(secret), 0o644)
	if _, err := Read(path); !errors.Is(err, ErrExposed) {
		t.Errorf("one that all may read: %v", err)
	}
	for _, bad := range []string{"", "\n", "a b", "a\nb", "\x01", "ä"} {
		write(t, path, []byte(bad), 0o600)
		if got, err := Read(path); err == nil {
			t.Errorf("%q was read as %q", bad, got)
		}
	}
	fifo := path + ".fifo"
	if err := unix.Mkfifo(fifo, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Read(fifo); err == nil {
		t.Error("a FIFO was read")
	}
}
