package procfs

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"ddcos/k2i"
)

// machineTree is a made host, and its device file system in the directory sys.
func machineTree(t testing.TB) (tree, *Machine) {
	tr := newTree(t)
	tr.write("sys/.keep", "")
	m := NewMachine(tr.open(), filepath.Join(tr.root, "sys"))
	m.net = func() ([]addressed, error) {
		return []addressed{{"eth0", true, 1400, []string{"192.0.2.2/24"}}, {"lo", true, 65536, nil}}, nil
	}
	return tr, m
}

func TestSystem(t *testing.T) {
	tr, m := machineTree(t)
	tr.write("stat", "cpu  10 20 30 1000 500 1 2 3 7 8\ncpu0 10 20 30 1000 500 1 2 3 7 8\nctxt 77\nprocesses 88\nprocs_running 3\nprocs_blocked 1\n")
	tr.write("meminfo", "MemTotal: 2048 kB\nMemFree: 1 kB\nMemAvailable: 1024 kB\nSwapTotal: 8 kB\nDirty: 3 kB\n")
	tr.write("pressure/cpu", "some avg10=1.50 avg60=0.20 avg300=0.03 total=42\n")
	tr.write("pressure/io", "some avg10=0.00 avg60=0.00 avg300=0.00 total=7\nfull avg10=0.00 avg60=0.00 avg300=12.34 total=5\n")
	got := k2i.NoMachine()
	if err := m.System(got); err != nil {
		t.Fatal(err)
	}
	c := got.CPU
	same(t, "user", c.UserNS, 10*nsPerTick)
	same(t, "idle", c.IdleNS, 1000*nsPerTick)
	same(t, "iowait", c.IOWaitNS, 500*nsPerTick)
	same(t, "steal", c.StealNS, 3*nsPerTick)
	same(t, "guest nice", c.GuestNiceNS, 8*nsPerTick)
	same(t, "online", c.Online, 1)
	same(t, "rest", [...]k2i.Count{c.ContextSwitches, c.Forks, c.Running, c.Blocked}, [...]k2i.Count{77, 88, 3, 1})
	mem := got.Memory
	same(t, "memory", [...]k2i.Count{mem.TotalBytes, mem.FreeBytes, mem.AvailableBytes, mem.SwapTotalBytes, mem.DirtyBytes, mem.SwapFreeBytes, mem.SlabBytes},
		[...]k2i.Count{2048 << 10, 1 << 10, 1024 << 10, 8 << 10, 3 << 10, k2i.Unread, k2i.Unread})
	want := []k2i.Pressure{
		{Resource: "cpu", Who: "some", Avg10Percent: 1.5, Avg60Percent: 0.2, Avg300Percent: 0.03, TotalNS: 42_000},
		{Resource: "io", Who: "some", TotalNS: 7000},
		{Resource: "io", Who: "full", Avg300Percent: 12.34, TotalNS: 5000},
	}
	if !slices.Equal(got.Pressure, want) {
		t.Errorf("pressure %+v", got.Pressure)
	}
	if got.KernelVersion == "" || got.Architecture == "" {
		t.Errorf("uname: %q %q", got.KernelVersion, got.Architecture)
	}
}

// A mount without the machine's files tells nothing, and no zeroes; broken ones
// are errors.
func TestSystemFilesMissing(t *testing.T) {
	tr, m := machineTree(t)
	for _, name := range []string{"stat", "meminfo"} {
		tr.remove(name)
	}
	got := k2i.NoMachine()
	if err := m.System(got); err != nil || got.CPU.UserNS != k2i.Unread || got.Memory.TotalBytes != k2i.Unread || got.Pressure == nil || len(got.Pressure) != 0 {
		t.Errorf("%+v, %v", got, err)
	}
	tr.write("meminfo", "MemTotal: many kB\n")
	if err := m.System(got); err == nil {
		t.Error("a broken file went unnoticed")
	}
}

