package agent

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"ddcos/k2i/container"
)

// Real runc and crun by themselves: the cgroup has any name, and only their files tell whose it is.
func TestContainersOfRuntimesAlone(t *testing.T) {
	for _, oci := range []string{"runc", "crun"} {
		t.Run(oci, func(t *testing.T) {
			programs(t, oci, "timeout")
			b, name := newBundle(t), "k2i-test-"+unique()[:12]
			b.configureAs(t, oci, func(map[string]any) {})
			file := filepath.Join(b.dir, "pid")
			t.Cleanup(func() { deleteContainer(t, b, oci, name, "/"+name) })
			run(t, b.dir, onOneVersion(oci, []string{oci, "run", "-d", "--pid-file", file, name})...)
			expectContainer(t, pidIn(t, file), container.Identity{ID: name, Runtime: oci, Kind: container.KindContainer})
		})
	}
}

func deleteContainer(t *testing.T, b bundle, oci, name string, cgroups ...string) {
	t.Helper()
	if out, err := try(b.dir, oci, "delete", "-f", name); err != nil {
		t.Errorf("it stays: %v: %s", err, out)
	}
	for _, path := range cgroups {
		removeCgroup(path)
	}
}

// Real rootless podman: where no user may make cgroups its containers have none.
func TestContainersOfRootlessPodman(t *testing.T) {
	programs(t, "podman", "runc", "timeout", "setpriv", "busybox")
	const uid = "47110815"                        // nobody's: it has one number inside, and needs no newuidmap
	dir, err := os.MkdirTemp("", "k2i-rootless-") //nolint:usetesting // t.TempDir is below a directory for root alone
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	b := newBundle(t)
	run(t, "/", "cp", "-a", b.rootfs, dir)
	run(t, "/", "chown", "-R", uid, dir)
	podman := []string{
		"setpriv", "--reuid", uid, "--regid", uid, "--clear-groups", "env", "-i", "HOME=" + dir, "XDG_RUNTIME_DIR=" + dir, "PATH=" + os.Getenv("PATH"),
		"podman", "--runtime", "runc", "--cgroup-manager", "cgroupfs", "--storage-driver", "vfs", "--events-backend", "none",
		"--root", dir + "/root", "--runroot", dir + "/run", "--tmpdir", dir + "/tmp",
	}
	pid, monitor := dir+"/pid", dir+"/conmon.pid"
	t.Cleanup(func() {
		if out, err := try(dir, append(podman, "rm", "-f", "-t", "0", "-a")...); err != nil {
			t.Errorf("it stays: %v: %s", err, out)
		}
		awaitEnd(monitor)
		for _, file := range []string{dir + "/tmp/pause.pid", dir + "/libpod/tmp/pause.pid"} { // what holds its user namespace
			if text, err := os.ReadFile(file); err == nil {
				if number, err := strconv.Atoi(string(text)); err == nil {
					_ = syscall.Kill(number, syscall.SIGKILL)
				}
			}
		}
	})
	run(t, dir, append(append(podman, "run", "-d", "--network", "none", "--pidfile", pid, "--conmon-pidfile", monitor,
		"--cidfile", dir+"/id", "--ulimit", "host", "--rootfs", dir+"/rootfs"), twoProcesses()...)...)
	id, err := os.ReadFile(dir + "/id")
	if err != nil {
		t.Fatal(err)
	}
	expectContainer(t, pidIn(t, pid), container.Identity{ID: strings.TrimSpace(string(id)), Runtime: "podman", Kind: container.KindContainer})
	if kind := kindOf(t, pidIn(t, monitor)); kind != container.KindHost {
		t.Errorf("conmon is a %s", kind)
	}
}

