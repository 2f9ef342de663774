package procfs

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"testing"

	prometheus "github.com/prometheus/procfs"
)

// A tree is a made proc file system in a directory of its own.
type tree struct {
	t    testing.TB
	root string
}

// newTree is a host on which nothing is hidden, with the kernel's files for
// reader "self" and no process.
func newTree(t testing.TB) tree {
	tr := tree{t, t.TempDir()}
	tr.write("sys/kernel/random/boot_id", "7f3c0a52-90f7-4b5a-9a11-1f2c3d4e5f60\n")
	tr.write("sys/kernel/pid_max", "4194304\n")
	tr.link("self/ns/pid", "pid:["+strconv.Itoa(initPIDNamespace)+"]")
	tr.write("self/cgroup", "0::/user.slice\n")
	tr.write("self/io", goodIO)
	tr.write("stat", "cpu  10 20 30 1000 500 1 2 3 7 8\ncpu0 10 20 30 1000 500 1 2 3 7 8\ncpu1 0 0 0 0 0 0 0 0 0 0\nbtime 1700000000\n")
	tr.write("meminfo", "MemTotal:  2048 kB\nMemFree: 1 kB\nMemAvailable:  1024 kB\n")
	tr.write("loadavg", "0.25 1.50 3.00 1/100 4242\n")
	return tr
}

// write makes a file, and the directories above it.
func (tr tree) write(name, text string) {
	tr.t.Helper()
	path := filepath.Join(tr.root, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		tr.t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		tr.t.Fatal(err)
	}
}

// link makes a symbolic link to anything, as the kernel's namespaces have.
func (tr tree) link(name, to string) {
	tr.t.Helper()
	path := filepath.Join(tr.root, name)
	if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.Symlink(to, path)); err != nil {
		tr.t.Fatal(err)
	}
}

// remove takes away a file or a directory.
func (tr tree) remove(name string) {
	tr.t.Helper()
	if err := os.RemoveAll(filepath.Join(tr.root, name)); err != nil {
		tr.t.Fatal(err)
	}
}

// process makes a whole process.
func (tr tree) process(pid int) {
	tr.t.Helper()
	dir := strconv.Itoa(pid)
	tr.write(dir+"/stat", statLine(strconv.Itoa(pid)+" (cat)", nil))
	tr.write(dir+"/status", goodStatus)
	tr.write(dir+"/cmdline", "cat\x00-n\x00")
	tr.write(dir+"/cgroup", "0::/system.slice/cat.service\n")
	tr.write(dir+"/io", goodIO)
}

// open is New on the tree.
func (tr tree) open() *FS {
	tr.t.Helper()
	fs, err := New(tr.t.Context(), tr.root)
	if err != nil {
		tr.t.Fatal(err)
	}
	return fs
}

// oracle is prometheus/procfs on one made file of process 1; it is made once
// for a fuzz target, and its file written for each input.
type oracle struct {
	path string
	proc prometheus.Proc
}

// newOracle makes the tree that the library reads FILE of process 1 from.
func newOracle(f *testing.F, file string) oracle {
	tr := tree{f, f.TempDir()}
	tr.write("1/"+file, "")
	fs, err := prometheus.NewFS(tr.root)
	if err != nil {
		f.Fatal(err)
	}
	proc, err := fs.Proc(1)
	if err != nil {
		f.Fatal(err)
	}
	return oracle{filepath.Join(tr.root, "1", file), proc}
}

// set gives the file its text.
func (o oracle) set(t *testing.T, text []byte) {
	t.Helper()
	if err := os.WriteFile(o.path, text, 0o644); err != nil {
		t.Fatal(err)
	}
}

// same complains when two ways to read a field differ.
func same[T comparable](t *testing.T, what string, got, want T) {
	t.Helper()
	if got != want {
		t.Errorf("%s: got %s, want %s", what, fmt.Sprintf("%#v", got), fmt.Sprintf("%#v", want))
	}
}
