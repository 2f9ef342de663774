package procfs

import (
	"strings"
	"testing"

	"ddcos/k2i"
)

// FuzzMachineFiles gives one of the host's files any text: what the libraries
// make of it is told or refused, and lists keep their limits.
func FuzzMachineFiles(f *testing.F) {
	files := []string{
		"self/mountinfo", "pressure/memory", "meminfo", "stat", "diskstats", "net/dev", "cpuinfo", "loadavg",
		"sys/class/drm/card0/device/uevent", "sys/class/block/sda/size",
	}
	for i, text := range []string{
		"23 28 0:21 / /a\\040b rw,nosuid shared:7 - ext4 /dev/root rw,errors=continue\n",
		"some avg10=0.00 avg60=0.00 avg300=0.00 total=7\nfull avg10=0.00 avg60=0.00 avg300=12.34 total=5\n",
		"MemTotal: 2048 kB\nMemFree: 1 kB\nHugePages_Total: 0\n",
		"cpu  10 20 30 1000 500 1 2 3 7 8\ncpu0 10 20 30 1000 500 1 2 3 7 8\nintr 5 0 1\nctxt 77\nsoftirq 9 1 1 1 1 1 1 1 1 1 1\n",
		"   8       0 sda 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17\n",
		"Inter-|   Receive\n face |bytes\n  eth0: 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16\n",
		"processor\t: 0\nmodel name\t: X\nflags\t\t: fpu hypervisor\n\nprocessor\t: 1\n",
		"0.25 1.50 3.00 1/100 4242\n",
		"DRIVER=amdgpu\nPCI_SLOT_NAME=0000:03:00.0\n",
		"2048\n",
	} {
		f.Add(uint8(i), text)
	}
	tr, m := machineTree(f)
	tr.process(1)
	f.Fuzz(func(t *testing.T, which uint8, text string) {
		tr := tree{t, tr.root}
		name := files[int(which)%len(files)]
		tr.write(name, text)
		defer tr.write(name, "")
		to := k2i.NoMachine()
		_ = m.System(to) // any error is right, a panic is not
		_, _, _ = m.fs.Host(t.Context())
		_ = m.fs.cpuInfo()
		mounts, _, _ := m.MountPoints()
		disks, _, _ := m.Disks()
		links, _, _ := m.Interfaces()
		_ = m.card("card0")
		if longest := max(len(mounts), len(disks), len(links)); longest > k2i.MaxListed {
			t.Errorf("%d in a list", longest)
		}
		for _, p := range to.Pressure {
			if p.Resource == "" || p.Who == "" {
				t.Errorf("%+v", p)
			}
		}
	})
}

// FuzzFacts reads single facts out of any text of a file.
func FuzzFacts(f *testing.F) {
	f.Add(goodStatus, "Uid", "5")
	f.Add(statLine("42 (a) b)", nil), "", "22")
	f.Add("a:\na: 1\n", "a", "-1")
	f.Fuzz(func(t *testing.T, text, word, number string) {
		if field := statField(text, number); field != "" && (!strings.Contains(text, field) || strings.ContainsAny(field, " \n")) {
			t.Errorf("field %s is %q", number, field)
		}
		if line := lineOf(text, word); line != "" && (!strings.Contains(text, word+":") || strings.Contains(line, "\n")) {
			t.Errorf("line %q is %q", word, line)
		}
	})
}

// FuzzLinks tells what a descriptor's link says; processes choose their files' names.
func FuzzLinks(f *testing.F) {
	for _, seed := range []string{"", "/dev/null", "socket:[12]", "pipe:[0]", "anon_inode:[eventpoll]", "anon_inode:inotify", "/memfd:a (deleted)", "/a:[1]", "net:[4026531840]", "socket:[99999999999999999999]"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, link string) {
		kind := kindOf(link)
		if strings.HasPrefix(link, "/") && kind != "file" && kind != "memfd" || kind != "" && kind != "file" && kind != "memfd" && !strings.Contains(link, kind) {
			t.Errorf("%q is a %q", link, kind)
		}
		if n, ok := bracketed(link, "socket:["); ok && (!strings.HasPrefix(link, "socket:[") || kind != "socket" || n == 0 && !strings.Contains(link, "0")) {
			t.Errorf("%q is socket %d, kind %q", link, n, kind)
		}
	})
}

// FuzzSockets reads any text as /proc/PID/net/tcp.
func FuzzSockets(f *testing.F) {
	f.Add("  sl  local_address rem_address   st\n   0: 0100007F:1CF4 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 12345 1 0 100 0 0 10 0\n")
	f.Add(strings.Repeat("x", 5000) + "\n")
	tr := newTree(f)
	f.Fuzz(func(t *testing.T, text string) {
		tree{t, tr.root}.write("1/net/tcp", text)
		all := map[uint64]socketEnds{}
		err := readSockets(t.Context(), tr.root+"/1/net/tcp", 7, all)
		if len(all) > strings.Count(text, "\n")+1 {
			t.Errorf("%d sockets, %v", len(all), err)
		}
		for inode, s := range all {
			if inode == 0 || s.inode != inode || s.netns != 7 || !s.local.IsValid() || !s.remote.IsValid() {
				t.Errorf("%d: %+v", inode, s)
			}
		}
	})
}
