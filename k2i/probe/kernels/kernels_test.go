//go:build kernels

// Package kernels runs the probe's own tests, and k2i, on another kernel: one of
// Debian's in a virtual machine without hardware's help, whose console tells how
// they went. `make kernels` fetches the kernel. The layouts that old kernels have
// are found field by field when the programs are loaded; here is where it shows.
package kernels

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

const (
	machine  = "qemu-system-x86_64"
	wholeRun = 12 * time.Minute // of one kernel
	megabyte = 2048             // of its memory
)

// tested are the packages whose tests run there, and which of them.
func tested() []job {
	const most = 5 * time.Minute // emulated, everything takes ten times as long and more
	return []job{
		{Name: "probe", Dir: "k2i/probe", Argv: []string{"-test.short"}, Most: most},
		{Name: "procfs", Dir: "k2i/procfs", Most: most},
		// How much of what ends the connector's road sees depends on the machine's speed.
		{Name: "agent", Dir: "k2i/agent", Argv: []string{"-test.short", "-test.run=Roads|Run|Once|Exec|Loss|Container.*Process|Fail", "-test.skip=Roads/connector"}, Most: most},
	}
}

// TestKernels runs them on every kernel in KERNELS, a list of unpacked packages.
func TestKernels(t *testing.T) {
	for _, need := range []string{machine, "ldd"} {
		if _, err := exec.LookPath(need); err != nil {
			t.Skipf("no %s here: Debian's package qemu-system-x86, or libc-bin, has it", need)
		}
	}
	found, err := filepath.Glob(filepath.Join(os.Getenv("KERNELS"), "boot", "vmlinuz-*"))
	if err != nil || len(found) == 0 {
		t.Skipf("no kernel in KERNELS=%q: 'make kernels' fetches one", os.Getenv("KERNELS"))
	}
	image, jobs := build(t)
	for _, kernel := range found {
		t.Run(filepath.Base(kernel), func(t *testing.T) { boot(t, kernel, image, jobs) })
	}
}

// build makes the initramfs.
func build(t *testing.T) (image string, jobs []job) {
	t.Helper()
	dir := t.TempDir()
	image = filepath.Join(dir, "initramfs")
	f, err := os.Create(image)
	if err != nil {
		t.Fatal(err)
	}
	a := newArchive(f)
	a.file("/init", "/proc/self/exe")
	for _, name := range []string{"sh", "sleep", "true", "tail", "cat", "ps"} {
		if err := a.program(name); err != nil {
			t.Fatal(err)
		}
	}
	a.add("/etc/passwd", 0o100644, []byte("root:x:0:0:root:/:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/sh\n"))
	a.add("/etc/group", 0o100644, []byte("root:x:0:\nnogroup:x:65534:\n"))
	for _, j := range tested() {
		compile(t, "test", "-c", "-o", filepath.Join(dir, j.Name+".test"), "ddcos/"+j.Dir)
		a.file("/src/"+j.Dir+"/"+j.Name+".test", filepath.Join(dir, j.Name+".test"))
		j.Dir, j.Argv = "/src/"+j.Dir, append([]string{"./" + j.Name + ".test", "-test.v", "-test.timeout=" + (j.Most - 5*time.Second).String()}, j.Argv...)
		jobs = append(jobs, j)
	}
	compile(t, "build", "-o", filepath.Join(dir, "k2i"), "ddcos/cmd/k2i")
	a.file("/bin/k2i", filepath.Join(dir, "k2i"))
	for _, mode := range []string{"bpf", "procfs"} {
		jobs = append(jobs, job{Name: "k2i-" + mode, Dir: "/", Argv: []string{"k2i", "once", "--mode", mode}, Want: `"mode":"` + mode + `"`, Most: time.Minute})
	}
	text, err := json.Marshal(jobs)
	if err != nil {
		t.Fatal(err)
	}
	a.add(jobsFile, 0o100644, text)
	if err := a.close(); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	return image, jobs
}

// compile makes a static program.
func compile(t *testing.T, args ...string) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "go", args...)
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("go %s: %v\n%s", strings.Join(args, " "), err, out)
	}
}

// boot runs all jobs on a kernel and tells how each went.
func boot(t *testing.T, kernel, image string, jobs []job) {
	ctx, cancel := context.WithTimeout(t.Context(), wholeRun)
	defer cancel()
	cmd := exec.CommandContext(ctx, machine, "-accel", "tcg,thread=multi", "-cpu", "max", "-smp", "2", "-m", fmt.Sprint(megabyte),
		"-kernel", kernel, "-initrd", image, "-append", "console=ttyS0 panic=-1 loglevel=4 rdinit=/init",
		"-nodefaults", "-display", "none", "-monitor", "none", "-serial", "stdio", "-no-reboot")
	console, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd.Stderr = os.Stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	done := read(t, console)
	if err := cmd.Wait(); err != nil {
		t.Errorf("%s: %v", machine, err)
	}
	for _, j := range jobs {
		t.Run(j.Name, func(t *testing.T) {
			end, ran := done.ends[j.Name]
			if !ran || !strings.HasSuffix(end, " ok") {
				t.Errorf("%s\n%s", end, done.said[j.Name])
			}
			t.Log(end)
			for _, line := range strings.Split(done.said[j.Name], "\n") {
				if strings.Contains(line, "--- SKIP") {
					t.Log(line)
				}
			}
		})
	}
	if !done.all {
		t.Errorf("the machine did not come to its end; it said before its jobs:\n%s", done.said[""])
	}
}

// outcome is what a console told.
type outcome struct {
	said map[string]string // by job; what came before the first one under ""
	ends map[string]string
	all  bool
}

// read takes a console's lines apart until it is closed.
func read(t *testing.T, console io.Reader) outcome {
	t.Helper()
	o := outcome{said: map[string]string{}, ends: map[string]string{}}
	at := ""
	lines := bufio.NewScanner(console)
	lines.Buffer(nil, 4<<20) // a line may be a whole table
	for lines.Scan() {
		line := strings.TrimRight(lines.Text(), "\r")
		if name, found := strings.CutPrefix(line, jobBegins); found {
			at = name
		} else if rest, found := strings.CutPrefix(line, jobEnds); found {
			name, how, _ := strings.Cut(rest, " ")
			o.ends[name] = how
			t.Logf("%s: %s", name, how)
		} else if line == allDone {
			o.all = true
		} else {
			o.said[at] += line + "\n"
		}
	}
	if err := lines.Err(); err != nil {
		t.Errorf("console: %v", err)
	}
	return o
}
