package files_test

import (
	"bytes"
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"ddcos/middlecon/files"
)

// asWriter makes the test binary replace a file for as long as it lives.
const asWriter = "FILES_TEST_WRITE"

// large is a content whose half would be noticed: one letter, many times.
func large(letter byte) []byte { return bytes.Repeat([]byte{letter}, 256<<10) }

func TestMain(m *testing.M) {
	if path := os.Getenv(asWriter); path != "" {
		for i := 0; ; i++ {
			if err := files.Replace(path, large('a'+byte(i%26)), files.Secret); err != nil {
				panic(err)
			}
			if i == 3 {
				_, _ = os.Stdout.WriteString("going\n")
			}
		}
	}
	os.Exit(m.Run())
}

// TestKilledWriter kills a process that replaces a file, many times: the file is
// always whole, and no later writer minds what was left.
func TestKilledWriter(t *testing.T) {
	path := filepath.Join(t.TempDir(), "file")
	for range 8 {
		ctx, kill := context.WithCancel(t.Context())
		cmd := exec.CommandContext(ctx, os.Args[0])
		cmd.Env = append(os.Environ(), asWriter+"="+path)
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		if _, err := out.Read(make([]byte, 8)); err != nil {
			t.Fatal(err)
		}
		for range 20 {
			whole(t, path)
		}
		kill()
		_ = cmd.Wait() // it was killed
		whole(t, path)
	}
	if err := files.Replace(path, large('z'), files.Secret); err != nil {
		t.Fatal(err)
	}
	if whole(t, path) != 'z' {
		t.Error("the last writer's content is not there")
	}
}

func whole(t *testing.T, path string) byte {
	t.Helper()
	got, err := files.ReadSecret(path, 1<<20)
	if err != nil {
		t.Fatal(err)
	}
	if len(got) == 0 || !bytes.Equal(got, large(got[0])) {
		t.Fatalf("%d bytes, not all of one letter", len(got))
	}
	return got[0]
}

func TestModesAndOwners(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "key")
	old := unix.Umask(0o777) // it must not matter
	err := files.Replace(path, []byte("x"), files.Public)
	unix.Umask(old)
	if err != nil {
		t.Fatal(err)
	}
	mode(t, path, files.Public)
	if _, err := files.ReadSecret(path, 10); !errors.Is(err, files.ErrExposed) || !strings.Contains(err.Error(), path) {
		t.Errorf("a secret that all may read: %v", err)
	}
	if err := files.Replace(path, []byte("y"), files.Secret); err != nil {
		t.Fatal(err)
	}
	mode(t, path, files.Secret)
	if got, err := files.ReadSecret(path, 10); err != nil || string(got) != "y" {
		t.Errorf("%q, %v", got, err)
	}
	if os.Geteuid() != 0 {
		t.Skip("only root gives files away")
	}
	if err := os.Chown(dir, 65534, 65534); err != nil {
		t.Fatal(err)
	}
	if err := files.Replace(path, []byte("z"), files.Secret); err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	if owner, ok := info.Sys().(*syscall.Stat_t); !ok || owner.Uid != 65534 || owner.Gid != 65534 {
		t.Errorf("it does not belong to the owner of its directory: %+v", owner)
	}
}

func mode(t *testing.T, path string, want os.FileMode) {
	t.Helper()
	if info, err := os.Stat(path); err != nil || info.Mode() != want {
		t.Errorf("mode %v, %v; want %v", info.Mode(), err, want)
	}
}

// TestFailureLeavesNothing: neither the old content nor the directory suffers.
func TestFailureLeavesNothing(t *testing.T) {
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, "taken"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := files.Replace(filepath.Join(dir, "taken"), []byte("x"), files.Secret); err == nil {
		t.Error("a directory was replaced by a file")
	}
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) != 1 {
		t.Errorf("%v, %v", entries, err)
	}
	if err := files.Replace(filepath.Join(dir, "none", "x"), nil, files.Secret); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("without a directory: %v", err)
	}
}

func TestReadRefuses(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "x")
	if err := files.Replace(path, []byte("12345"), files.Secret); err != nil {
		t.Fatal(err)
	}
	if got, err := files.Read(path, 5); err != nil || string(got) != "12345" {
		t.Errorf("%q, %v", got, err)
	}
	if _, err := files.Read(path, 4); !errors.Is(err, files.ErrTooLarge) {
		t.Errorf("one byte too many: %v", err)
	}
	fifo := filepath.Join(dir, "fifo")
	if err := unix.Mkfifo(fifo, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, odd := range []string{fifo, dir, "/dev/zero"} {
		if _, err := files.Read(odd, 10); err == nil {
			t.Errorf("%s was read", odd)
		}
	}
}

// TestLock has many add to a number in a file: none is lost.
func TestLock(t *testing.T) {
	dir := t.TempDir()
	var inside atomic.Int32
	var all sync.WaitGroup
	for range 16 {
		all.Go(func() {
			unlock, err := files.Lock(dir)
			if err != nil {
				t.Error(err)
				return
			}
			defer unlock()
			if inside.Add(1) != 1 {
				t.Error("two hold the lock")
			}
			if err := files.Replace(filepath.Join(dir, "n"), []byte("n"), files.Secret); err != nil {
				t.Error(err)
			}
			inside.Add(-1)
		})
	}
	all.Wait()
	if _, err := files.Lock(filepath.Join(dir, "none")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("no directory: %v", err)
	}
}