func TestVirtualization(t *testing.T) {
	const flagged, bare = "processor: 0\nmodel name: X\nflags: fpu hypervisor\n", "processor: 0\nmodel name: X\nflags: fpu\n"
	const clocks = "sys/devices/system/clocksource/clocksource0/available_clocksource"
	const vendor, product = "sys/class/dmi/id/sys_vendor", "sys/class/dmi/id/product_name"
	for name, test := range map[string]struct {
		files map[string]string
		want  k2i.Virtualization
	}{
		"iron":       {map[string]string{"cpuinfo": bare, vendor: "Dell Inc.\n", product: "PowerEdge\n"}, k2i.Virtualization{Vendor: "Dell Inc.", Product: "PowerEdge"}},
		"KVM":        {map[string]string{"cpuinfo": flagged, clocks: "tsc kvm-clock \n"}, k2i.Virtualization{Guest: true, Hypervisor: "kvm"}},
		"Hyper-V":    {map[string]string{"cpuinfo": flagged, clocks: "hyperv_clocksource_tsc_page acpi_pm\n"}, k2i.Virtualization{Guest: true, Hypervisor: "hyperv"}},
		"VMware":     {map[string]string{"cpuinfo": flagged, vendor: "VMware, Inc.\n"}, k2i.Virtualization{Guest: true, Hypervisor: "vmware", Vendor: "VMware, Inc."}},
		"Xen":        {map[string]string{"cpuinfo": bare, "sys/hypervisor/type": "xen\n"}, k2i.Virtualization{Guest: true, Hypervisor: "xen"}},
		"unknown":    {map[string]string{"cpuinfo": flagged}, k2i.Virtualization{Guest: true}},
		"EC2's iron": {map[string]string{"cpuinfo": bare, vendor: "Amazon EC2\n", product: "m5.metal\n"}, k2i.Virtualization{Vendor: "Amazon EC2", Product: "m5.metal"}},
		"Docker":     {map[string]string{"cpuinfo": bare, "self/root/.dockerenv": ""}, k2i.Virtualization{Container: true}},
		"nothing":    {nil, k2i.Virtualization{}},
	} {
		tr, m := machineTree(t)
		for file, text := range test.files {
			tr.write(file, text)
		}
		same(t, name, m.virtualization(m.fs.cpuInfo()), test.want)
	}
}

func TestClock(t *testing.T) {
	kept := clockOf(unix.TIME_OK, &unix.Timex{Offset: 1500, Maxerror: 20, Esterror: 3, Status: unix.STA_NANO | unix.STA_PLL, Tai: 37})
	same(t, "kept", kept, k2i.Clock{Synchronized: true, OffsetNS: 1500, MaxErrorNS: 20_000, EstimatedErrorNS: 3000, TAIOffsetSeconds: 37})
	same(t, "microseconds", clockOf(unix.TIME_OK, &unix.Timex{Offset: -15}).OffsetNS, -15_000)
	same(t, "by state", clockOf(unix.TIME_ERROR, &unix.Timex{}).Synchronized, false)
	same(t, "by status", clockOf(unix.TIME_OK, &unix.Timex{Status: unix.STA_UNSYNC}).Synchronized, false)
}

func TestDisks(t *testing.T) {
	tr, m := machineTree(t)
	tr.write("diskstats", ` 254       0 vda 10 1 20 30 40 2 50 60 1 70 80 5 0 90 3 4 5
   7       0 loop0 0 0 0 0 0 0 0 0 0 0 0
 104       0 cciss/c0d0 1 0 8 2 0 0 0 0 0 2 2
`)
	tr.write("sys/class/block/vda/size", "2048\n")
	tr.write("sys/class/block/cciss!c0d0/size", "16\n")
	disks, leftOut, err := m.Disks()
	if err != nil || leftOut != 0 || len(disks) != 2 {
		t.Fatalf("%+v, %d, %v", disks, leftOut, err)
	}
	same(t, "vda", disks[0], k2i.Disk{
		Name: "vda", Device: "254:0", SizeBytes: 2048 * 512, Reads: 10, ReadBytes: 20 * 512, ReadNS: 30e6, Writes: 40, WriteBytes: 50 * 512, WriteNS: 60e6,
		Discards: 5, DiscardBytes: 90 * 512, InFlight: 1, BusyNS: 70e6, WeightedBusyNS: 80e6,
	})
	same(t, "an old kernel's", [...]k2i.Count{disks[1].SizeBytes, disks[1].Discards, disks[1].ReadBytes}, [...]k2i.Count{16 * 512, k2i.Unread, 8 * 512})
	tr.remove("diskstats")
	if disks, _, err := m.Disks(); err != nil || disks == nil || len(disks) != 0 {
		t.Errorf("without the file: %v, %v", disks, err)
	}
}

