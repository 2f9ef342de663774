package procfs

import (
	"bytes"
	"errors"
	"regexp"
	"slices"
	"strings"
	"testing"

	prometheus "github.com/prometheus/procfs"

	"ddcos/k2i"
)

const hybrid = "12:pids:/user.slice\n11:memory:/docker/aa\n10:cpu,cpuacct:/docker/bb\n1:name=systemd:/init.scope\n0::/\n"

func TestParseCgroup(t *testing.T) {
	for name, c := range map[string]struct {
		text string
		want Cgroup
	}{
		"v2":                      {"0::/system.slice/ssh.service\n", Cgroup{"", "/system.slice/ssh.service"}},
		"v2, root":                {"0::/\n", Cgroup{"", "/"}},
		"v2, removed":             {"0::/a/b (deleted)\n", Cgroup{"", "/a/b"}},
		"v2, from outside":        {"0::/../../sibling\n", Cgroup{"", "/../../sibling"}},
		"hybrid":                  {hybrid, Cgroup{"memory", "/docker/aa"}},
		"v1, no memory":           {strings.Replace(hybrid, "11:memory:/docker/aa\n", "", 1), Cgroup{"pids", "/user.slice"}},
		"v1, memory among others": {"3:cpu,memory:/a\n2:pids:/b\n", Cgroup{"cpu,memory", "/a"}},
		"v1, neither":             {"2:freezer:/a\n1:cpu:/b\n", Cgroup{"freezer", "/a"}},
		"v1 is never (deleted)":   {"2:memory:/a (deleted)\n", Cgroup{"memory", "/a (deleted)"}},
		"named like a controller": {"2:name=memory:/a\n0::/b\n", Cgroup{"", "/b"}},
		"nearly a controller":     {"2:memoryx,xpids:/a\n0::/b\n", Cgroup{"", "/b"}},
		"colons in the path":      {"0::/a:b:c\n", Cgroup{"", "/a:b:c"}},
		"ESC and blanks":          {"0::/a b\x1b[2J\n", Cgroup{"", "/a b\x1b[2J"}},
		"no newline":              {"0::/a", Cgroup{"", "/a"}},
		"rubbish before":          {"x\n::\n0:\n0::a\n0::/a\n", Cgroup{"", "/a"}},
	} {
		if got, err := ParseCgroup([]byte(c.text)); err != nil || got != c.want {
			t.Errorf("%s: got %+v, %v", name, got, err)
		}
	}
	for _, text := range []string{"", "\n", "0", "0::", "0::a\n", "memory:/a\n", "0:/a\n"} {
		if got, err := ParseCgroup([]byte(text)); !errors.Is(err, errCgroup) || got != (Cgroup{}) {
			t.Errorf("%q: got %+v, %v", text, got, err)
		}
	}
}

func TestCgroupController(t *testing.T) {
	for text, want := range map[string]string{
		hybrid: "memory", "2:pids:/\n0::/\n": "pids", "3:cpu,memory:/\n": "memory",
		"0::/a\n": "", "1:cpu:/a\n": "", "rubbish": "",
	} {
		tr := newTree(t)
		tr.write("self/cgroup", text)
		same(t, text, tr.open().CgroupController(), want)
	}
}

// A kernel without control groups has processes all the same.
func TestKernelWithoutCgroups(t *testing.T) {
	tr := newTree(t)
	tr.process(9)
	tr.remove("self/cgroup")
	tr.remove("9/cgroup")
	fs := tr.open()
	sample, err := fs.Read(t.Context())
	if err != nil || len(sample.Processes) != 1 {
		t.Fatalf("got %+v, %v", sample, err)
	}
	same(t, "path", sample.Processes[0].Cgroup, "")
	same(t, "controller", fs.CgroupController(), "")
	same(t, "missing", strings.Join(sample.Missing, " "), "cgroup exec_id pidfd_inode")
	same(t, "visibility", sample.Visibility, k2i.VisibilityFull)
}

func TestCgroupThatSaysNothing(t *testing.T) {
	tr := newTree(t)
	tr.process(9)
	tr.write("9/cgroup", "rubbish\n")
	p, err := tr.open().Process(9)
	if err != nil || p.Cgroup != "" {
		t.Errorf("got %q, %v", p.Cgroup, err)
	}
}

// chooseAgain is the rule of ParseCgroup once more, over the library's list.
func chooseAgain(list []prometheus.Cgroup) string {
	for _, name := range preferred {
		for _, c := range list {
			if slices.Contains(c.Controllers, name) {
				return c.Path
			}
		}
	}
	for _, c := range list {
		if c.HierarchyID == 0 && len(c.Controllers) == 0 {
			return strings.TrimSuffix(c.Path, " (deleted)")
		}
	}
	return list[0].Path
}

// otherIDs are numbers that the library takes for 0, and line ends that it cuts.
var otherIDs = regexp.MustCompile(`(?m)^[+-]|^00|\r`)

func FuzzCgroup(f *testing.F) {
	o := newOracle(f, "cgroup")
	f.Add([]byte(hybrid))
	f.Add([]byte("0::/a (deleted)\n"))
	f.Add([]byte("2:freezer:/a\n1:cpu,pids:/b:c\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		c, err := ParseCgroup(b)
		if err != nil {
			same(t, "with an error", c, Cgroup{})
			return
		}
		if !strings.HasPrefix(c.Path, "/") || !bytes.Contains(b, []byte(c.Path)) {
			t.Errorf("%q became %+v", b, c)
		}
		o.set(t, b)
		list, err := o.proc.Cgroups()
		for _, one := range list { // lines that the kernel does not write, and that the library takes
			if !strings.HasPrefix(one.Path, "/") || one.HierarchyID <= 0 && len(one.Controllers) > 0 || one.HierarchyID > 0 && len(one.Controllers) == 0 {
				return
			}
		}
		if err == nil && len(list) > 0 && !otherIDs.Match(b) {
			same(t, "path", c.Path, chooseAgain(list))
		}
	})
}
