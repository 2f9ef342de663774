package faults

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// defect is a mistake that a broker is built with, for one test: a piece of the
// code, which must be there once, and what stands in its place. No file of the
// tree is touched.
type defect struct {
	name     string
	file     string // from the root of the tree
	from, to string
}

// variant is what a broker is built with instead: files by their absolute paths, an empty
// one as if it were not there.
type variant struct {
	name  string
	files map[string]string
}

// variant is the broker with that mistake.
func (d *defect) variant(t testing.TB) *variant {
	t.Helper()
	source, text := spoiled(t, d)
	return &variant{d.name, map[string]string{source: text}}
}

// program is a built middlecon, with other files where there are some. It is built
// once for all tests of this process.
func program(t testing.TB, with *variant) string {
	t.Helper()
	dir := os.Getenv(binEnv)
	name, args := "middlecon", []string{"build"}
	if with != nil {
		name += "-" + strings.ReplaceAll(with.name, " ", "-")
		args = append(args, "-overlay="+overlay(t, with))
	}
	path := filepath.Join(dir, name)
	lock, err := os.OpenFile(path+".lock", os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = lock.Close() }()
	if err := unix.Flock(int(lock.Fd()), unix.LOCK_EX); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(path); err == nil {
		return path
	}
	cmd := exec.CommandContext(t.Context(), "go", append(args, "-o", path, "ddcos/cmd/middlecon")...)
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("building %s: %v\n%s", name, err, out)
	}
	return path
}

// overlay writes the files, and the list that go build takes.
func overlay(t testing.TB, with *variant) string {
	t.Helper()
	dir := t.TempDir()
	replaced := map[string]string{}
	for source, text := range with.files {
		if replaced[source] = ""; text == "" {
			continue
		}
		replaced[source] = filepath.Join(dir, filepath.Base(source))
		if err := os.WriteFile(replaced[source], []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	list, err := json.Marshal(map[string]any{"Replace": replaced})
	if err == nil {
		err = os.WriteFile(filepath.Join(dir, "overlay.json"), list, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	return filepath.Join(dir, "overlay.json")
}

// spoiled is a file of the tree with the defect, and its path.
func spoiled(t testing.TB, with *defect) (path, text string) {
	t.Helper()
	source, err := filepath.Abs(filepath.Join("../..", with.file))
	if err != nil {
		t.Fatal(err)
	}
	code, err := os.ReadFile(source)
	if err != nil {
		t.Fatal(err)
	}
	if n := strings.Count(string(code), with.from); n != 1 {
		t.Fatalf("%s has %q %d times: bring the defect %q up to date", with.file, with.from, n, with.name)
	}
	return source, strings.Replace(string(code), with.from, with.to, 1)
}

// process is one that a test started and may break.
type process struct {
	name string
	cmd  *exec.Cmd
	done chan struct{} // closed when it has ended
}

// run starts a program that ends with the test; its output goes to a file.
func run(t testing.TB, name, output string, env []string, argv ...string) *process {
	t.Helper()
	out, err := os.OpenFile(output, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = out.Close() }()
	p := &process{name: name, cmd: exec.Command(argv[0], argv[1:]...), done: make(chan struct{})}
	p.cmd.Env = append(os.Environ(), env...)
	p.cmd.Stdout, p.cmd.Stderr = out, out
	p.cmd.SysProcAttr = &unix.SysProcAttr{Pdeathsig: unix.SIGKILL}
	started := make(chan error, 1)
	go func() {
		runtime.LockOSThread() // its end would be the parent's death
		defer runtime.UnlockOSThread()
		err := p.cmd.Start()
		started <- err
		if err == nil {
			_ = p.cmd.Wait()
			close(p.done)
		}
	}()
	if err := <-started; err != nil {
		t.Fatalf("starting %s: %v", name, err)
	}
	t.Cleanup(func() { p.end() })
	return p
}

func (p *process) pid() int { return p.cmd.Process.Pid }

func (p *process) signal(t testing.TB, s unix.Signal) {
	t.Helper()
	if err := p.cmd.Process.Signal(s); err != nil {
		t.Errorf("signal %v to %s: %v", s, p.name, err)
	}
}

// end kills it, if it has not ended, and waits for that.
func (p *process) end() {
	_ = p.cmd.Process.Kill()
	<-p.done
}

func (p *process) alive() bool {
	select {
	case <-p.done:
		return false
	default:
		return true
	}
}

// stopped waits until a signal has stopped every thread of the process.
func (p *process) stopped(t testing.TB) {
	t.Helper()
	p.signal(t, unix.SIGSTOP)
	await(t, p.name+" is stopped", func() bool {
		tasks, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/stat", p.pid()))
		if err != nil || len(tasks) == 0 {
			return false
		}
		for _, path := range tasks {
			stat, err := os.ReadFile(path)
			if err != nil || !strings.HasPrefix(string(stat[strings.LastIndex(string(stat), ")")+1:]), " T") {
				return false
			}
		}
		return true
	})
}
