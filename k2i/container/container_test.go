package container

import (
	"strings"
	"testing"
)

// Two ids; the paths below are those that each runtime makes.
var (
	one = strings.Repeat("0123456789abcdef", 4)
	two = strings.Repeat("fedcba9876543210", 4)
)

func TestCgroupPaths(t *testing.T) {
	identifier := New()
	for _, c := range []struct{ path, id, runtime, kind string }{
		{"", "", "", KindHost},
		{"/", "", "", KindHost},
		{"/system.slice/sshd.service", "", "", KindHost},
		{"/user.slice/user-1000.slice/session-3.scope", "", "", KindHost},
		{"/init.scope", "", "", KindHost},
		{"/process_api/658396622383ac8f6fc1d2c06d9d36da", "", "", KindHost},
		{"/" + one, "", "", KindHost},
		// Docker, by cgroupfs and by systemd, and in its own cgroup parent.
		{"/docker/" + one, one, "docker", KindContainer},
		{"/system.slice/docker-" + one + ".scope", one, "docker", KindContainer},
		{"/docker/" + one + "/init.scope", one, "docker", KindContainer},
		{"/user.slice/user-1000.slice/user@1000.service/user.slice/docker-" + one + ".scope", one, "docker", KindContainer},
		// Docker in Docker: the outermost is the host's container.
		{"/docker/" + one + "/docker/" + two, one, "docker", KindContainer},
		// Kubernetes with each runtime and driver.
		{"/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod1_2.slice/cri-containerd-" + one + ".scope", one, "containerd", KindContainer},
		{"/kubepods.slice/kubepods-pod1_2.slice/crio-" + one + ".scope", one, "crio", KindContainer},
		{"/kubepods/besteffort/pod1-2/" + one, one, "kubernetes", KindContainer},
		{"/kubepods/burstable/pod1-2/" + one + "/sub", one, "kubernetes", KindContainer},
		{"/kubelet/kubepods/pod1/" + one, one, "kubernetes", KindContainer},
		{"/system.slice/containerd.service/kubepods-besteffort-pod1.slice:cri-containerd:" + one, one, "containerd", KindContainer},
		{"/system.slice/containerd.service/cpuset/" + one, one, "containerd", KindContainer},
		{"/kubepods.slice/kubepods-pod1.slice/docker-" + one + ".scope", one, "docker", KindContainer},
		{"/kubepods.slice/kubepods-pod1.slice/crio-conmon-" + one + ".scope", "", "", KindHost},
		// containerd by itself and nerdctl.
		{"/system.slice/nerdctl-" + one + ".scope", one, "containerd", KindContainer},
		{"/default/cri-containerd-" + one, one, "containerd", KindContainer},
		// Podman, root and rootless; conmon is not the container.
		{"/machine.slice/libpod-" + one + ".scope", one, "podman", KindContainer},
		{"/machine.slice/libpod-" + one + ".scope/container", one, "podman", KindContainer},
		{"/machine.slice/libpod-conmon-" + one + ".scope", "", "", KindHost},
		{"/user.slice/user-1000.slice/user@1000.service/user.slice/libpod-" + one + ".scope", one, "podman", KindContainer},
		{"/libpod_parent/libpod-" + one, one, "podman", KindContainer},
		{"/libpod_parent/conmon", "", "", KindHost},
		// LXC and nspawn carry names.
		{"/lxc/web", "web", "lxc", KindContainer},
		{"/lxc.payload.web", "web", "lxc", KindContainer},
		{"/lxc.payload.web/system.slice/cron.service", "web", "lxc", KindContainer},
		{"/lxc.monitor.web", "", "", KindHost},
		{"/machine.slice/machine-deb\\x2dian.scope/payload", "deb-ian", "nspawn", KindContainer},
		{"/machine.slice/systemd-nspawn@build.service/payload", "build", "nspawn", KindContainer},
		// What only looks like one.
		{"/system.slice/docker-" + one[:63] + ".scope", "", "", KindHost},
		{"/system.slice/docker-" + strings.ToUpper(one) + ".scope", "", "", KindHost},
		{"/system.slice/docker.service", "", "", KindHost},
		{"/snap.docker.dockerd", "", "", KindHost},
	} {
		got := identifier.Identify(c.path, "sh", []string{"sh"})
		if got != (Identity{ID: c.id, Runtime: c.runtime, Kind: c.kind}) {
			t.Errorf("%s: %+v", c.path, got)
		}
	}
}

func TestMonitors(t *testing.T) {
	identifier := New()
	for _, c := range []struct {
		args          string
		comm, path    string
		kind, runtime string
	}{
		{"/usr/bin/firecracker --api-sock /run/f.sock", "firecracker", "/firecracker/vm1", KindMicroVM, "firecracker"},
		{"/usr/bin/cloud-hypervisor --kernel k", "cloud-hyperviso", "/", KindMicroVM, "cloud-hypervisor"},
		{"/usr/bin/qemu-system-x86_64 -machine pc -m 2G", "qemu-system-x86", "/machine.slice/machine-qemu\\x2d1\\x2dweb.scope", KindVM, "qemu"},
		{"/usr/bin/qemu-system-x86_64 -M microvm,x=y", "qemu-system-x86", "/", KindMicroVM, "qemu"},
		{"runsc-sandbox --root /run boot", "exe", "/docker/" + one, KindSandbox, "docker"},
		{"/usr/bin/solo5-hvt --mem=512 app.hvt", "solo5-hvt", "/", KindUnikernel, "solo5"},
		{"vi qemu-system-x86_64", "vi", "/", KindHost, ""},
	} {
		got := identifier.Identify(c.path, c.comm, strings.Fields(c.args))
		if got.Kind != c.kind || got.Runtime != c.runtime {
			t.Errorf("%s: %+v", c.args, got)
		}
	}
	if got := identifier.Identify("/", "firecracker", nil); got.Kind != KindMicroVM {
		t.Errorf("a monitor whose arguments cannot be read: %+v", got)
	}
}

// Whatever a path holds, an id comes out of it only whole.
func FuzzIdentify(f *testing.F) {
	identifier := New()
	f.Add("/docker/"+one, "sh", "sh")
	f.Add("/lxc/../..", ")", "\x00")
	f.Add("//::/kubepods/pod/"+one, "", "qemu-system- -M")
	f.Fuzz(func(t *testing.T, path, comm, arg string) {
		got := identifier.Identify(path, comm, []string{arg})
		if got.Kind == "" || got.ID != "" && (got.Runtime == "" || !strings.Contains(unescape(path), got.ID)) {
			t.Errorf("%q: %+v", path, got)
		}
	})
}
