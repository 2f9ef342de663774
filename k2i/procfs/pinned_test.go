package procfs

import (
	"bufio"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"ddcos/k2i"
)

// child starts a program that waits for its input to end, and pins it.
func child(t *testing.T) (cmd *exec.Cmd, key k2i.Key, fs *FS) {
	t.Helper()
	return childAs(t, nil)
}

// childAs is child as somebody else, or as who runs the test.
func childAs(t *testing.T, who *syscall.Credential) (cmd *exec.Cmd, key k2i.Key, fs *FS) {
	t.Helper()
	cmd = exec.CommandContext(t.Context(), "cat")
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: who}
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if _, err := fmt.Fprintln(in, "ready"); err != nil {
		t.Fatal(err)
	}
	if line, err := bufio.NewReader(out).ReadString('\n'); err != nil || line != "ready\n" {
		t.Fatal(line, err)
	}
	if fs, err = New(t.Context(), DefaultRoot); err != nil {
		t.Fatal(err)
	}
	p, err := fs.Process(int32(cmd.Process.Pid))
	if err != nil {
		t.Fatal(err)
	}
	return cmd, p.Key(), fs
}

// Everything that a root agent can read of a program that waits.
func TestPinned(t *testing.T) {
	_, key, fs := child(t)
	p, err := fs.Pin(key)
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	if m, err := p.Rollup(); err != nil || m.PSSBytes <= 0 || m.USSBytes <= 0 || m.USSBytes > m.PSSBytes {
		t.Errorf("memory %+v, %v", m, err)
	}
	if list, n, err := p.FDs(); err != nil || n < 3 || list[0].Kind != "pipe" || list[1].FD != 1 || !strings.HasPrefix(list[1].Target, "pipe:[") || list[2].Target != "/dev/null" || list[2].Kind != "file" {
		t.Errorf("files %+v, %v", list, err)
	}
	var wchan string
	for deadline := time.Now().Add(time.Minute); !strings.Contains(wchan, "pipe"); runtime.Gosched() { // it is on its way there
		if wchan, err = p.Wchan(); err != nil || time.Now().After(deadline) {
			t.Fatalf("it waits in %q, %v", wchan, err)
		}
	}
	if os.Geteuid() == 0 {
		if stack, err := p.Stack(); err != nil || len(stack) < 2 || !strings.Contains(strings.Join(stack, " "), "pipe_read+0x") {
			t.Errorf("stack %q, %v", stack, err)
		}
	}
}

