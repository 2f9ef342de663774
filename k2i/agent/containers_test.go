package agent

import (
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"ddcos/k2i"
	"ddcos/k2i/container"
)

// A bundle is what an OCI runtime starts: a root file system of one program.
type bundle struct{ dir, rootfs string }

// newBundle makes one of busybox, which must be a static program.
func newBundle(t *testing.T) bundle {
	t.Helper()
	b := bundle{dir: t.TempDir()}
	b.rootfs = filepath.Join(b.dir, "rootfs")
	for _, name := range []string{"bin", "proc", "sys", "dev", "tmp", "etc", "usr", "lib", "lib64", "sbin"} {
		if err := os.MkdirAll(filepath.Join(b.rootfs, name), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	program, err := os.ReadFile(programs(t, "busybox")[0])
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(b.rootfs, "bin/busybox"), program, 0o755); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"sh", "sleep", "env"} {
		if err := os.Symlink("busybox", filepath.Join(b.rootfs, "bin", name)); err != nil {
			t.Fatal(err)
		}
	}
	return b
}

// programs finds programs, or skips and says which one is missing.
func programs(t *testing.T, names ...string) []string {
	t.Helper()
	var paths []string
	for _, name := range names {
		p, err := exec.LookPath(name)
		if err != nil {
			t.Skipf("%s is not installed", name)
		}
		paths = append(paths, p)
	}
	if os.Geteuid() != 0 {
		t.Skip("needs root")
	}
	return paths
}

// twoProcesses is what every container here runs: a shell and its child.
func twoProcesses() []string { return []string{"/bin/sh", "-c", "sleep 1000 & wait"} }

// configure writes the runtime's own configuration, with this cgroup.
func (b bundle) configure(t *testing.T, oci, cgroup string) {
	t.Helper()
	b.configureAs(t, oci, func(config map[string]any) {
		config["linux"].(map[string]any)["cgroupsPath"] = cgroup
	})
}

