package detail

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"ddcos/k2i"
	"ddcos/k2i/procfs"
)

// hangMount mounts a FUSE file system whose server never answers over a path, for one
// thread alone, and gives the path by which others reach that thread's mounts. mode is its
// root's; end ends the server, and the kernel gives all up that wait.
func hangMount(t *testing.T, path, mode string) (root string, end func()) {
	t.Helper()
	fd, err := unix.Open("/dev/fuse", unix.O_RDWR|unix.O_CLOEXEC, 0)
	if err != nil {
		t.Skipf("no FUSE here: %v", err)
	}
	end = sync.OnceFunc(func() { _ = unix.Close(fd) })
	t.Cleanup(end)
	ready, leave := make(chan error, 1), make(chan struct{})
	var tid int
	go func() {
		runtime.LockOSThread() // and never unlocked: the thread ends with its mounts
		tid = unix.Gettid()
		ready <- errors.Join(
			unix.Unshare(unix.CLONE_FS|unix.CLONE_NEWNS),
			unix.Mount("", "/", "", unix.MS_PRIVATE|unix.MS_REC, ""),
			unix.Mount("dead", path, "fuse", 0, fmt.Sprintf("fd=%d,rootmode=%s,user_id=0,group_id=0", fd, mode)),
		)
		<-leave
	}()
	t.Cleanup(func() { close(leave) })
	if err := <-ready; err != nil {
		t.Skipf("a mount of one's own needs root: %v", err)
	}
	return fmt.Sprintf("/proc/self/task/%d/root", tid), end
}

// A file system whose server does not answer leaves the rest of the host to be
// told of; when the server is gone at last its reader comes back.
func TestHungFileSystem(t *testing.T) {
	dir, proc := t.TempDir(), t.TempDir()
	root, end := hangMount(t, dir, "40000")
	link := func(name, to string) {
		path := filepath.Join(proc, name)
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.Symlink(to, path)); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{"sys", "stat", "meminfo", "cpuinfo", "net"} {
		link(name, "/proc/"+name)
	}
	link("self/ns/pid", "pid:[4026531836]")
	link("self/root", root)
	mounts := fmt.Sprintf("27 1 254:0 / / rw - ext4 /dev/vda rw\n28 27 0:99 / %s rw - fuse dead rw\n", dir)
	if err := os.WriteFile(filepath.Join(proc, "self/mountinfo"), []byte(mounts), 0o600); err != nil {
		t.Fatal(err)
	}
	fs, err := procfs.New(t.Context(), proc)
	if err != nil {
		t.Fatal(err)
	}
	o := MachineOptions()
	o.Deadline = deadline
	r := NewMachineReader(procfs.NewMachine(fs, procfs.DefaultSys), o)
	got := read(t, r)
	if len(got.Mounts) != 2 || got.Mounts[0].SizeBytes <= 0 || got.Mounts[1].Missing != k2i.GapDeadline || got.Mounts[1].Point != dir || r.Stats().Stuck != 1 {
		t.Errorf("%+v, %+v", got.Mounts, r.Stats())
	}
	end()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for late := time.After(time.Minute); r.Stats().Stuck != 0; {
		select {
		case <-tick.C:
		case <-late:
			t.Fatalf("%+v", r.Stats())
		}
	}
}
