package procfs

import (
	"fmt"
	"reflect"
	"strings"
	"testing"

	"ddcos/k2i"
)

const amdgpu = `pos:	0
flags:	02100002
mnt_id:	26
ino:	1057
drm-driver:	amdgpu
drm-client-id:	10
drm-pdev:	0000:03:00.0
pasid:	32774
drm-memory-vram:	2048 KiB
drm-total-vram:	3 MiB
drm-resident-vram:	1024 KiB
drm-memory-gtt: 	16 KiB
drm-engine-gfx:	123456789 ns
drm-engine-capacity-gfx:	2
drm-engine-enc:	0 ns
drm-maxfreq-gfx:	1000 MHz
amd-memory-visible-vram:	7 KiB
`

func amdClient() k2i.GPUClient {
	return k2i.GPUClient{
		Driver: "amdgpu", PCI: "0000:03:00.0", Client: "10",
		Engines: []k2i.GPUEngine{{Name: "gfx", BusyNS: 123456789, Capacity: 2}, {Name: "enc", BusyNS: 0, Capacity: 1}},
		Memory:  []k2i.GPUMemory{{Region: "vram", TotalBytes: 3 << 20, ResidentBytes: 1 << 20}, {Region: "gtt", TotalBytes: 16 << 10, ResidentBytes: k2i.Unread}},
	}
}

func TestParseFdinfo(t *testing.T) {
	got, ok := parseFdinfo([]byte(amdgpu))
	if want := amdClient(); !ok || !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v\nwant %+v", got, want)
	}
	if c, ok := parseFdinfo([]byte("pos:\t0\nflags:\t02\ninotify wd:1 ino:5\n")); ok {
		t.Errorf("no GPU's: %+v", c)
	}
	// An i915 of an integrated card: bytes without a unit, no memory of its own.
	got, ok = parseFdinfo([]byte("drm-driver: i915\ndrm-client-id: 7\ndrm-engine-render: 9288864723 ns\ndrm-engine-capacity-video: 2\ndrm-total-system0: 4096\n"))
	if !ok || got.PCI != "" || got.Engines[1] != (k2i.GPUEngine{Name: "video", BusyNS: k2i.Unread, Capacity: 2}) || got.Memory[0].TotalBytes != 4096 {
		t.Errorf("got %+v", got)
	}
	for value, want := range map[string]k2i.Count{
		"7": 7, "7 ns": 7, "7 KiB": 7 << 10, "7 MiB": 7 << 20, "7 GiB": k2i.Unread, "-1": k2i.Unread, "": k2i.Unread, "x": k2i.Unread,
		"9223372036854775807": 1<<63 - 1, "9223372036854775807 KiB": k2i.Unread, "99999999999999999999": k2i.Unread,
	} {
		same(t, value, quantity(value), want)
	}
	var many strings.Builder
	many.WriteString("drm-driver: x\n")
	for i := range 1000 {
		fmt.Fprintf(&many, "drm-engine-%d: 1 ns\ndrm-total-%d: 1\n", i, i)
	}
	if c, _ := parseFdinfo([]byte(many.String())); len(c.Engines) != maxGPUs || len(c.Memory) != maxGPUs {
		t.Errorf("%d engines, %d regions", len(c.Engines), len(c.Memory))
	}
}

func FuzzParseFdinfo(f *testing.F) {
	f.Add([]byte(amdgpu))
	f.Add([]byte("drm-driver:\ndrm-engine-: 1 ns\ndrm-total-a: 1 KiB\n:\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		c, ok := parseFdinfo(text)
		if ok != (c.Driver != "") || len(c.Engines) > maxGPUs || len(c.Memory) > maxGPUs {
			t.Errorf("%+v, %v", c, ok)
		}
		for _, e := range c.Engines {
			if e.Name == "" || e.BusyNS < k2i.Unread || e.Capacity < 0 {
				t.Errorf("%+v", e)
			}
		}
		for _, m := range c.Memory {
			if m.Region == "" || m.TotalBytes < k2i.Unread || m.ResidentBytes < k2i.Unread {
				t.Errorf("%+v", m)
			}
		}
	})
}

// A made host with two cards: a process with one client through two descriptors
// and another card's client, one that has it by a third, one without.
func TestGPUs(t *testing.T) {
	tr, m := machineTree(t)
	tr.write("sys/class/drm/version", "drm 1.1.0 20060810\n")
	for _, file := range []string{"card0-DP-1/status", "renderD128/dev"} {
		tr.write("sys/class/drm/"+file, "x\n")
	}
	tr.write("sys/class/drm/card0/device/uevent", "DRIVER=amdgpu\nPCI_CLASS=30000\nPCI_SLOT_NAME=0000:03:00.0\n")
	tr.write("sys/class/drm/card0/device/vendor", "0x1002\n")
	tr.write("sys/class/drm/card0/device/device", "0x744c\n")
	tr.write("sys/class/drm/card1/device/uevent", "DRIVER=panfrost\n")
	other := strings.ReplaceAll(amdgpu, "0000:03:00.0", "0000:04:00.0")
	for pid, files := range map[string]map[string]string{
		"10": {"3": amdgpu, "4": amdgpu, "7": other},
		"11": {"3": amdgpu},
		"12": {},
	} {
		tr.link(pid+"/fd/0", "/dev/null")
		tr.write(pid+"/fdinfo/0", amdgpu) // not a GPU's file, whatever it says
		for fd, text := range files {
			tr.link(pid+"/fd/"+fd, "/dev/dri/renderD128")
			tr.write(pid+"/fdinfo/"+fd, text)
		}
	}
	cards, clients, leftOut, err := m.GPUs()
	if err != nil || leftOut != 0 {
		t.Fatal(err)
	}
	want := []k2i.GPU{
		{Card: "card0", Driver: "amdgpu", PCI: "0000:03:00.0", Vendor: "0x1002", Device: "0x744c"},
		{Card: "card1", Driver: "panfrost"},
	}
	if !reflect.DeepEqual(cards, want) {
		t.Errorf("cards %+v", cards)
	}
	var got []string
	for _, c := range clients {
		got = append(got, fmt.Sprint(c.PID, " ", c.PCI))
		c.PID, c.PCI = 0, "0000:03:00.0"
		if !reflect.DeepEqual(c, amdClient()) {
			t.Errorf("%+v", c)
		}
	}
	if text := strings.Join(got, ", "); text != "10 0000:03:00.0, 10 0000:04:00.0, 11 0000:03:00.0" {
		t.Errorf("clients %s", text)
	}
	tr.remove("sys/class/drm/card0")
	tr.remove("sys/class/drm/card1")
	if cards, clients, _, err := m.GPUs(); err != nil || len(cards)+len(clients) != 0 {
		t.Errorf("without cards: %v %v %v", cards, clients, err)
	}
}
