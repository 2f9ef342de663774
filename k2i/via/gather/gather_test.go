package gather

import (
	"bytes"
	"context"
	"debug/elf"
	"errors"
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"ddcos/k2i"
	"ddcos/k2i/procfs"
	"ddcos/k2i/wire"
)

// gatherer writes a program where anybody may run it: it removes itself each time.
func gatherer(t *testing.T, program []byte) string {
	t.Helper()
	dir := t.TempDir()
	path := filepath.Join(dir, "gatherer")
	if err := errors.Join(os.WriteFile(path, program, 0o755), os.Chmod(path, 0o755), os.Chmod(dir, 0o777), os.Chmod(filepath.Dir(dir), 0o755)); err != nil {
		t.Fatal(err)
	}
	return path
}

// own is the program of this machine.
func own(t *testing.T) []byte {
	t.Helper()
	return map[string][]byte{"amd64": amd64, "arm64": arm64}[runtime.GOARCH]
}

// run has a program gather, by a prefix such as an emulator.
func run(t *testing.T, plan Plan, as *syscall.Credential, program []byte, prefix ...string) []byte {
	t.Helper()
	path := gatherer(t, program)
	words := append(prefix, path)
	cmd := exec.CommandContext(t.Context(), words[0], words[1:]...)
	cmd.Env = []string{wire.RequestVariable + "=" + plan.String()}
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: as}
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Lstat(path); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("it has not removed itself: %v", err)
	}
	return out
}

// read reads what was gathered, all of it.
func read(t *testing.T, plan Plan, out []byte) *Dump {
	t.Helper()
	r := bytes.NewReader(out)
	dump, err := plan.Read(r)
	if err != nil || r.Len() != 0 {
		t.Fatalf("%d bytes are left of %d, %v", r.Len(), len(out), err)
	}
	return dump
}

// look makes rows of a system.
func look(t *testing.T, system procfs.System, fields []string) *k2i.Sample {
	t.Helper()
	fs, err := procfs.Of(t.Context(), system, procfs.DefaultRoot)
	if err != nil {
		t.Fatal(err)
	}
	sample, err := fs.Look(t.Context(), fields)
	if err != nil {
		t.Fatal(err)
	}
	return sample
}

// stopped are processes that do nothing, so that every field of theirs stays as it is.
func stopped(t *testing.T, n int) []int32 {
	t.Helper()
	var pids []int32
	for i := range n {
		cmd := exec.CommandContext(t.Context(), "sh", "-c", "kill -STOP $$; :", "an argument", "", "a\nb\x01")
		if i > 0 && os.Geteuid() == 0 {
			cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 1, Gid: 7}, Setsid: true}
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _, _ = cmd.Process.Kill(), cmd.Wait() })
		var status syscall.WaitStatus
		for !status.Stopped() {
			if _, err := syscall.Wait4(cmd.Process.Pid, &status, syscall.WUNTRACED, nil); err != nil && !errors.Is(err, syscall.EINTR) || status.Exited() {
				t.Fatal(status, err)
			}
		}
		leftItsCPU(t, cmd.Process.Pid)
		pids = append(pids, int32(cmd.Process.Pid))
	}
	return pids
}

// leftItsCPU returns when the kernel tells in what call a stopped process is: until then
// its CPU time and its switches may change.
func leftItsCPU(t *testing.T, pid int) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); ; {
		said, err := os.ReadFile(fmt.Sprintf("/proc/%d/syscall", pid))
		if err != nil || time.Now().After(deadline) {
			t.Fatalf("process %d runs, though it is stopped: %s, %v", pid, said, err)
		}
		if !bytes.HasPrefix(said, []byte("running")) {
			return
		}
	}
}

// rowOf is a process's row, without rates: those of one sample are no numbers.
func rowOf(t *testing.T, sample *k2i.Sample, pid int32) k2i.Process {
	t.Helper()
	for _, p := range sample.Processes {
		if p.PID == pid {
			row := *p
			row.RCPU, row.RCPUWithExited, row.NetRx, row.NetTx, row.IOR, row.IOW = 0, 0, 0, 0, 0, 0
			return row
		}
	}
	t.Fatalf("process %d is missing of %d", pid, len(sample.Processes))
	return k2i.Process{}
}

// alike complains where rows by what was gathered are not those of a direct look, in
// any field, of processes that do nothing; all others may have become anything else.
func alike(t *testing.T, got, want *k2i.Sample, still []int32) {
	t.Helper()
	for _, pid := range still {
		if g, w := rowOf(t, got, pid), rowOf(t, want, pid); !reflect.DeepEqual(g, w) {
			t.Errorf("gathered %+v\nread     %+v", g, w)
		}
	}
	g, w := got.Host, want.Host
	for _, h := range []*k2i.Host{&g, &w} { // what moves
		if h.UptimeNS <= 0 || h.BootUnixNS <= 0 || h.CPUBusyNS == 0 || h.MemAvailableBytes == 0 {
			t.Errorf("host %+v", h)
		}
		h.UptimeNS, h.BootUnixNS, h.CPUBusyNS, h.MemAvailableBytes, h.Load = 0, 0, 0, 0, [3]float64{}
	}
	if !reflect.DeepEqual(g, w) || got.Visibility != want.Visibility || !slices.Equal(got.Missing, want.Missing) || got.Mode != want.Mode {
		t.Errorf("gathered %+v %s %v\nread     %+v %s %v", g, got.Visibility, got.Missing, w, want.Visibility, want.Missing)
	}
	if math.Abs(got.Mono.Minutes()-want.Mono.Minutes()) > 5 || math.Abs(got.At.Sub(want.At).Minutes()) > 5 {
		t.Errorf("gathered at %s, %s, read at %s, %s", got.At, got.Mono, want.At, want.Mono)
	}
}

