package procfs

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"strings"
	"testing"

	"ddcos/k2i"
)

func TestMountPoints(t *testing.T) {
	tr, m := machineTree(t)
	tr.write("self/mountinfo", `22 27 0:21 / /proc rw,relatime - proc proc rw
27 1 254:0 / / rw,relatime - ext4 /dev/vda rw,discard
28 27 0:26 / /mnt/old rw,relatime - tmpfs covered rw
29 27 0:27 / /mnt/old ro,relatime - tmpfs covering rw
30 27 254:0 /run /run/bound rw,relatime shared:1 - ext4 /dev/vda rw
31 27 0:31 / /mnt/with\040blank\134 rw - fuse.sshfs me@far:/x\040y ro,user_id=0
32 27 0:40 / /net rw - autofs systemd-1 rw
33 31 0:41 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw
`)
	points, leftOut, err := m.MountPoints()
	if err != nil || leftOut != 0 {
		t.Fatal(err)
	}
	var got []string
	for _, p := range points {
		got = append(got, fmt.Sprintf("%s|%s|%s|%s|%v|%s", p.Point, p.Type, p.Source, p.Device, p.ReadOnly, strings.TrimPrefix(p.path, tr.root)))
		if p.SizeBytes != k2i.Unread || p.FreeInodes != k2i.Unread {
			t.Errorf("it was asked: %+v", p)
		}
	}
	want := []string{
		"/|ext4|/dev/vda|254:0|false|/self/root", "/mnt/old|tmpfs|covering|0:27|true|/self/root/mnt/old",
		`/mnt/with blank\|fuse.sshfs|me@far:/x y|0:31|true|/self/root/mnt/with blank\`,
	}
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	tr.remove("self/mountinfo")
	if points, _, err := m.MountPoints(); err != nil || len(points) != 0 {
		t.Errorf("without the file: %v, %v", points, err)
	}
}

// An agent in a container of its own tells of the host's mounts, where it may.
func TestMountsOfTheFirstProcess(t *testing.T) {
	tr, m := machineTree(t)
	tr.write("self/mountinfo", "27 1 0:9 / / rw - overlay overlay rw\n")
	tr.write("1/mountinfo", "27 1 8:1 / / rw - ext4 /dev/sda1 rw\n")
	tr.link("self/ns/mnt", "mnt:[5]")
	tr.link("1/ns/mnt", "mnt:[5]")
	for _, want := range []string{"overlay", "ext4"} {
		points, _, err := m.MountPoints()
		if err != nil || len(points) != 1 || points[0].Type != want {
			t.Errorf("%+v, %v", points, err)
		}
		tr.remove("1/ns/mnt")
		tr.link("1/ns/mnt", "mnt:[4]")
	}
}

func TestManyMounts(t *testing.T) {
	tr, m := machineTree(t)
	var text strings.Builder
	for i := range 1000 {
		fmt.Fprintf(&text, "%d 1 0:%d / /mnt/%d rw - overlay overlay rw\n", i+50, i+50, i)
	}
	tr.write("self/mountinfo", text.String())
	points, leftOut, err := m.MountPoints()
	if err != nil || len(points) != k2i.MaxListed || leftOut != 1000-k2i.MaxListed {
		t.Errorf("%d and %d left out, %v", len(points), leftOut, err)
	}
}

func TestSize(t *testing.T) {
	_, m := machineTree(t)
	dir := t.TempDir()
	point := MountPoint{k2i.Mount{Point: "/", Type: "x"}, dir}
	mount, err := m.Size(&point)
	if err != nil || mount.Type != "x" || mount.SizeBytes <= 0 || mount.FreeBytes > mount.SizeBytes || mount.AvailableBytes > mount.FreeBytes {
		t.Errorf("%+v, %v", mount, err)
	}
	point.path = filepath.Join(dir, "gone")
	if _, err := m.Size(&point); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("got %v", err)
	}
}

func FuzzUnescapeOctal(f *testing.F) {
	for _, seed := range []string{"", `a\040b`, `\`, `\04`, `\999`, `\134\134`} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, s string) {
		// What the kernel escapes comes back.
		escaped := strings.NewReplacer(` `, `\040`, "\t", `\011`, "\n", `\012`, `\`, `\134`).Replace(s)
		if got := unescapeOctal(escaped); got != s {
			t.Errorf("%q becomes %q and then %q", s, escaped, got)
		}
		if got := unescapeOctal(s); len(got) > len(s) {
			t.Errorf("%q grows to %q", s, got)
		}
	})
}
