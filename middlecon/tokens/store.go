package tokens

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"ddcos/middlecon/files"
	"ddcos/protocol"
)

// ErrExposed is wrapped where others than its owner may read or write a file.
var ErrExposed = errors.New("others than its owner may read or write it: set its mode to 0600")

// Store is a file of tokens that others change. It is safe for many goroutines.
type Store struct {
	path string

	mu    sync.Mutex // guards the fields below
	stamp stamp
	list  List
}

// stamp tells one version of a file from another.
type stamp struct {
	device, inode    uint64
	size             int64
	changed, written syscall.Timespec
	mode             os.FileMode
}

// Open reads a file of tokens. One that is not there yet has none.
func Open(path string) (*Store, error) {
	s := &Store{path: path}
	_, err := s.Refresh()
	return s, err
}

// Refresh reads the file again if it is another than last time, and tells
// whether it was. With an error the tokens are those of before; the error is told
// once for each version of the file.
func (s *Store) Refresh() (changed bool, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	text, now, err := readSecret(s.path, s.stamp)
	if errors.Is(err, fs.ErrNotExist) {
		changed = len(s.list) > 0
		s.list, s.stamp = nil, stamp{}
		return changed, nil
	}
	if now == s.stamp && now != (stamp{}) {
		return false, nil
	}
	s.stamp = now
	if err != nil {
		return false, err
	}
	list, err := Parse(text)
	if err != nil {
		return false, fmt.Errorf("%s: %w", s.path, err)
	}
	s.list = list
	return true, nil
}

// List are the tokens as they were read last; not to be written to.
func (s *Store) List() List {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.list
}

// Find is List's.
func (s *Store) Find(secret string, use Use, now time.Time) (Token, error) {
	return s.List().Find(secret, use, now)
}

// Path is where the file is.
func (s *Store) Path() string { return s.path }

// Update changes the file of that path, and none but its owner, who is its
// directory's, may read it. Where there is none it is made, its directory too. Of two
// that change it at once, one waits.
func Update(path string, change func(List) (List, error)) error {
	if err := os.MkdirAll(filepath.Dir(path), files.SecretDir); err != nil {
		return err
	}
	unlock, err := files.Lock(filepath.Dir(path))
	if err != nil {
		return err
	}
	defer unlock()
	s, err := Open(path)
	if err != nil {
		return err
	}
	list, err := change(s.list)
	if err != nil {
		return err
	}
	return files.Replace(path, list.Encode(), files.Secret)
}

// readSecret reads a file unless it is the version that was seen before. One that
// others may read or write is refused, and what is no file as well.
func readSecret(path string, seen stamp) (text []byte, now stamp, err error) {
	f, err := os.OpenFile(path, os.O_RDONLY|unix.O_NONBLOCK, 0)
	if err != nil {
		return nil, stamp{}, err
	}
	defer func() { _ = f.Close() }()
	info, err := f.Stat()
	if err != nil {
		return nil, stamp{}, err
	}
	if raw, ok := info.Sys().(*syscall.Stat_t); ok {
		now = stamp{device: raw.Dev, inode: raw.Ino, size: raw.Size, changed: raw.Ctim, written: raw.Mtim, mode: info.Mode()}
	}
	switch {
	case now == seen:
		return nil, now, nil
	case !info.Mode().IsRegular():
		return nil, now, fmt.Errorf("%s is no regular file", path)
	case info.Mode().Perm()&0o077 != 0:
		return nil, now, fmt.Errorf("%s has mode %#o: %w", path, info.Mode().Perm(), ErrExposed)
	}
	text, err = io.ReadAll(io.LimitReader(f, MaxBytes+1))
	return text, now, err
}

// Read gives the secret that a file of its holder has, in a line of its own: for
// whoever is to show it. The file is refused where others may read it.
func Read(path string) (string, error) {
	text, _, err := readSecret(path, stamp{})
	if err != nil {
		return "", err
	}
	secret := strings.TrimSpace(string(text))
	if secret == "" || len(secret) > protocol.MaxToken || strings.ContainsFunc(secret, func(r rune) bool { return r <= ' ' || r > '~' }) {
		return "", fmt.Errorf("%s: want one token of 1 to %d printable characters", path, protocol.MaxToken)
	}
	return secret, nil
}