// A real container of podman in one of runc: its cgroup lies beside the outer one's,
// or below it, and it is in both.
func TestContainersInContainers(t *testing.T) {
	programs(t, "podman", "runc", "conmon", "timeout")
	b, id := newBundle(t), unique()
	b.configureAs(t, "runc", func(config map[string]any) {
		config["linux"].(map[string]any)["cgroupsPath"] = "/docker/" + id
		config["linux"].(map[string]any)["seccomp"] = nil
		config["root"].(map[string]any)["readonly"] = false
		may := config["process"].(map[string]any)["capabilities"].(map[string]any)
		for kind := range may {
			may[kind] = strings.Fields("CAP_SYS_ADMIN CAP_NET_ADMIN CAP_SYS_CHROOT CAP_MKNOD CAP_SETUID CAP_SETGID CAP_SETPCAP CAP_SETFCAP " +
				"CAP_CHOWN CAP_DAC_OVERRIDE CAP_FOWNER CAP_FSETID CAP_KILL CAP_NET_BIND_SERVICE CAP_NET_RAW CAP_AUDIT_WRITE")
		}
		mounts := config["mounts"].([]any)
		for i, m := range mounts {
			if m.(map[string]any)["destination"] == "/sys/fs/cgroup" {
				mounts[i] = bind("/sys/fs/cgroup", "/sys/fs/cgroup", "rw")
			}
		}
		mounts = append(mounts, bind(b.dir, b.dir, "rw"))
		for _, dir := range []string{"/usr", "/lib", "/lib64", "/sbin", "/etc"} {
			mounts = append(mounts, bind(dir, dir, "ro"))
		}
		config["mounts"] = mounts
	})
	outer, file := "k2i-test-"+id[:12], filepath.Join(b.dir, "outer.pid")
	t.Cleanup(func() {
		inner, _ := os.ReadFile(b.dir + "/id")
		deleteContainer(t, b, "runc", outer)
		awaitEnd(file)
		for _, path := range []string{"/docker/" + id, "/docker", "/libpod_parent/libpod-" + string(inner), "/libpod_parent/conmon", "/libpod_parent"} {
			removeTree(path)
		}
	})
	run(t, b.dir, "runc", "run", "-d", "--pid-file", file, outer)
	first := pidIn(t, file)
	expectContainer(t, first, container.Identity{ID: id, Runtime: "docker", Kind: container.KindContainer})
	run(t, b.dir, "runc", "exec", "--cwd", b.dir, "--env", "PATH=/usr/sbin:/usr/bin:/sbin:/bin", "--env", "HOME="+b.dir, outer,
		"/usr/bin/podman", "--runtime", "runc", "--cgroup-manager", "cgroupfs", "--storage-driver", "vfs", "--events-backend", "none",
		"--root", b.dir+"/root", "--runroot", b.dir+"/run", "--tmpdir", b.dir+"/tmp", "--network-config-dir", b.dir+"/networks", "run", "-d", "--network", "none",
		"--cidfile", b.dir+"/id", "--ulimit", "nofile=1024:1024", "--ulimit", "nproc=1000:1000", "--rootfs", b.rootfs, "/bin/sh", "-c", "sleep 1000 & wait")
	inner, err := os.ReadFile(b.dir + "/id")
	if err != nil {
		t.Fatal(err)
	}
	conmon := theChild(t, first, "conmon")
	expectContainer(t, theChild(t, conmon, "sh"),
		container.Identity{ID: id, Runtime: "docker", Kind: container.KindContainer, InnerID: string(inner), InnerRuntime: "podman"})
}

func bind(from, to, how string) map[string]any {
	return map[string]any{"source": from, "destination": to, "type": "bind", "options": []string{"rbind", how}}
}

// removeTree removes cgroups without processes from every hierarchy, the deepest first.
func removeTree(path string) {
	below, _ := filepath.Glob("/sys/fs/cgroup/*" + path)
	for _, root := range append(below, "/sys/fs/cgroup"+path) {
		for _, deeper := range []string{"/*/*/*", "/*/*", "/*", ""} {
			dirs, _ := filepath.Glob(root + deeper)
			for _, dir := range dirs {
				_ = syscall.Rmdir(dir)
			}
		}
	}
}

// theChild awaits a process's child of a name.
func theChild(t *testing.T, parent int, comm string) int {
	t.Helper()
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); runtime.Gosched() {
		text, _ := os.ReadFile(fmt.Sprintf("/proc/%d/task/%d/children", parent, parent))
		for _, pid := range strings.Fields(string(text)) {
			if name, _ := os.ReadFile("/proc/" + pid + "/comm"); strings.TrimSpace(string(name)) == comm {
				number, err := strconv.Atoi(pid)
				if err != nil {
					t.Fatal(err)
				}
				return number
			}
		}
	}
	t.Fatalf("%d has no child %s", parent, comm)
	return 0
}

// Real systemd-nspawn, which without systemd has a name for its container in its
// command line alone.
func TestContainersOfNspawn(t *testing.T) {
	nspawn := programs(t, "systemd-nspawn")[0]
	b, name := newBundle(t), "k2i-test-"+unique()[:12]
	if err := os.WriteFile(filepath.Join(b.rootfs, "etc/os-release"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	// Nobody kills it: it would leave the container behind.
	cmd := exec.CommandContext(context.WithoutCancel(t.Context()), nspawn, append([]string{"-q", "--register=no", "--keep-unit", "-M", name, "-D", b.rootfs, "--"}, twoProcesses()...)...)
	said, err := os.Create(filepath.Join(b.dir, "said"))
	if err != nil {
		t.Fatal(err)
	}
	cmd.Stdout, cmd.Stderr = said, said
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGTERM) // it ends the container first
		_ = cmd.Wait()
		if text, err := os.ReadFile(said.Name()); t.Failed() {
			t.Logf("%s %v", text, err)
		}
		_ = said.Close()
	})
	expectContainer(t, theChild(t, cmd.Process.Pid, "sh"), container.Identity{ID: name, Runtime: "nspawn", Kind: container.KindContainer})
	if kind := kindOf(t, cmd.Process.Pid); kind != container.KindHost {
		t.Errorf("systemd-nspawn itself is a %s", kind)
	}
}
