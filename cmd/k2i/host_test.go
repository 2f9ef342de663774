package main

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"

	"ddcos/k2i"
)

// TestHost prints this host, as text and as an agent would answer.
func TestHost(t *testing.T) {
	text := said(t, "host", "--name", "node7")
	for _, want := range []string{"name ", "kernel ", "boot_id ", "runs_on ", "cpu ", "memory_bytes ", "clock ", "INTERFACE ", "lo ", "MOUNT ", "/ "} {
		if !strings.Contains("\n"+text, "\n"+want) {
			t.Errorf("no %q in:\n%s", want, text)
		}
	}
	var got struct {
		Host    struct{ Name string }
		Mode    string
		Machine k2i.Machine
	}
	if err := json.Unmarshal([]byte(said(t, "host", "--name", "node7", "--json")), &got); err != nil {
		t.Fatal(err)
	}
	m := got.Machine
	if got.Host.Name != "node7" || got.Mode == "" || m.CPU.Online == 0 || m.Memory.TotalBytes <= 0 || len(m.Mounts) == 0 || len(m.Interfaces) == 0 {
		t.Errorf("%+v", got)
	}
}

// A host with everything, some of which means harm or does not answer.
func TestPrintHost(t *testing.T) {
	m := k2i.NoMachine()
	m.Virtualization = k2i.Virtualization{Guest: true, Hypervisor: "kvm", Vendor: "QEMU", Container: true}
	m.Clock = k2i.Clock{Synchronized: true, OffsetNS: -1500, MaxErrorNS: 20_000_000}
	m.Pressure = []k2i.Pressure{{Resource: "io", Who: "full", Avg10Percent: 12.345}}
	m.Disks = []k2i.Disk{{Name: "vda", SizeBytes: 512, Reads: 3}}
	m.Interfaces = []k2i.NetInterface{{Name: "eth0", Up: true, RxBytes: 5, Addresses: []string{"192.0.2.2/24", "fd00::2/64"}}}
	m.Mounts = []k2i.Mount{{Point: "/nfs\x1b[2J", Type: "nfs4", Source: "far:/", SizeBytes: k2i.Unread, AvailableBytes: k2i.Unread, FreeInodes: k2i.Unread, Missing: k2i.GapDeadline}}
	m.GPUs = []k2i.GPU{{Card: "card0", Driver: "amdgpu"}}
	m.GPUClients = []k2i.GPUClient{{PID: 7, Client: "10", Engines: []k2i.GPUEngine{{Name: "gfx", BusyNS: 9}}, Memory: []k2i.GPUMemory{{Region: "vram", TotalBytes: 4096}}}}
	m.Sensors = []k2i.Sensor{{Name: "nvme_composite", Celsius: 41.85, HighCelsius: 81.85}}
	m.LeftOut = []k2i.LeftOut{{Part: k2i.PartMounts, Count: 4}}
	m.Gaps = []k2i.Gap{{Part: k2i.PartDisks, Reason: k2i.GapBusy, Help: "try again"}}
	var out bytes.Buffer
	if err := printHost(&out, &k2i.Host{Name: "a\tb", Load: [3]float64{1, 2, 3}, UptimeNS: 61e9}, m); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(out.String(), "\n\nDISK ") {
		t.Errorf("no blank line before a table:\n%s", &out)
	}
	squeezed := strings.Join(strings.Fields(out.String()), " ")
	for _, want := range []string{
		"name a?b", "uptime 1m1s", "runs_on kvm, QEMU, in a container", "load 1.00 2.00 3.00", "memory_bytes - , available -", "off by -1.5µs, at most by 20ms",
		"pressure io full 12.35% 0.00% 0.00%", "vda 512 3 0 0 0", "eth0 true 5 0 0 192.0.2.2/24,fd00::2/64", "/nfs?[2J nfs4 deadline - - far:/",
		"card0 amdgpu - - -", "7 - 10 gfx=9 vram=4096", "nvme_composite 41.9 81.8 -", "left out of mounts 4", "missing disks busy: try again",
	} {
		if !strings.Contains(squeezed, strings.ReplaceAll(want, "- ,", "-,")) {
			t.Errorf("no %q in:\n%s", want, &out)
		}
	}
}