// Rows by what the program has gathered are those of a direct look, whichever fields
// are asked for.
func TestRowsAreThoseOfADirectLook(t *testing.T) {
	still := stopped(t, 2)
	for name, fields := range map[string][]string{
		"all fields": nil, "few": {"pid", "comm"}, "arguments": {"args"}, "memory": {"rss_anon_bytes", "args"}, "a cgroup": {"cgroup", "container"},
	} {
		t.Run(name, func(t *testing.T) {
			plan := NewPlan(fields, 0)
			dump := read(t, plan, run(t, plan, nil, own(t)))
			alike(t, look(t, dump, fields), look(t, procfs.Kernel{}, fields), still)
		})
	}
}

// The program of the other architecture gives the same, where an emulator is
// installed: Debian's qemu-user.
func TestOnArm(t *testing.T) {
	emulator, err := exec.LookPath("qemu-aarch64")
	if err != nil || runtime.GOARCH == "arm64" {
		t.Skipf("it takes qemu-aarch64: %v", err)
	}
	still := stopped(t, 1)
	plan := NewPlan(nil, 0)
	dump := read(t, plan, run(t, plan, nil, arm64, emulator))
	got := look(t, dump, nil)
	got.Host.Kernel = look(t, procfs.Kernel{}, nil).Host.Kernel // the emulator may say another
	alike(t, got, look(t, procfs.Kernel{}, nil), still)
}

// Who is not root is told what is hidden from him as by a direct look.
func TestAsNobody(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("it takes root to become nobody")
	}
	theirs := stopped(t, 1)[0]
	plan := NewPlan(nil, 0)
	dump := read(t, plan, run(t, plan, &syscall.Credential{Uid: 65534, Gid: 65534}, own(t)))
	sample := look(t, dump, nil)
	if sample.Visibility == k2i.VisibilityFull {
		t.Errorf("visibility %s", sample.Visibility)
	}
	if p := rowOf(t, sample, theirs); p.ReadBytes != k2i.Unread || p.Comm != "sh" || len(p.Args) == 0 {
		t.Errorf("root's process: %+v", p)
	}
	self, err := dump.Self()
	if err != nil || self.EUID != 65534 {
		t.Errorf("read by %+v, %v", self, err)
	}
}

// Two samples are apart by the pause, and time goes on once.
func TestTwoSamples(t *testing.T) {
	const pause = 20 * time.Millisecond
	plan := NewPlan(nil, pause)
	dump := read(t, plan, run(t, plan, nil, own(t)))
	_, first, err := dump.Now()
	if err != nil {
		t.Fatal(err)
	}
	one := look(t, dump, nil)
	if err := dump.Pause(t.Context(), pause); err != nil {
		t.Fatal(err)
	}
	if _, second, err := dump.Now(); err != nil || second-first < pause {
		t.Errorf("samples at %s and %s, %v", first, second, err)
	}
	if two := look(t, dump, nil); two.Mono <= one.Mono || len(two.Processes) == 0 {
		t.Errorf("samples at %s and %s", one.Mono, two.Mono)
	}
	if err := dump.Pause(context.Background(), pause); err == nil {
		t.Error("there is a third sample")
	}
}

func TestNames(t *testing.T) {
	plan := NewPlan([]string{"pid"}, 0)
	dump := read(t, plan, run(t, plan, nil, own(t)))
	if name, err := dump.User("0"); err != nil || name != "root" {
		t.Errorf("user 0: %q, %v", name, err)
	}
	if name, err := dump.Group("0"); err != nil || name != "root" {
		t.Errorf("group 0: %q, %v", name, err)
	}
	if name, err := dump.User("4294967294"); err == nil {
		t.Errorf("nobody is called %q", name)
	}
}

// The programs are for their machines, whole, without any library, and small.
func TestPrograms(t *testing.T) {
	for machine, program := range map[elf.Machine][]byte{elf.EM_X86_64: amd64, elf.EM_AARCH64: arm64} {
		f, err := elf.NewFile(bytes.NewReader(program))
		if err != nil {
			t.Fatal(err)
		}
		libraries, err := f.ImportedLibraries()
		if f.Machine != machine || f.Type != elf.ET_EXEC || err != nil || len(libraries) > 0 || len(program) > 8<<10 {
			t.Errorf("%v: a program of %d bytes for %v, type %v, with %q, %v", machine, len(program), f.Machine, f.Type, libraries, err)
		}
	}
}

// What the shell's command writes is the program, by each shell that is here.
func TestCommand(t *testing.T) {
	for _, shell := range [][]string{{"sh"}, {"dash"}, {"bash"}, {"busybox", "sh"}} {
		if _, err := exec.LookPath(shell[0]); err != nil {
			continue
		}
		for kind, want := range map[string][]byte{"Linux x86_64": amd64, "Linux aarch64": arm64, "Linux vax": nil, "x86_64": nil} {
			cmd := exec.CommandContext(t.Context(), shell[0], append(shell[1:], "-c", "kind='"+kind+"'; "+Command())...)
			out, err := cmd.Output()
			if !bytes.Equal(out, want) || (err == nil) != (want != nil) {
				t.Errorf("%s: %d bytes for %s, %v", shell, len(out), kind, err)
			}
		}
	}
	if i := strings.IndexFunc(Command(), func(c rune) bool { return c < ' ' || c > '~' }); i >= 0 {
		t.Errorf("a character %q", Command()[i])
	}
}
