package container_test

import (
	"strings"
	"testing"

	"ddcos/k2i/container"
)

// Who keeps a container tells of it what its command line says, and nothing else does.
func TestKeepers(t *testing.T) {
	hex := strings.Repeat("0123456789abcdef", 4)
	for _, c := range []struct {
		comm, line string
		want       container.Keeper
	}{
		{"conmon", "/usr/bin/conmon --api-version 1 -c " + hex + " -u " + hex + " -r /usr/bin/crun", container.Keeper{ID: hex, Runtime: "podman"}},
		{"conmon", "conmon --cid=" + hex, container.Keeper{ID: hex, Runtime: "podman"}},
		{"conmon", "conmon -c " + hex + " --exit-dir /var/run/crio/exits", container.Keeper{ID: hex, Runtime: "crio"}},
		{"conmon", "conmon -c web", container.Keeper{}},
		{"conmon", "conmon -c", container.Keeper{}},
		{"conmon", "conmon", container.Keeper{}},
		{"containerd-shim", "/usr/bin/containerd-shim-runc-v2 -namespace moby -id " + hex, container.Keeper{ID: hex, Runtime: "docker"}},
		{"containerd-shim", "/usr/bin/containerd-shim-runc-v2 -namespace k2ins -id web-1", container.Keeper{ID: "web-1", Runtime: "containerd"}},
		{"containerd-shim", "containerd-shim -namespace moby -workdir /var/lib/containerd/io.containerd.runtime.v1.linux/moby/" + hex, container.Keeper{ID: hex, Runtime: "docker"}},
		{"containerd-shim", "containerd-shim-runc-v2 -namespace moby", container.Keeper{}},
		{"containerd-shim", "containerd-shim-runc-v2 -id ..", container.Keeper{}},
		{"containerd-shim", "containerd-shim-kata-v2 -namespace k8s.io -id " + hex, container.Keeper{}}, // its machine's monitor tells
		{"systemd-nspawn", "systemd-nspawn -q -D /srv/web-2 sleep 1", container.Keeper{ID: "web-2", Runtime: "nspawn"}},
		{"systemd-nspawn", "systemd-nspawn -qbD/srv/web-2", container.Keeper{ID: "web-2", Runtime: "nspawn"}},
		{"systemd-nspawn", "systemd-nspawn -axD /srv/web -- sleep -M no", container.Keeper{ID: "web", Runtime: "nspawn"}},
		{"systemd-nspawn", "systemd-nspawn --directory=/srv/x --machine=web.1 -b", container.Keeper{ID: "web.1", Runtime: "nspawn"}},
		{"systemd-nspawn", "systemd-nspawn --directory /srv/x -M web sh -M no", container.Keeper{ID: "web", Runtime: "nspawn"}},
		{"systemd-nspawn", "systemd-nspawn -u nobody -i /srv/web.raw", container.Keeper{ID: "web", Runtime: "nspawn"}},
		{"systemd-nspawn", "systemd-nspawn --bind /a:/b -D /srv/web", container.Keeper{ID: "web", Runtime: "nspawn"}},
		{"systemd-nspawn", "systemd-nspawn -D / -b", container.Keeper{}},
		{"systemd-nspawn", "systemd-nspawn sh -D /srv/web", container.Keeper{}},
		{"systemd-nspawn", "systemd-nspawn -D", container.Keeper{}},
		{"systemd-nspawn", "systemd-nspawn -M a/b", container.Keeper{}},
		{"lxc-start", "[lxc monitor] /var/lib/lxc web1", container.Keeper{ID: "web1", Runtime: "lxc"}},
		{"lxc-start", "lxc-start -n web1", container.Keeper{}},
		{"lxc-start", "[lxc monitor] ", container.Keeper{}},
		{"runc", "runc --root /r run --bundle b web", container.Keeper{ID: "web"}},
		{"crun", "/usr/bin/crun run web", container.Keeper{ID: "web"}},
		{"runc", "runc run -d", container.Keeper{}},
		{"runc", "runc exec web sh", container.Keeper{}}, // web is where sh was asked for, and not the last word
		{"sh", "sh -c conmon", container.Keeper{}},
		{"containerd", "/usr/bin/containerd -c " + hex, container.Keeper{}},
	} {
		if got := container.KeeperOf(c.comm, strings.Split(c.line, " ")); got != c.want {
			t.Errorf("%s: %+v, want %+v", c.line, got, c.want)
		}
	}
	if got := container.KeeperOf("conmon", nil); got != (container.Keeper{}) {
		t.Errorf("without arguments: %+v", got)
	}
	long := strings.Repeat("n", 256)
	for _, line := range []string{"runc run " + long, "systemd-nspawn -M " + long, "systemd-nspawn -D /" + long, "containerd-shim -id " + long} {
		if got := container.KeeperOf(strings.Fields(line)[0], strings.Fields(line)); got.ID != "" {
			t.Errorf("%.30s...: a name of %d bytes", line, len(got.ID))
		}
	}
}

