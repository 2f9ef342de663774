package container_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"ddcos/k2i/container"
	"ddcos/k2i/procfs"
)

// A row of testdata/cgroups.txt, which says how to read it.
type row struct {
	from, cgroup, comm string
	args               []string
	parent             []string // command line of the parent, where the process is the first below it
	around             container.Identity
	alone              bool
	want               container.Identity
}

// told is what is made of a row.
func (r *row) told(identifier *container.Identifier, cgroup string) container.Identity {
	kept := container.Keeper{}
	if len(r.parent) > 0 {
		kept = container.KeeperOf(filepath.Base(r.parent[0]), r.parent)
	} else if r.alone {
		kept = container.Own(cgroup)
	}
	return identifier.Identify(cgroup, r.comm, r.args).Within(r.around, kept)
}

func corpus(t *testing.T) []row {
	t.Helper()
	b, err := os.ReadFile("testdata/cgroups.txt")
	if err != nil {
		t.Fatal(err)
	}
	var rows []row
	for block := range strings.SplitSeq(string(b), "\n\n") {
		var r row
		for line := range strings.Lines(block) {
			r.read(t, strings.TrimSuffix(line, "\n"))
		}
		if r.from != "" {
			rows = append(rows, r)
		}
	}
	return rows
}

func (r *row) read(t *testing.T, line string) {
	t.Helper()
	key, value, _ := strings.Cut(line, " ")
	words := strings.Fields(value)
	for i, word := range words {
		words[i] = strings.TrimSuffix(word, "-") // - is none; no name here ends in one
	}
	switch {
	case strings.HasPrefix(line, "#"), line == "":
	case key == "from":
		r.from = value
	case key == "line":
		r.cgroup += value + "\n"
	case key == "comm":
		r.comm = value
	case key == "args":
		r.args = strings.Fields(value)
	case key == "parent":
		r.parent = strings.Fields(value)
	case key == "around" && len(words) == 3:
		r.around.ID, r.around.Runtime, r.around.Kind = words[0], words[1], words[2]
	case line == "alone":
		r.alone = true
	case key == "is" && len(words) == 3:
		r.want.ID, r.want.Runtime, r.want.Kind = words[0], words[1], words[2]
	case key == "inner" && len(words) == 2:
		r.want.InnerID, r.want.InnerRuntime = words[0], words[1]
	case key == "pod":
		r.want.Pod = value
	case key == "unit":
		r.want.Unit = value
	default:
		t.Fatalf("cgroups.txt: %q", line)
	}
}

// Every row is right, also where the kernel says that the cgroup is gone.
func TestCorpus(t *testing.T) {
	rows := corpus(t)
	if len(rows) < 150 {
		t.Errorf("%d rows", len(rows))
	}
	identifier := container.New()
	started := 0
	for _, r := range rows {
		if strings.HasPrefix(r.from, "started: ") {
			started++
		} else if !strings.HasPrefix(r.from, "form: ") {
			t.Errorf("%s: neither started nor a form", r.from)
		}
		c, err := procfs.ParseCgroup([]byte(r.cgroup))
		if err != nil {
			t.Errorf("%s: %v", r.from, err)
			continue
		}
		if got := r.told(identifier, c.Path); got != r.want {
			t.Errorf("%s:\n%s\n got %+v\nwant %+v", r.from, c.Path, got, r.want)
		}
	}
	t.Logf("%d rows, %d of them from runtimes that were started", len(rows), started)
}

// What a stranger may name a cgroup is a container's name or nothing.
func TestHostileCgroups(t *testing.T) {
	identifier := container.New()
	hex := strings.Repeat("0123456789abcdef", 4)
	for _, c := range []struct{ name, path, id string }{
		{"4 KiB of elements", strings.Repeat("/a", 2048), ""},
		{"4 KiB of slashes", strings.Repeat("/", 4096), ""},
		{"4 KiB in one element", "/lxc/" + strings.Repeat("a", 4090), ""},
		{"a name as long as may be", "/lxc/" + strings.Repeat("a", 255), strings.Repeat("a", 255)},
		{"deep below a container", "/docker/" + hex + strings.Repeat("/a", 2000), hex},
		{"many containers in each other", strings.Repeat("/docker/"+hex, 50), hex},
		{"a terminal's escapes", "/lxc.payload.\x1b[2J", "\x1b[2J"},
		{"no UTF-8", "/docker/" + hex + "/\xff\xfe", hex},
		{"two dots for a name", "/lxc/../lxc.payload.", ""},
		{"half of an escape", `/machine.slice/machine-\x2.scope`, `\x2`},
		{"an escape at the end", `/machine.slice/machine-a\x2d.scope`, "a-"},
		{"a zero byte escaped", `/machine.slice/machine-a\x00.scope`, `a\x00`},
		{"no number at libvirt's", "/machine.slice/machine-lxc-web.scope", "lxc-web"},
		{"nothing between", "/machine.slice/machine-.scope/systemd-nspawn@.service", ""},
		{"a prefix alone", "/docker-/libpod-/crio-/docker-.scope", ""},
		{"65 digits", "/docker/" + hex + "0", ""},
		{"a pod alone", "/kubepods/pod/pod", ""},
		{"deleted on v1", "/docker/" + hex + " (deleted)", ""},
		{"colons", ":::/:docker:/::" + hex, ""},
	} {
		got := identifier.Identify(c.path, "\x00", []string{"", "-M"})
		if got.ID != c.id || got.Kind == "" || (got.ID == "") != (got.Kind == container.KindHost) {
			t.Errorf("%s: %+v", c.name, got)
		}
	}
	long := strings.Repeat("n", 300)
	if got := identifier.Identify("/", "firecracker", []string{"firecracker", "--id", long}); got.ID != "" || got.Kind != container.KindMicroVM {
		t.Errorf("a machine that calls itself 300 letters: %+v", got)
	}
}

// Whatever a path and a command line hold, an id comes out of them only whole.
func FuzzIdentify(f *testing.F) {
	identifier := container.New()
	hex := strings.Repeat("0123456789abcdef", 4)
	f.Add("/docker/"+hex+"/docker/"+strings.Repeat("ab", 32), "sh", "sh")
	f.Add("/lxc/../..", ")", "\x00")
	f.Add("//::/kubepods/pod/"+hex, "", "qemu-system- -M")
	f.Add(`/machine.slice/machine-a\x2db\x1b.scope`, "exe", "runsc-sandbox boot x")
	f.Add("/", "firecracker", "firecracker --api-sock /run/vc/vm/"+hex+"/f --id=1")
	f.Fuzz(func(t *testing.T, path, comm, line string) {
		args := strings.Split(line, " ")
		got := identifier.Identify(path, comm, args)
		// An escape of systemd is the only thing that may differ.
		all := path + "\n" + strings.ReplaceAll(line, "guest=", "")
		whole := func(id string) bool {
			return id == "" || strings.Contains(all, id) || strings.Contains(path, `\x`)
		}
		if got.Kind == "" || !whole(got.ID) || !whole(got.InnerID) || len(got.ID) > 255 || len(got.InnerID) > 255 {
			t.Errorf("%q %q: %+v", path, line, got)
		}
		if got.InnerID != "" && (got.ID == "" || got.InnerID == got.ID) {
			t.Errorf("%q: an innermost without an outermost: %+v", path, got)
		}
		if !strings.Contains(path, got.Unit) || got.Kind == container.KindHost && got.Runtime != "" {
			t.Errorf("%q: %+v", path, got)
		}
	})
}
