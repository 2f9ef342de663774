// Package files keeps small files that must never be half written and that
// perhaps only their owner may read: keys, certificates, tokens.
package files

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"syscall"

	"golang.org/x/sys/unix"
)

// Secret is the mode of a file that nobody but its owner reads, SecretDir that
// of a directory; Public is that of a file which all may read.
const (
	Secret    = 0o600
	SecretDir = 0o700
	Public    = 0o644
)

// Errors that are told by errors.Is.
var (
	ErrTooLarge = errors.New("the file is larger than it may be")
	ErrExposed  = errors.New("others than its owner may read or write it: set its mode to 0600")
)

// Replace puts data in the place of path's content: whoever reads it, even
// after a crash at any moment, finds the old content or the new one, whole. The
// file belongs to the owner of its directory where that can be brought about,
// so that what root prepares can be read by the service whose directory it is.
func Replace(path string, data []byte, mode os.FileMode) (err error) {
	dir := filepath.Dir(path)
	f, err := os.CreateTemp(dir, "."+filepath.Base(path)+".*")
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, f.Close(), os.Remove(f.Name()))
		}
	}()
	if _, err := f.Write(data); err != nil {
		return err
	}
	if err := giveToOwnerOf(dir, f); err != nil {
		return err
	}
	if err := f.Chmod(mode); err != nil {
		return err
	}
	if err := f.Sync(); err != nil {
		return err
	}
	if err := os.Rename(f.Name(), path); err != nil {
		return err
	}
	_ = f.Close() // all of it is on the disk, and in its place
	return syncDir(dir)
}

// giveToOwnerOf makes the owner of dir that of f; only root can and needs to.
func giveToOwnerOf(dir string, f *os.File) error {
	if os.Geteuid() != 0 {
		return nil
	}
	info, err := os.Stat(dir)
	if err != nil {
		return err
	}
	owner, ok := info.Sys().(*syscall.Stat_t)
	if !ok || owner.Uid == 0 {
		return nil
	}
	return f.Chown(int(owner.Uid), int(owner.Gid))
}

// syncDir makes a rename in dir last.
func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer func() { _ = d.Close() }()
	return d.Sync()
}

// Read reads a file of at most limit bytes.
func Read(path string, limit int) ([]byte, error) {
	data, _, err := read(path, limit)
	return data, err
}

// ReadSecret is Read of a file that must be for its owner alone, and is refused
// where it is not: who could read it may have.
func ReadSecret(path string, limit int) ([]byte, error) {
	data, mode, err := read(path, limit)
	if err == nil && mode.Perm()&0o077 != 0 {
		return nil, fmt.Errorf("%s has mode %#o: %w", path, mode.Perm(), ErrExposed)
	}
	return data, err
}

func read(path string, limit int) ([]byte, os.FileMode, error) {
	f, err := os.OpenFile(path, os.O_RDONLY|unix.O_NONBLOCK, 0) // a FIFO must not hold us
	if err != nil {
		return nil, 0, err
	}
	defer func() { _ = f.Close() }()
	info, err := f.Stat()
	if err != nil {
		return nil, 0, err
	}
	if !info.Mode().IsRegular() {
		return nil, 0, fmt.Errorf("%s is no regular file", path)
	}
	data, err := io.ReadAll(io.LimitReader(f, int64(limit)+1))
	if err == nil && len(data) > limit {
		return nil, 0, fmt.Errorf("%s: %w: %d bytes", path, ErrTooLarge, limit)
	}
	return data, info.Mode(), err
}

// Lock waits until no other process, and no other Lock in this one, holds dir.
func Lock(dir string) (unlock func(), err error) {
	d, err := os.Open(dir)
	if err != nil {
		return nil, err
	}
	for {
		err = unix.Flock(int(d.Fd()), unix.LOCK_EX)
		if !errors.Is(err, unix.EINTR) {
			break
		}
	}
	if err != nil {
		_ = d.Close()
		return nil, fmt.Errorf("locking %s: %w", dir, err)
	}
	return func() { _ = d.Close() }, nil // the lock ends with its descriptor
}
