package confined

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"unsafe"

	"golang.org/x/sys/unix"
)

// attack is what somebody tries who has taken over a confined program, against
// a process of root's. It prints, by name, why each try failed; "" for one that
// did not.
func attack(out io.Writer, target string) error {
	pid, err := strconv.Atoi(target)
	if err != nil {
		return err
	}
	told := map[string]string{}
	for name, try := range tries(pid) {
		told[name] = ""
		if err := try(); err != nil {
			told[name] = err.Error()
		}
	}
	return json.NewEncoder(out).Encode(told)
}

// reads has an error where a file cannot be read, or is empty.
func reads(name string) func() error {
	return func() error {
		content, err := os.ReadFile(name)
		if err == nil && len(content) == 0 {
			return fmt.Errorf("%s is empty", name)
		}
		return err
	}
}

// writes has an error where a file cannot be opened for writing; it writes nothing.
func writes(name string, flags int) func() error {
	return func() error {
		f, err := os.OpenFile(name, os.O_WRONLY|flags, 0o600)
		if err != nil {
			return err
		}
		return f.Close()
	}
}

// call makes a system call with a few arguments.
func call(number uintptr, args ...uintptr) func() error {
	return func() error {
		a := append(args, 0, 0, 0, 0, 0, 0)
		if _, _, errno := unix.Syscall6(number, a[0], a[1], a[2], a[3], a[4], a[5]); errno != 0 {
			return errno
		}
		return nil
	}
}

func runs(name string) func() error { return func() error { return exec.Command(name).Run() } }

// brought writes a program of its own and runs it.
func brought() error {
	self, err := os.ReadFile("/proc/self/exe")
	if err != nil {
		return err
	}
	if err := os.WriteFile("/tmp/mine", self, 0o700); err != nil {
		return err
	}
	return exec.Command("/tmp/mine").Run()
}

// tries are all of them. None does harm where it succeeds.
func tries(pid int) map[string]func() error {
	of := fmt.Sprintf("/proc/%d/", pid)
	target := uintptr(pid)
	name := append([]byte("x"), 0)
	text := uintptr(unsafe.Pointer(&name[0]))
	all := map[string]func() error{
		"run a program":              runs("/bin/true"),
		"run a program of its own":   brought,
		"make a file to run":         call(unix.SYS_MEMFD_CREATE, text, 0),
		"attach to a process":        call(unix.SYS_PTRACE, unix.PTRACE_SEIZE, target),
		"read a process's memory":    call(unix.SYS_PROCESS_VM_READV, target),
		"write a process's memory":   writes(of+"mem", 0),
		"signal a process":           call(unix.SYS_KILL, target, 0),
		"signal a thread":            call(unix.SYS_TKILL, target, 0),
		"hold a process":             call(unix.SYS_PIDFD_OPEN, target, 0),
		"make a process die first":   writes(of+"oom_score_adj", 0),
		"give a process less":        call(unix.SYS_SETPRIORITY, unix.PRIO_PROCESS, target, 5),
		"mount":                      func() error { return unix.Mount("tmpfs", "/tmp", "tmpfs", 0, "") },
		"unmount":                    func() error { return unix.Unmount("/opt", unix.MNT_DETACH) },
		"change the root":            func() error { return unix.Chroot("/tmp") },
		"make namespaces":            func() error { return unix.Unshare(unix.CLONE_NEWUSER) },
		"clone into namespaces":      call(unix.SYS_CLONE, unix.CLONE_NEWUSER|uintptr(unix.SIGCHLD)),
		"enter namespaces":           call(unix.SYS_SETNS, 0, 0),
		"load a module":              call(unix.SYS_INIT_MODULE),
		"reboot":                     func() error { return unix.Reboot(unix.LINUX_REBOOT_CMD_CAD_OFF) },
		"set the clock":              call(unix.SYS_CLOCK_SETTIME, unix.CLOCK_REALTIME, 0),
		"become root":                call(unix.SYS_SETUID, 0),
		"change an owner":            func() error { return unix.Chown("/tmp", 0, 0) },
		"sniff the network":          call(unix.SYS_SOCKET, unix.AF_PACKET, unix.SOCK_RAW, 0),
		"make code":                  call(unix.SYS_MMAP, 0, 4096, unix.PROT_WRITE|unix.PROT_EXEC, unix.MAP_PRIVATE|unix.MAP_ANONYMOUS, ^uintptr(0)),
		"keep a secret in a keyring": call(unix.SYS_ADD_KEY, text, text, text, 1, 0),
		"read /etc/shadow":           reads("/etc/shadow"),
		"read it round the corner":   reads(of + "root/etc/shadow"),
		"load a BPF map":             bpfMap,
		"watch by perf":              call(unix.SYS_PERF_EVENT_OPEN, 0, 0, 0, 0, 0),
		"write where it may":         writes("/run/ddcos/attack", os.O_CREATE),
	}
	for _, dir := range []string{"/etc", "/usr", "/usr/bin", "/var", "/var/lib", "/var/log", "/run", "/home", "/root", "/sys/fs/cgroup", "/opt", "/"} {
		all["make a file in "+dir] = writes(strings.TrimSuffix(dir, "/")+"/attack", os.O_CREATE)
	}
	for _, file := range []string{"/etc/passwd", "/etc/hostname", "/proc/sys/kernel/hostname", "/proc/sys/kernel/core_pattern", "/proc/sysrq-trigger", programAt} {
		all["write "+file] = writes(file, 0)
	}
	return all
}

// bpfMap makes an array of one number.
func bpfMap() error {
	attr := [4]uint32{2, 4, 4, 1} // type, size of keys, of values, entries
	fd, _, errno := unix.Syscall(unix.SYS_BPF, 0, uintptr(unsafe.Pointer(&attr)), unsafe.Sizeof(attr))
	if errno != 0 {
		return errno
	}
	return unix.Close(int(fd))
}
