package procfs

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"ddcos/k2i"
)

func pidsOf(sample *k2i.Sample) []int32 {
	pids := []int32{}
	for _, p := range sample.Processes {
		pids = append(pids, p.PID)
	}
	return pids
}

func TestReadTree(t *testing.T) {
	tr := newTree(t)
	for _, pid := range []int{10, 9, 100, 1, 2147483647} {
		tr.process(pid)
	}
	for _, name := range []string{"0", "-5", "+6", "2147483648", "99999999999999999999", "12x", "sys", "1.5"} {
		tr.write(name+"/stat", statLine("7 (no process)", nil))
	}
	sample, err := tr.open().Read(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	want := []int32{1, 9, 10, 100, 2147483647}
	if got := pidsOf(sample); !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	same(t, "mode", sample.Mode, k2i.ModeProcfs)
	same(t, "visibility", sample.Visibility, k2i.VisibilityFull)
	same(t, "missing", strings.Join(sample.Missing, " "), "exec_id pidfd_inode")
	same(t, "arguments", strings.Join(sample.Processes[0].Args, " "), "cat -n")
	same(t, "cgroup", sample.Processes[0].Cgroup, "/system.slice/cat.service")
	same(t, "read", sample.Processes[0].ReadBytes, 4096)
}

// A process that ends while it is read is left out whole, whichever file was
// the first that was gone, and nobody else is.
func TestProcessesThatEnd(t *testing.T) {
	for _, file := range []string{"stat", "status", "cmdline", "cgroup", "io"} {
		t.Run(file, func(t *testing.T) {
			tr := newTree(t)
			tr.process(8)
			tr.process(9)
			tr.remove("9/" + file)
			fs := tr.open()
			sample, err := fs.Read(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			if got := pidsOf(sample); !slices.Equal(got, []int32{8}) {
				t.Errorf("got %v", got)
			}
			same(t, "visibility", sample.Visibility, k2i.VisibilityFull)
			if _, err := fs.Process(9); !errors.Is(err, errGone) {
				t.Errorf("alone: %v", err)
			}
		})
	}
}

// Files that are not the kernel's, or are another process's, leave their
// process out and nobody else.
func TestProcessesThatAreNone(t *testing.T) {
	tr := newTree(t)
	for pid := 5; pid < 10; pid++ {
		tr.process(pid)
	}
	tr.write("6/stat", statLine("7 (another)", nil))
	tr.write("7/stat", "7 (cut")
	tr.write("8/status", "Name:\tcat\n")
	tr.write("9/io", "rubbish")
	fs := tr.open()
	sample, err := fs.Read(t.Context())
	if err != nil || !slices.Equal(pidsOf(sample), []int32{5}) {
		t.Errorf("got %v, %v", pidsOf(sample), err)
	}
	for pid, want := range map[int32]error{6: errGone, 7: errStat, 8: errStatus, 9: errIO, 11: errGone} {
		if _, err := fs.Process(pid); !errors.Is(err, want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("process %d: %v", pid, err)
		}
	}
}

func TestReadStopsWhenTold(t *testing.T) {
	tr := newTree(t)
	tr.process(9)
	ctx, cancel := context.WithCancel(t.Context())
	fs := tr.open()
	cancel()
	if sample, err := fs.Read(ctx); !errors.Is(err, context.Canceled) || sample != nil {
		t.Errorf("got %v, %v", sample, err)
	}
}

func TestLess(t *testing.T) {
	same(t, "full", less(k2i.VisibilityFull), k2i.VisibilityPartial)
	same(t, "partial", less(k2i.VisibilityPartial), k2i.VisibilityPartial)
	same(t, "namespace", less(k2i.VisibilityNamespace), k2i.VisibilityNamespace)
}

// TestAsNobody runs the tests below it in a process without any right.
func TestAsNobody(t *testing.T) {
	tr := newTree(t)
	tr.process(8)
	tr.process(9)
	for _, name := range []string{"9/io", "8/stat"} {
		if err := os.Chmod(filepath.Join(tr.root, name), 0); err != nil {
			t.Fatal(err)
		}
	}
	program := filepath.Join(tr.root, "program") // where nobody may run it
	for path, mode := range map[string]os.FileMode{tr.root: 0o755, filepath.Dir(tr.root): 0o755} {
		if err := os.Chmod(path, mode); err != nil {
			t.Fatal(err)
		}
	}
	b, err := os.ReadFile(os.Args[0])
	if err == nil {
		err = os.WriteFile(program, b, 0o755)
	}
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), program, "-test.run=^TestNobody", "-test.v")
	cmd.Env = append(os.Environ(), nobodyRoot+"="+tr.root)
	cmd.Dir = tr.root
	if os.Geteuid() == 0 {
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
	}
	out, err := cmd.CombinedOutput()
	if err != nil || !strings.Contains(string(out), "PASS: TestNobodySees") {
		t.Errorf("%v\n%s", err, out)
	}
}

// nobodyRoot tells a process of TestAsNobody which tree to read.
const nobodyRoot = "DDCOS_NOBODY_ROOT"

// TestNobodySees is run by TestAsNobody, and only looks at this process else.
func TestNobodySees(t *testing.T) {
	root := os.Getenv(nobodyRoot)
	if root == "" {
		fs, err := New(t.Context(), DefaultRoot)
		if err != nil {
			t.Fatal(err)
		}
		if p, err := fs.Process(int32(os.Getpid())); err != nil || p.ReadBytes < 0 {
			t.Errorf("itself: %+v, %v", p, err)
		}
		return
	}
	fs, err := New(t.Context(), root)
	if err != nil {
		t.Fatal(err)
	}
	sample, err := fs.Read(t.Context())
	if err != nil || !slices.Equal(pidsOf(sample), []int32{9}) {
		t.Fatalf("got %+v, %v", sample, err)
	}
	p := sample.Processes[0]
	same(t, "read", p.ReadBytes, k2i.Unread)
	same(t, "written", p.WriteBytes, k2i.Unread)
	same(t, "the rest", p.Comm, "cat")
	same(t, "visibility", sample.Visibility, k2i.VisibilityPartial)

	this, err := New(t.Context(), DefaultRoot)
	if err != nil {
		t.Fatal(err)
	}
	if sample, err = this.Read(t.Context()); err != nil || sample.Visibility == k2i.VisibilityFull {
		t.Errorf("this machine: visibility %s, %v", sample.Visibility, err)
	}
	NewSeldom(this).Fill(sample)
	if !slices.Contains(sample.Missing, "exe") || !slices.Contains(sample.Missing, "ns_net") {
		t.Errorf("links of others are not missing: %v", sample.Missing)
	}
}
