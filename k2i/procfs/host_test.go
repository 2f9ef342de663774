package procfs

import (
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	gopsutil "github.com/shirou/gopsutil/v4/host"

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

func TestHidesPIDs(t *testing.T) {
	const before = "21 1 0:20 / /other rw - proc proc rw,hidepid=invisible\n22 1 0:21 / ROOT rw shared:1 - tmpfs none rw,hidepid=2\n"
	for options, want := range map[string]bool{
		"rw": false, "rw,hidepid=0": false, "rw,hidepid=off": false, "rw,hidepid=1": true, "rw,hidepid=2": true,
		"rw,hidepid=noaccess": true, "rw,hidepid=invisible": true, "rw,hidepid=ptraceable": true, "rw,gid=4": false,
	} {
		tr := newTree(t)
		tr.remove("self")
		tr.link("4711/ns/pid", "pid:[4026531836]")
		tr.link("self", "4711")
		text := strings.ReplaceAll(before+"23 1 0:22 / ROOT rw - proc proc "+options+"\n", "ROOT", tr.root)
		tr.write("4711/mountinfo", text)
		same(t, options, tr.open().hidesPIDs(), want)
	}
	same(t, "nothing known", newTree(t).open().hidesPIDs(), true)
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
