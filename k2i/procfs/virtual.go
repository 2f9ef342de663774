package procfs

import (
	"os"
	"path/filepath"
	"slices"
	"strings"

	prometheus "github.com/prometheus/procfs"

	"ddcos/k2i"
)

// firmware are words in the firmware's name of a machine, and the hypervisor that
// makes such machines.
var firmware = []struct{ word, hypervisor string }{
	{"qemu", "kvm"},
	{"kvm", "kvm"},
	{"google", "kvm"},
	{"amazon ec2", "kvm"},
	{"openstack", "kvm"},
	{"digitalocean", "kvm"},
	{"alibaba", "kvm"},
	{"firecracker", "kvm"},
	{"cloud-hypervisor", "kvm"},
	{"vmware", "vmware"},
	{"virtualbox", "virtualbox"},
	{"innotek", "virtualbox"},
	{"xen", "xen"},
	{"parallels", "parallels"},
	{"bhyve", "bhyve"},
	{"microsoft corporation virtual machine", "hyperv"},
}

// virtualization asks what does not need rights: the CPU's flags, the firmware,
// the clocks that there are. The library for it would read the first process's
// environment.
func (m *Machine) virtualization(info prometheus.CPUInfo) k2i.Virtualization {
	v := k2i.Virtualization{
		Vendor: m.sysFile("class/dmi/id/sys_vendor"), Product: m.sysFile("class/dmi/id/product_name"),
		Guest: slices.Contains(info.Flags, "hypervisor"), Hypervisor: m.sysFile("hypervisor/type"),
		Container: m.fs.contained(),
	}
	words := strings.ToLower(v.Vendor + " " + v.Product)
	clocks := strings.Fields(m.sysFile("devices/system/clocksource/clocksource0/available_clocksource"))
	switch {
	case v.Hypervisor != "":
	case slices.Contains(clocks, "kvm-clock"):
		v.Hypervisor = "kvm"
	case slices.Contains(clocks, "hyperv_clocksource_tsc_page"):
		v.Hypervisor = "hyperv"
	case slices.Contains(clocks, "xen"):
		v.Hypervisor = "xen"
	default:
		for _, f := range firmware {
			// A machine of bare metal in a cloud has that cloud's firmware.
			if strings.Contains(words, f.word) && (v.Guest || info.Flags == nil) && !strings.Contains(words, "metal") {
				v.Hypervisor = f.hypervisor
				break
			}
		}
	}
	v.Guest = v.Guest || v.Hypervisor != ""
	return v
}

// contained tells whether the agent itself is in a container, by the files that
// runtimes leave there.
func (fs *FS) contained() bool {
	for _, mark := range []string{".dockerenv", "run/.containerenv", "run/systemd/container"} {
		if _, err := os.Lstat(filepath.Join(fs.root, "self/root", mark)); err == nil {
			return true
		}
	}
	return false
}
