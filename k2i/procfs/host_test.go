package procfs

import (
	"errors"
	"os"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	gopsutil "github.com/shirou/gopsutil/v4/host"
	"golang.org/x/sys/unix"

	"ddcos/k2i"
)

func TestHostOfTree(t *testing.T) {
	host, visibility, err := newTree(t).open().Host(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	same(t, "id", host.ID, "7f3c0a52-90f7-4b5a-9a11-1f2c3d4e5f60.4026531836")
	same(t, "CPUs", host.CPUs, 2)
	same(t, "busy", host.CPUBusyNS, (10+20+30+1+2+3)*nsPerTick) // guests are within user and nice
	same(t, "memory", host.MemTotalBytes, 2048<<10)
	same(t, "available", host.MemAvailableBytes, 1024<<10)
	same(t, "load", host.Load, [3]float64{0.25, 1.5, 3})
	same(t, "largest pid", host.PIDMax, 4194304)
	same(t, "ticks", host.TicksPerSecond, 100)
	same(t, "visibility", visibility, k2i.VisibilityFull)
}

// A mount without the machine's files, as with subset=pid, leaves zeroes.
func TestHostFilesMissing(t *testing.T) {
	tr := newTree(t)
	fs := tr.open()
	for _, name := range []string{"stat", "meminfo", "loadavg", "sys/kernel/pid_max"} {
		tr.remove(name)
	}
	host, _, err := fs.Host(t.Context())
	if err != nil || host.CPUs != 0 || host.MemTotalBytes != 0 || host.PIDMax != 0 || host.BootID == "" {
		t.Errorf("got %+v, %v", host, err)
	}
}

func TestHostFilesBroken(t *testing.T) {
	for name, text := range map[string]string{
		"meminfo": "MemTotal: many kB\n", "loadavg": "a b c\n", "sys/kernel/pid_max": "x\n", "stat": "cpu x\n",
	} {
		tr := newTree(t)
		tr.write(name, text)
		if host, _, err := tr.open().Host(t.Context()); err == nil || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s of %q: %+v, %v", name, text, host, err)
		}
	}
}

func TestNewRefuses(t *testing.T) {
	for what, break_ := range map[string]func(tree){
		"proc file system": func(tr tree) { tr.remove("") },
		"boot id":          func(tr tree) { tr.remove("sys/kernel/random/boot_id") },
		"PID namespace":    func(tr tree) { tr.remove("self/ns/pid") },
		"is no link to one": func(tr tree) {
			tr.remove("self/ns/pid")
			tr.link("self/ns/pid", "pid:[many]")
		},
	} {
		tr := newTree(t)
		break_(tr)
		if _, err := New(t.Context(), tr.root); err == nil || !strings.Contains(err.Error(), what) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: %v", what, err)
		}
	}
}

func TestNamespaceIsToldOf(t *testing.T) {
	tr := newTree(t)
	tr.process(1)
	tr.remove("self/ns/pid")
	tr.link("self/ns/pid", "pid:[4026532261]")
	sample, err := tr.open().Read(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	same(t, "visibility", sample.Visibility, k2i.VisibilityNamespace)
	same(t, "id", sample.Host.ID, "7f3c0a52-90f7-4b5a-9a11-1f2c3d4e5f60.4026532261")
}

// A mount that begins to hide processes, and stops, is told of by each look of who is
// not root; the mount is of one thread alone.
func TestHidesPIDs(t *testing.T) {
	fs, err := New(t.Context(), DefaultRoot)
	if err != nil {
		t.Fatal(err)
	}
	if os.Geteuid() != 0 || fs.self == k2i.VisibilityNamespace {
		t.Skip("it takes root, and the first PID namespace")
	}
	done := make(chan error)
	go func() {
		runtime.LockOSThread() // and never unlocked: the thread ends with its mounts and its user
		done <- hideAndShow(t)
	}()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
}

func hideAndShow(t *testing.T) error {
	own := func(call, a, b, c uintptr) error { // of this thread alone
		if _, _, errno := unix.RawSyscall(call, a, b, c); errno != 0 {
			return errno
		}
		return nil
	}
	become := func(uid uintptr) error { return own(unix.SYS_SETRESUID, 0, uid, 0) }
	err := errors.Join(
		unix.Unshare(unix.CLONE_FS|unix.CLONE_NEWNS),
		unix.Mount("", "/", "", unix.MS_PRIVATE|unix.MS_REC, ""),
		unix.Mount("proc", DefaultRoot, "proc", 0, ""),
		own(unix.SYS_SETGROUPS, 0, 0, 0), // group 0 is exempt
		own(unix.SYS_SETRESGID, 65534, 65534, 65534),
		become(65534),
	)
	if err != nil {
		return err
	}
	nobody, err := New(t.Context(), DefaultRoot)
	if err != nil {
		return err
	}
	for _, c := range []struct {
		option string
		want   k2i.Visibility
	}{{"hidepid=0", k2i.VisibilityFull}, {"hidepid=1", k2i.VisibilityPartial}, {"hidepid=0", k2i.VisibilityFull}, {"hidepid=2", k2i.VisibilityPartial}} {
		err := errors.Join(become(0), unix.Mount("", DefaultRoot, "", unix.MS_REMOUNT, c.option), become(65534))
		if err != nil {
			return err
		}
		_, got, err := nobody.Host(t.Context())
		if err != nil {
			return err
		}
		same(t, c.option, got, c.want)
	}
	return nil
}

func TestThisHost(t *testing.T) {
	fs, err := New(t.Context(), DefaultRoot)
	if err != nil {
		t.Fatal(err)
	}
	before := time.Now()
	sample, err := fs.Read(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	host := sample.Host
	info, err := gopsutil.InfoWithContext(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	same(t, "name", host.Name, info.Hostname)
	same(t, "kernel", host.Kernel, info.KernelVersion)
	if off := time.Duration(host.BootUnixNS) - time.Duration(info.BootTime)*time.Second; off.Abs() > 2*time.Second {
		t.Errorf("boot time is off by %v", off)
	}
	if uptime := time.Duration(host.UptimeNS); (sample.Mono-uptime).Abs() > time.Minute || sample.At.Before(before) {
		t.Errorf("uptime %v, sampled %v after boot, at %v", uptime, sample.Mono, sample.At)
	}
	if !slices.Contains(pidsOf(sample), int32(os.Getpid())) || !slices.IsSorted(pidsOf(sample)) {
		t.Errorf("this process is not among %v, or they are not sorted", pidsOf(sample))
	}
	if host.MemAvailableBytes == 0 || host.MemAvailableBytes > host.MemTotalBytes || host.CPUBusyNS == 0 || host.CPUs == 0 || host.PIDMax < 301 {
		t.Errorf("impossible: %+v", host)
	}
}
