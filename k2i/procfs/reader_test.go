package procfs

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// openDir opens a directory as fs.read does.
func openDir(t *testing.T, path string) int {
	t.Helper()
	dir, err := unix.Open(path, unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = unix.Close(dir) })
	return dir
}

func TestReaderReadsNoMoreThanItsLimit(t *testing.T) {
	tr := newTree(t)
	tr.write("9/big", strings.Repeat("x", 2<<20))
	tr.write("9/small", "abc")
	tr.write("9/empty", "")
	r := reader{system: Kernel{}, dir: openDir(t, filepath.Join(tr.root, "9"))}
	for _, c := range []struct {
		name        string
		limit, want int
	}{{"big", 10, 10}, {"big", MaxFile, MaxFile}, {"big", 3 * MaxFile, 3 * MaxFile}, {"big", 1 << 30, 2 << 20}, {"small", 10, 3}, {"empty", 10, 0}, {"small", 0, 0}} {
		b, err := r.file(c.name, c.limit)
		if err != nil || len(b) != c.want {
			t.Errorf("%s up to %d: %d bytes, %v", c.name, c.limit, len(b), err)
		}
	}
}

func TestReaderErrors(t *testing.T) {
	tr := newTree(t)
	tr.write("9/stat/inner", "a directory where a file should be")
	r := reader{system: Kernel{}, dir: openDir(t, filepath.Join(tr.root, "9")), lacks: []string{"io"}}
	if _, err := r.file("status", MaxFile); !errors.Is(err, errGone) {
		t.Errorf("missing: %v", err)
	}
	if _, err := r.file("io", MaxFile); !errors.Is(err, errLacking) {
		t.Errorf("not built in: %v", err)
	}
	if _, err := r.file("stat", MaxFile); !errors.Is(err, unix.EISDIR) || errors.Is(err, errGone) || errors.Is(err, errHidden) {
		t.Errorf("a directory: %v", err)
	}
	for errno, want := range map[unix.Errno]error{
		unix.ENOENT: errGone, unix.ESRCH: errGone, unix.EACCES: errHidden, unix.EPERM: errHidden, unix.EMFILE: unix.EMFILE,
	} {
		if err := readError(errno); !errors.Is(err, want) {
			t.Errorf("%v: got %v", errno, err)
		}
	}
}

// A pipe with nobody at its other end must not hold the reader up.
func TestReaderDoesNotWait(t *testing.T) {
	tr := newTree(t)
	tr.write("9/stat", "")
	if err := unix.Mkfifo(filepath.Join(tr.root, "9", "pipe"), 0o600); err != nil {
		t.Fatal(err)
	}
	r := reader{system: Kernel{}, dir: openDir(t, filepath.Join(tr.root, "9"))}
	if b, err := r.file("pipe", MaxFile); err != nil || len(b) != 0 {
		t.Errorf("got %q, %v", b, err)
	}
}

// All files come from the directory that was opened, also when its name is
// another process's by then.
func TestReaderStaysWithItsDirectory(t *testing.T) {
	tr := newTree(t)
	tr.write("9/comm", "first")
	r := reader{system: Kernel{}, dir: openDir(t, filepath.Join(tr.root, "9"))}
	if err := os.Rename(filepath.Join(tr.root, "9"), filepath.Join(tr.root, "ended")); err != nil {
		t.Fatal(err)
	}
	tr.write("9/comm", "second")
	if b, err := r.file("comm", MaxFile); err != nil || string(b) != "first" {
		t.Errorf("got %q, %v", b, err)
	}
}