// A cgroup alone names a container only by a name that is no unit's.
func TestOwn(t *testing.T) {
	for path, want := range map[string]string{
		"/web": "web", "/mine/web": "web", "/system.slice/runc-web.scope": "web", `/user.slice/crun-web\x2d1.scope`: "web-1",
		"/": "", "": "", "/..": "", "/system.slice/cron.service": "", "/a.slice": "", "/init.scope": "", "/runc-.scope": "",
		"/" + strings.Repeat("n", 256): "",
	} {
		if got := container.Own(path); got.ID != want || got.Runtime != "" {
			t.Errorf("%s: %+v, want %s", path, got, want)
		}
	}
}

// What is known of a process's origin and what its own cgroup tells make one identity.
func TestWithin(t *testing.T) {
	host := container.Identity{Kind: container.KindHost}
	in := func(id, runtime, inner, innerRuntime string) container.Identity {
		return container.Identity{ID: id, Runtime: runtime, Kind: container.KindContainer, InnerID: inner, InnerRuntime: innerRuntime}
	}
	a, b := in("a", "docker", "", ""), in("b", "podman", "", "")
	machine := container.Identity{ID: "m", Runtime: "qemu", Kind: container.KindVM}
	monitor := container.Identity{Runtime: "qemu", Kind: container.KindVM}
	sandbox := container.Identity{ID: "s", Runtime: "gvisor", Kind: container.KindSandbox}
	unit := container.Identity{Kind: container.KindHost, Unit: "x.service", Pod: "p"}
	none, keepsB := container.Keeper{}, container.Keeper{ID: "b", Runtime: "podman"}
	for _, c := range []struct {
		name             string
		own, parent, got container.Identity
		kept             container.Keeper
	}{
		{"of nobody", host, host, host, none},
		{"a child of a container", host, a, a, none},
		{"the first of one without a cgroup", host, host, b, keepsB},
		{"its cgroup is more exact", a, host, a, keepsB},
		{"a kubelet's, whose shim is known", in("a", "kubernetes", "", ""), host, in("a", "podman", "", ""), keepsB},
		{"nested, without a cgroup", host, a, in("a", "docker", "b", "podman"), keepsB},
		{"nested, with a cgroup beside the outer one's", b, a, in("a", "docker", "b", "podman"), keepsB},
		{"nested, a child of that", b, in("a", "docker", "b", "podman"), in("a", "docker", "b", "podman"), none},
		{"nested, its cgroup below the outer one's", in("a", "docker", "b", "podman"), a, in("a", "docker", "b", "podman"), keepsB},
		{"nested, told to be where its parent is", a, a, a, container.Keeper{ID: "a", Runtime: "docker"}},
		{"nested three deep", in("c", "lxc", "", ""), in("a", "docker", "b", "podman"), in("a", "docker", "c", "lxc"), container.Keeper{ID: "c", Runtime: "lxc"}},
		{"a cgroup of the outer alone", a, in("a", "docker", "b", "podman"), in("a", "docker", "b", "podman"), none},
		{"another container entered from one", b, a, b, none},
		{"what a machine's monitor starts", host, machine, host, none},
		{"what a machine's monitor starts in a container", a, machine, a, none},
		{"a monitor in a container", monitor, a, container.Identity{ID: "a", Runtime: "docker", Kind: container.KindVM}, none},
		{"a stub of a sandbox", host, sandbox, sandbox, none},
		{"in a unit", unit, a, container.Identity{ID: "a", Runtime: "docker", Kind: container.KindContainer, Unit: "x.service", Pod: "p"}, none},
	} {
		if got := c.own.Within(c.parent, c.kept); got != c.got {
			t.Errorf("%s:\n got %+v\nwant %+v", c.name, got, c.got)
		}
	}
}

// A keeper's id comes out of its command line, is a name, and makes an identity
// that holds together.
func FuzzKeeper(f *testing.F) {
	hex := strings.Repeat("ab", 32)
	f.Add("conmon", "conmon -c "+hex, "/")
	f.Add("containerd-shim", "containerd-shim-runc-v2 -namespace moby -id x", "/docker/"+hex)
	f.Add("systemd-nspawn", "systemd-nspawn -qD /srv/x -M= --machine", "/payload")
	f.Add("lxc-start", "[lxc monitor] /p n", "/a/runc-x.scope")
	f.Add("runc", "runc run x", "/kubepods/"+hex)
	f.Fuzz(func(t *testing.T, comm, line, cgroup string) {
		kept := container.KeeperOf(comm, strings.Split(line, " "))
		if !strings.Contains(line, kept.ID) || len(kept.ID) > 255 || kept.ID == "" && kept.Runtime != "" || strings.Contains(kept.ID, "/") {
			t.Errorf("%q: %+v", line, kept)
		}
		own := container.New().Identify(cgroup, "sh", nil)
		for _, k := range []container.Keeper{kept, container.Own(cgroup)} {
			for _, parent := range []container.Identity{{}, {ID: "p", Runtime: "docker", Kind: container.KindContainer}} {
				got := own.Within(parent, k)
				if got.Kind == "" || (got.ID == "") != (got.Kind == container.KindHost) || got.InnerID != "" && got.InnerID == got.ID || k.ID != "" && got.ID == "" {
					t.Errorf("%q %+v in %+v: %+v", cgroup, k, parent, got)
				}
			}
		}
	})
}