// configureAs writes the runtime's own configuration, as change makes it.
func (b bundle) configureAs(t *testing.T, oci string, change func(config map[string]any)) {
	t.Helper()
	path := filepath.Join(b.dir, "config.json")
	_ = os.Remove(path)
	run(t, b.dir, oci, "spec")
	var config map[string]any
	text, err := os.ReadFile(path)
	if err == nil {
		err = json.Unmarshal(text, &config)
	}
	if err != nil {
		t.Fatal(err)
	}
	process := config["process"].(map[string]any)
	process["terminal"], process["args"] = false, twoProcesses()
	delete(process, "rlimits") // which a container's root may not raise
	change(config)
	if text, err = json.Marshal(config); err == nil {
		err = os.WriteFile(path, text, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// run runs a program to its end, with files for its output: what it leaves
// behind would keep a pipe open.
func run(t *testing.T, dir string, args ...string) {
	t.Helper()
	if out, err := try(dir, args...); err != nil {
		t.Fatalf("%s: %v: %s", strings.Join(args, " "), err, out)
	}
}

func try(dir string, args ...string) (string, error) {
	out, err := os.CreateTemp("", "k2i-test-")
	if err != nil {
		return "", err
	}
	defer func() { _, _ = out.Close(), os.Remove(out.Name()) }()
	cmd := exec.Command("timeout", append([]string{"60"}, args...)...)
	cmd.Dir, cmd.Stdout, cmd.Stderr = dir, out, out
	err = cmd.Run()
	text, _ := os.ReadFile(out.Name())
	return string(text), err
}

// unique is 64 hex digits that nobody else has.
func unique() string {
	b := make([]byte, 32)
	_, _ = rand.Read(b)
	return hex.EncodeToString(b)
}

func pidIn(t *testing.T, file string) int {
	t.Helper()
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	pid, err := strconv.Atoi(strings.TrimSpace(string(b)))
	if err != nil {
		t.Fatal(err)
	}
	return pid
}

// removeCgroup removes a cgroup without processes, where it is, from every hierarchy.
func removeCgroup(path string) {
	for _, pattern := range []string{"/sys/fs/cgroup" + path, "/sys/fs/cgroup/*" + path} {
		dirs, _ := filepath.Glob(pattern)
		for _, dir := range dirs {
			_ = os.Remove(dir)
		}
	}
}

// awaitEnd waits until the process of a pid file, where there is one, is gone
// or a zombie: then its cgroups may be removed.
func awaitEnd(file string) {
	b, _ := os.ReadFile(file)
	pid := strings.TrimSpace(string(b))
	for deadline := time.Now().Add(patience); pid != "" && time.Now().Before(deadline); runtime.Gosched() {
		if stat, err := os.ReadFile("/proc/" + pid + "/stat"); err != nil || strings.Contains(string(stat), ") Z ") {
			return
		}
	}
}

// expectContainer reads the host by both roads: a container's first process and
// that one's child must be told as wanted, and the test itself as the host's.
func expectContainer(t *testing.T, pid int, want container.Identity) {
	t.Helper()
	for _, mode := range []k2i.Mode{k2i.ModeBPF, k2i.ModeProcfs} {
		options := DefaultOptions()
		options.Mode = mode
		a, err := New(t.Context(), options)
		if err != nil {
			t.Fatal(err)
		}
		wrong := "not read"
		for deadline := time.Now().Add(patience); wrong != "" && time.Now().Before(deadline); runtime.Gosched() {
			a.pass(t.Context())
			wrong = mismatch(a.Snapshot(), pid, want)
		}
		if err := a.Close(); err != nil || wrong != "" {
			t.Errorf("by %s: %s; %v", mode, wrong, err)
		}
		options.Fields = strings.Fields("pid start_ticks ppid container_id runtime kind inner_id inner_runtime")
		snap, err := Once(t.Context(), options)
		if err != nil {
			t.Fatal(err)
		}
		if wrong := mismatch(snap, pid, want); wrong != "" {
			t.Errorf("by a single look, %s: %s", mode, wrong)
		}
	}
}

// mismatch says what of the container is not told as wanted; "" is nothing.
func mismatch(snap *k2i.Snapshot, pid int, want container.Identity) string {
	told := 0
	for _, p := range snap.Processes {
		got := container.Identity{ID: p.ContainerID, Runtime: p.Runtime, Kind: p.Kind, InnerID: p.InnerID, InnerRuntime: p.InnerRuntime}
		switch {
		case int(p.PID) == os.Getpid() && got.ID == want.ID:
			return "the test itself is in the container"
		case int(p.PID) != pid && int(p.PPID) != pid:
			if got.ID == want.ID && got.InnerID == want.InnerID {
				return fmt.Sprintf("%d %s is in the container", p.PID, p.Comm)
			}
		case got != want:
			return fmt.Sprintf("%d %s in %s: %+v, want %+v", p.PID, p.Comm, p.Cgroup, got, want)
		default:
			told++
		}
	}
	if told != 2 {
		return fmt.Sprintf("%d processes of %d, want 2", told, pid)
	}
	return ""
}

// Real runc and crun, with the cgroups that the runtimes above them ask for.
func TestContainersOfRealOCIRuntimes(t *testing.T) {
	for _, oci := range []string{"runc", "crun"} {
		for _, c := range []struct{ runtime, under string }{
			{"docker", "/docker"},
			{"containerd", "/default"},
			{"kubernetes", "/kubepods/burstable/pod0f6d1f6b-9d51-4c4e-8c3a-1f6a0f0e2b11"},
		} {
			t.Run(oci+" as "+c.runtime, func(t *testing.T) {
				programs(t, oci, "timeout")
				b, id := newBundle(t), unique()
				b.configure(t, oci, c.under+"/"+id)
				name, file := "k2i-test-"+id[:12], filepath.Join(b.dir, "pid")
				t.Cleanup(func() {
					if out, err := try(b.dir, oci, "delete", "-f", name); err != nil {
						t.Errorf("it stays: %v: %s", err, out)
					}
					for path := c.under + "/" + id; path != "/"; path = filepath.Dir(path) {
						removeCgroup(path)
					}
				})
				args := []string{oci, "run", "-d", "--pid-file", file, name}
				run(t, b.dir, onOneVersion(oci, args)...)
				expectContainer(t, pidIn(t, file), container.Identity{ID: id, Runtime: c.runtime, Kind: container.KindContainer})
			})
		}
	}
}

// onOneVersion has crun, which refuses a host with both versions of cgroups, see
// the old one alone.
func onOneVersion(oci string, args []string) []string {
	if _, err := os.Stat("/sys/fs/cgroup/unified"); err != nil || oci != "crun" {
		return args
	}
	return append([]string{"unshare", "-m", "sh", "-c", `umount /sys/fs/cgroup/unified && exec "$@"`, "sh"}, args...)
}

// Real podman and its conmon, which is not in the container.
func TestContainersOfRealPodman(t *testing.T) {
	programs(t, "podman", "runc", "timeout")
	b := newBundle(t)
	podman := []string{
		"podman", "--runtime", "runc", "--cgroup-manager", "cgroupfs", "--storage-driver", "vfs", "--events-backend", "none",
		"--root", b.dir + "/root", "--runroot", b.dir + "/run", "--tmpdir", b.dir + "/tmp",
	}
	name, pid, monitor := "k2i-test-"+unique()[:12], b.dir+"/pid", b.dir+"/conmon.pid"
	t.Cleanup(func() {
		if out, err := try(b.dir, append(podman, "rm", "-f", "-t", "0", name)...); err != nil {
			t.Errorf("it stays: %v: %s", err, out)
		}
		awaitEnd(monitor)
		for _, path := range []string{"/libpod_parent/conmon", "/libpod_parent"} {
			removeCgroup(path) // stays while another podman's containers are there
		}
	})
	run(t, b.dir, append(append(podman, "run", "-d", "--name", name, "--network", "none", "--pidfile", pid, "--conmon-pidfile", monitor,
		"--cidfile", b.dir+"/id", "--ulimit", "nofile=1024:1024", "--ulimit", "nproc=1000:1000", "--rootfs", b.rootfs), twoProcesses()...)...)
	id, err := os.ReadFile(b.dir + "/id")
	if err != nil {
		t.Fatal(err)
	}
	expectContainer(t, pidIn(t, pid), container.Identity{ID: strings.TrimSpace(string(id)), Runtime: "podman", Kind: container.KindContainer})
	if kind := kindOf(t, pidIn(t, monitor)); kind != container.KindHost {
		t.Errorf("conmon is a %s", kind)
	}
}

func kindOf(t *testing.T, pid int) string {
	t.Helper()
	options := DefaultOptions()
	options.Mode = k2i.ModeProcfs
	a, err := New(t.Context(), options)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = a.Close() }()
	a.pass(t.Context())
	p, ok := find(a.Snapshot(), pid)
	if !ok {
		t.Fatalf("%d is not there", pid)
	}
	return p.Kind
}
