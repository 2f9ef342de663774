package faults

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// group is one cgroup of version 1, which ends with its test.
type group struct{ dir string }

// cgroup makes one of a controller, with these files set in their order of name.
func cgroup(t *testing.T, controller string, files map[string]string) group {
	t.Helper()
	name := strings.NewReplacer("/", "-", " ", "-").Replace(t.Name())
	g := group{fmt.Sprintf("/sys/fs/cgroup/%s/ddcos-%d-%s", controller, os.Getpid(), name)}
	if err := os.Mkdir(g.dir, 0o755); errors.Is(err, os.ErrPermission) || errors.Is(err, os.ErrNotExist) || errors.Is(err, unix.EROFS) {
		t.Skipf("no cgroup of version 1 here: %v", err)
	} else if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		await(t, "the cgroup is empty", func() bool { return os.Remove(g.dir) == nil })
	})
	for file, text := range files {
		g.set(t, file, text)
	}
	return g
}

func (g group) set(t *testing.T, file, text string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(g.dir, file), []byte(text), 0); err != nil {
		t.Fatal(err)
	}
}

// add takes a process with all its threads in.
func (g group) add(t *testing.T, pid int) {
	t.Helper()
	g.set(t, "cgroup.procs", strconv.Itoa(pid))
}