// What a pid says after its process has ended is nobody's answer.
func TestPinnedThatEnds(t *testing.T) {
	cmd, key, fs := child(t)
	other := key
	other.StartTicks++
	if p, err := fs.Pin(other); p != nil || Reason(err) != k2i.GapEnded {
		t.Errorf("another process with that pid: %v", err)
	}
	p, err := fs.Pin(key)
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	if err := errors.Join(cmd.Process.Kill(), awaitZombie(fs, key.PID)); err != nil {
		t.Fatal(err)
	}
	if err := p.Lives(); Reason(err) != k2i.GapEnded {
		t.Errorf("a zombie: %v", err)
	}
	if err := cmd.Wait(); err == nil {
		t.Error("it was not killed")
	}
	for name, read := range map[string]func() error{
		"pin":    func() error { _, err := fs.Pin(key); return err },
		"memory": func() error { _, err := p.Rollup(); return err },
		"files":  func() error { _, _, err := p.FDs(); return err },
		"limits": func() error { _, err := p.Limits(); return err },
		"wchan":  func() error { _, err := p.Wchan(); return err },
		"stack":  func() error { _, err := p.Stack(); return err },
	} {
		if err := read(); Reason(err) != k2i.GapEnded {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// awaitZombie waits until a process that was killed is one.
func awaitZombie(fs *FS, pid int32) error {
	fd, err := unix.PidfdOpen(int(pid), 0)
	if err != nil {
		return err
	}
	defer func() { _ = unix.Close(fd) }()
	for n := 0; n == 0; {
		// The runtime's own signals interrupt it.
		if n, err = unix.Poll([]unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}, 60_000); err != nil && !errors.Is(err, unix.EINTR) || n == 0 && err == nil {
			return fmt.Errorf("waiting for its end: %w", err)
		}
	}
	p, err := fs.Process(pid)
	if err == nil && p.State != "Z" {
		err = fmt.Errorf("its state is %s", p.State)
	}
	return err
}

// A user who may not is told so, part by part.
func TestPinnedDenied(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("needs root to become somebody else")
	}
	_, key, fs := child(t)
	reasons := make(chan map[string]k2i.GapReason)
	go func() {
		runtime.LockOSThread() // this thread alone is somebody else, and ends with the goroutine
		if _, _, errno := unix.RawSyscall(unix.SYS_SETRESUID, 65534, 65534, 65534); errno != 0 {
			t.Error(errno)
		}
		got := map[string]k2i.GapReason{}
		if p, err := fs.Pin(key); err == nil {
			_, memory := p.Rollup()
			_, _, files := p.FDs()
			_, stack := p.Stack()
			_, limits := p.Limits()
			got["memory"], got["files"], got["stack"] = Reason(memory), Reason(files), Reason(stack)
			if limits == nil {
				got["limits"] = "read"
			}
			p.Close()
		}
		reasons <- got
	}()
	got := <-reasons
	for _, part := range []string{"memory", "files", "stack"} {
		if got[part] != k2i.GapDenied {
			t.Errorf("%s: %q of %v", part, got[part], got)
		}
	}
	if got["limits"] != "read" { // anybody may
		t.Errorf("limits: %v", got)
	}
}

// Links are told as they are, and never followed.
func TestFDs(t *testing.T) {
	dir := t.TempDir()
	name := filepath.Join(dir, "a\nb\x1b[2J: c")
	file, err := os.Create(name)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = file.Close() }()
	gone, err := os.Create(filepath.Join(dir, "socket:[1]"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = gone.Close() }()
	if err := os.Remove(gone.Name()); err != nil {
		t.Fatal(err)
	}
	memfd, err := unix.MemfdCreate("pipe:[7]", 0)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = unix.Close(memfd) }()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	ns, err := os.Open("/proc/self/ns/net")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = ns.Close() }()
	list, n, err := pinSelf(t).FDs()
	if err != nil || n < len(list) {
		t.Fatal(list, n, err)
	}
	kinds := map[string]string{name: "file", gone.Name() + " (deleted)": "file", "/memfd:pipe:[7] (deleted)": "memfd"}
	seen := map[string]bool{}
	for _, f := range list {
		if want, ok := kinds[f.Target]; ok && f.Kind != want {
			t.Errorf("%+v, want %s", f, want)
		}
		seen[f.Kind], seen[f.Target] = true, true
	}
	for _, want := range slices.Concat([]string{name, gone.Name() + " (deleted)", "socket", "net", "eventpoll"}) {
		if !seen[want] {
			t.Errorf("no %q in %+v", want, list)
		}
	}
}

// A process with very many files has them counted, and the first ones listed.
func TestVeryManyFDs(t *testing.T) {
	tr := newTree(t)
	tr.process(9)
	for i := range k2i.MaxFDs + 10 {
		tr.link(fmt.Sprint("9/fd/", i), "/dev/null")
	}
	fs := tr.open()
	p, err := fs.Process(9)
	if err != nil {
		t.Fatal(err)
	}
	pinned, err := fs.Pin(p.Key())
	if err != nil {
		t.Fatal(err)
	}
	defer pinned.Close()
	if list, n, err := pinned.FDs(); err != nil || n != k2i.MaxFDs+10 || len(list) != k2i.MaxFDs {
		t.Errorf("%d of %d, %v", len(list), n, err)
	}
	if _, err := pinned.Stack(); Reason(err) != k2i.GapUnsupported {
		t.Errorf("a kernel without stacks: %v", err)
	}
}

func TestParseStack(t *testing.T) {
	for text, want := range map[string][]string{
		"":                              {},
		"[<0>] do_wait+0x6c/0x100\n":    {"do_wait+0x6c/0x100"},
		"[<0>] a+0x1\n[<0xff>] b [m]\n": {"a+0x1", "b [m]"},
		"no address\n":                  {},
	} {
		if got := ParseStack([]byte(text)); !slices.Equal(got, want) || got == nil {
			t.Errorf("%q: %q", text, got)
		}
	}
}

func FuzzParseStack(f *testing.F) {
	f.Add([]byte("[<0>] do_wait+0x6c/0x100\n[<0>] x\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		for _, function := range ParseStack(text) {
			if strings.Contains(function, "\n") {
				t.Errorf("%q", function)
			}
		}
	})
}