func TestInterfaces(t *testing.T) {
	tr, m := machineTree(t)
	text := "Inter-|   Receive  |  Transmit\n face |bytes packets|bytes packets\n  eth0: 1 2 3 4 0 0 0 0 5 6 7 8 0 0 0 0\n"
	tr.write("net/dev", text+"new: 9 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0\n")
	list, _, err := m.Interfaces()
	if err != nil || len(list) != 2 {
		t.Fatalf("%+v, %v", list, err)
	}
	want := k2i.NetInterface{Name: "eth0", Up: true, MTUBytes: 1400, RxBytes: 1, RxPackets: 2, RxErrors: 3, RxDropped: 4, TxBytes: 5, TxPackets: 6, TxErrors: 7, TxDropped: 8}
	got := list[0]
	if !slices.Equal(got.Addresses, []string{"192.0.2.2/24"}) || list[1].MTUBytes != k2i.Unread || list[1].Addresses == nil {
		t.Errorf("%+v", list)
	}
	got.Addresses = nil
	if got.Name != want.Name || got.RxBytes != want.RxBytes || got.RxDropped != want.RxDropped || got.TxBytes != want.TxBytes || got.TxDropped != want.TxDropped || !got.Up || got.MTUBytes != 1400 {
		t.Errorf("%+v", got)
	}
	for i := range k2i.MaxListed + 4 {
		text += fmt.Sprintf("veth%d: 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0\n", i)
	}
	tr.write("net/dev", text)
	if list, leftOut, err := m.Interfaces(); err != nil || len(list) != k2i.MaxListed || leftOut != 5 {
		t.Errorf("%d, %d left out, %v", len(list), leftOut, err)
	}
	m.net = func() ([]addressed, error) { return nil, errors.New("no netlink") }
	if _, _, err := m.Interfaces(); err == nil {
		t.Error("no netlink and no error")
	}
}

// This host's own answers are possible ones.
func TestMachineHere(t *testing.T) {
	fs, err := New(t.Context(), DefaultRoot)
	if err != nil {
		t.Fatal(err)
	}
	m, got := NewMachine(fs, DefaultSys), k2i.NoMachine()
	began := time.Now()
	if err := m.System(got); err != nil {
		t.Fatal(err)
	}
	t.Logf("read in %v", time.Since(began))
	if got.CPU.Online == 0 || got.CPU.Model == "" || got.CPU.IdleNS <= 0 || got.Memory.TotalBytes < got.Memory.FreeBytes || got.CPU.ContextSwitches <= 0 {
		t.Errorf("%+v", got)
	}
	points, _, err := m.MountPoints()
	if err != nil || len(points) == 0 {
		t.Fatalf("%v, %v", points, err)
	}
	for i := range points {
		if points[i].Point != "/" {
			continue
		}
		mount, err := m.Size(&points[i])
		var s unix.Statfs_t
		if e := errors.Join(err, unix.Statfs("/", &s)); e != nil || mount.SizeBytes != k2i.Count(s.Blocks)*k2i.Count(s.Frsize) || mount.Inodes != k2i.Count(s.Files) {
			t.Errorf("%+v, %v", mount, e)
		}
	}
	list, _, err := m.Interfaces()
	if err != nil || !slices.ContainsFunc(list, func(i k2i.NetInterface) bool { return i.Name == "lo" }) {
		t.Errorf("%+v, %v", list, err)
	}
	if _, _, err := m.Disks(); err != nil {
		t.Error(err)
	}
	if _, _, err := m.Sensors(); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat("/sys/class/drm"); err != nil {
		if gpus, clients, _, err := m.GPUs(); err != nil || len(gpus)+len(clients) != 0 {
			t.Errorf("no cards: %v %v %v", gpus, clients, err)
		}
	}
}

// BenchmarkMachine is what one answer costs when nothing of it is remembered.
func BenchmarkMachine(b *testing.B) {
	fs, err := New(b.Context(), DefaultRoot)
	if err != nil {
		b.Fatal(err)
	}
	m := NewMachine(fs, DefaultSys)
	for name, read := range map[string]func() error{
		"system":     func() error { return m.System(k2i.NoMachine()) },
		"disks":      func() error { _, _, err := m.Disks(); return err },
		"interfaces": func() error { _, _, err := m.Interfaces(); return err },
		"mounts": func() error {
			points, _, err := m.MountPoints()
			for i := range points {
				_, e := m.Size(&points[i])
				err = errors.Join(err, e)
			}
			return err
		},
		"GPUs":    func() error { _, _, _, err := m.GPUs(); return err },
		"sensors": func() error { _, _, err := m.Sensors(); return err },
	} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				if err := read(); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
