package crowd

import (
	"bytes"
	"context"
	"debug/elf"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

func TestMain(m *testing.M) {
	Main()
	os.Exit(m.Run())
}

// named are the processes of this machine that run a program called so, by pid, with their threads.
func named(t *testing.T, comm string) map[int]int {
	t.Helper()
	found := map[int]int{}
	files, err := filepath.Glob("/proc/[0-9]*/comm")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil || strings.TrimSpace(string(text)) != comm {
			continue
		}
		var pid int
		if _, err := fmt.Sscanf(file, "/proc/%d/comm", &pid); err != nil {
			t.Fatal(err)
		}
		threads, err := os.ReadDir(filepath.Join(filepath.Dir(file), "task"))
		if err == nil {
			found[pid] = len(threads)
		}
	}
	return found
}

// mine are those of them that this process is above of.
func mine(t *testing.T) map[int]int {
	t.Helper()
	all := named(t, "sleeper")
	for pid := range all {
		parent := pid
		for parent > 1 && parent != os.Getpid() {
			stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", parent))
			parent = 0
			if err == nil {
				_, _ = fmt.Sscanf(string(stat[bytes.LastIndexByte(stat, ')')+3:]), "%d", &parent) // else it is none of ours
			}
		}
		if parent != os.Getpid() {
			delete(all, pid)
		}
	}
	return all
}

func TestCrowd(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("TMPDIR", dir)
	for _, threads := range []int{1, 8} {
		c, err := Start(t.Context(), 50, threads)
		if err != nil {
			t.Fatal(err)
		}
		await(t, "all threads, with their arguments, which the kernel has later than the name", func() bool {
			all := mine(t)
			for pid, n := range all {
				line, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid))
				if n != threads || err != nil || !strings.Contains(string(line), "--config=") || strings.Count(string(line), "\x00") != 7 {
					return false
				}
			}
			return len(all) == 50
		})
		if err := c.Close(); err != nil {
			t.Error(err)
		}
		if left := mine(t); len(left) > 0 {
			t.Errorf("%d are left", len(left))
		}
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}

// await waits for a condition.
func await(t *testing.T, what string, holds func() bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	for !holds() {
		if !pause(ctx, time.Millisecond) {
			t.Fatalf("waited in vain for %s", what)
		}
	}
}

func TestCrowdRefuses(t *testing.T) {
	for _, c := range [][2]int{{0, 1}, {1, 0}, {MaxProcesses + 1, 1}, {1, MaxThreads + 1}} {
		if _, err := Start(t.Context(), c[0], c[1]); !errors.Is(err, ErrCrowd) {
			t.Errorf("%v: %v", c, err)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := Start(ctx, 5, 1); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	if err := keep("/nowhere/program", "3"); !errors.Is(err, os.ErrNotExist) || !strings.Contains(err.Error(), "process 1 of 3") {
		t.Error(err)
	}
	if keep("/nowhere/program", "many") == nil {
		t.Error("many is no number")
	}
}

func TestExecutable(t *testing.T) {
	for name, code := range map[string]Code{"sleeper": Sleeper(7), "ender": Ender(3), "burner": Burner(1, 2), "daemon": Daemon(1, 2)} {
		f, err := elf.NewFile(bytes.NewReader(code.Executable()))
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if f.Type != elf.ET_EXEC || f.Machine != elf.EM_X86_64 || len(f.Progs) != 1 || f.Progs[0].Flags != elf.PF_R|elf.PF_X || f.Entry != f.Progs[0].Vaddr+120 {
			t.Errorf("%s: %+v, %+v", name, f.FileHeader, f.Progs[0].ProgHeader)
		}
	}
}

// run runs a program and tells its status and what it and what it left used.
func run(t *testing.T, code Code) (syscall.WaitStatus, time.Duration) {
	t.Helper()
	path, err := code.Install(t.TempDir(), "program")
	if err != nil {
		t.Fatal(err)
	}
	pid, err := syscall.ForkExec(path, []string{path}, nil)
	if err != nil {
		t.Fatal(err)
	}
	var status syscall.WaitStatus
	var used syscall.Rusage
	if _, err := syscall.Wait4(pid, &status, 0, &used); err != nil {
		t.Fatal(err)
	}
	return status, time.Duration(used.Utime.Nano() + used.Stime.Nano())
}

func TestPrograms(t *testing.T) {
	if status, _ := run(t, Ender(7)); status.ExitStatus() != 7 {
		t.Errorf("ender: %v", status)
	}
	status, used := run(t, Burner(100_000_000, 9))
	if status.ExitStatus() != 9 || used < 5*time.Millisecond {
		t.Errorf("burner: %v after %v", status, used)
	}
	if status, own := run(t, Daemon(400_000_000, 9)); status.ExitStatus() != 0 || own > used { // a fourth of what its child uses
		t.Errorf("daemon: %v after %v", status, own)
	}
}

func TestStorm(t *testing.T) {
	path, err := Ender(0).Install(t.TempDir(), "ender")
	if err != nil {
		t.Fatal(err)
	}
	fallen, err := Storm{Program: path, Rate: 500, Number: 50}.Run(t.Context())
	if err != nil || fallen.Number != 50 || fallen.CPU <= 0 || fallen.Took < 49*time.Second/500 {
		t.Errorf("%+v, %v", fallen, err)
	}
	if fallen, err = (Storm{Program: path, Number: 1 << 30}).Run(&counted{t.Context(), 3}); err != nil || fallen.Number != 3 {
		t.Errorf("until it was told to end: %+v, %v", fallen, err)
	}
	if _, err = (Storm{Program: "/nowhere/program", Number: 1}).Run(t.Context()); !errors.Is(err, os.ErrNotExist) {
		t.Error(err)
	}
}

// counted is a context that ends when somebody has asked it so often whether it has.
type counted struct {
	context.Context
	left int
}

func (c *counted) Err() error {
	if c.left == 0 {
		return context.Canceled
	}
	c.left--
	return nil
}
