package container

import (
	"path"
	"strings"
)

// A monitor is a process of this host that is a whole machine or sandbox.
type monitor struct{ kind, runtime, id string }

// maxComm is how much of a program's name the kernel keeps, in bytes.
const maxComm = 15

// monitorOf tells a machine or a sandbox by its program's name; by what the
// kernel calls it where its arguments cannot be read.
func monitorOf(comm string, args []string) monitor {
	program := comm
	if len(args) > 0 && args[0] != "" {
		program = path.Base(args[0])
	}
	is := func(name string) bool {
		return program == name || len(args) == 0 && len(name) > maxComm && program == name[:maxComm]
	}
	switch {
	case is("firecracker"), strings.HasPrefix(program, "firecracker-v"):
		return kataOr(monitor{KindMicroVM, "firecracker", option(args, "--id")}, args)
	case is("cloud-hypervisor"), is("cloud-hypervisor-static"):
		return kataOr(monitor{KindMicroVM, "cloud-hypervisor", ""}, args)
	case is("crosvm"):
		return monitor{KindMicroVM, "crosvm", ""}
	case strings.HasPrefix(program, "qemu-system-"), is("kvm"), is("qemu-kvm"):
		return qemu(args)
	case is("VBoxHeadless"), is("VirtualBoxVM"):
		return monitor{KindVM, "virtualbox", option(args, "--startvm")}
	case is("vmware-vmx"):
		return monitor{KindVM, "vmware", ""}
	case is("runsc-sandbox"), is("runsc-gofer"), comm == "runsc-sandbox", comm == "runsc-gofer":
		return monitor{KindSandbox, "gvisor", sandboxID(args)}
	case is("solo5-hvt"), is("solo5-spt"), is("ukvm-bin"):
		return monitor{KindUnikernel, "solo5", ""}
	}
	return monitor{}
}

// qemu tells apart the many uses of one monitor.
func qemu(args []string) monitor {
	m := monitor{KindVM, "qemu", guest(option(args, "-name"))}
	if isMicroVM(args) {
		m.kind = KindMicroVM
	}
	for _, u := range [...]struct{ mark, runtime string }{
		{"/kraftkit/", "unikraft"},
		{"_qemu-x86_64", "unikraft"},
		{"_qemu-arm64", "unikraft"},
		{"/.ops/", "nanos"},
		{"/.capstan/", "osv"},
	} {
		if mentions(args, u.mark) {
			m.kind, m.runtime = KindUnikernel, u.runtime
			return m
		}
	}
	if sandbox, found := strings.CutPrefix(m.id, "sandbox-"); found && isHex64(sandbox) {
		return monitor{KindMicroVM, "kata", sandbox}
	}
	return kataOr(m, args)
}

// kataOr is Kata's machine where the arguments name a file below its directory
// of machines, /run/vc/vm/ID/.
func kataOr(m monitor, args []string) monitor {
	for _, arg := range args {
		for _, mark := range [...]string{"/run/vc/vm/", "/run/vc/firecracker/"} {
			if _, rest, found := strings.Cut(arg, mark); found {
				id, _, _ := strings.Cut(rest, "/")
				if isHex64(id) {
					return monitor{KindMicroVM, "kata", id}
				}
			}
		}
	}
	return m
}

// guest is the name in QEMU's NAME,debug-threads=on or guest=NAME,...
func guest(name string) string {
	name, _, _ = strings.Cut(name, ",")
	return short(strings.TrimPrefix(name, "guest="))
}

// sandboxID is the last argument of runsc, which is what it boots or serves.
func sandboxID(args []string) string {
	if len(args) < 3 || strings.HasPrefix(args[len(args)-1], "-") {
		return ""
	}
	return short(args[len(args)-1])
}

// option is the value of --name VALUE or --name=VALUE.
func option(args []string, name string) string {
	for i, arg := range args {
		if value, found := strings.CutPrefix(arg, name+"="); found {
			return short(value)
		}
		if arg == name && i+1 < len(args) {
			return short(args[i+1])
		}
	}
	return ""
}

// short refuses a name that no container could have.
func short(name string) string {
	if len(name) > maxName {
		return ""
	}
	return name
}

func mentions(args []string, mark string) bool {
	for _, arg := range args {
		if strings.Contains(arg, mark) {
			return true
		}
	}
	return false
}

// isMicroVM looks for QEMU's machine type of that name.
func isMicroVM(args []string) bool {
	for _, name := range [...]string{"-machine", "--machine", "-M"} {
		for one := range strings.SplitSeq(option(args, name), ",") {
			if one == "microvm" || one == "type=microvm" {
				return true
			}
		}
	}
	return false
}
