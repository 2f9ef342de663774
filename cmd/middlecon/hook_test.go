package main

import (
	"bytes"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

// long FILE N: a container's state of that many bytes, in an annotation, its id or spaces.
func long(ts *testscript.TestScript, _ bool, args []string) {
	var n int
	_, err := fmt.Sscan(args[1], &n)
	ts.Check(err)
	state := map[string]string{
		"annotations": fmt.Sprintf(`{"id":"long","annotations":{"a":%q}}`, strings.Repeat("x", n)),
		"id":          fmt.Sprintf(`{"id":%q}`, strings.Repeat("x", n)),
		"whole":       `{"id":"x"}` + strings.Repeat(" ", n),
	}[args[0]]
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), []byte(state), 0o600))
}

// The files that ship for podman name events that there are, and give the hook
// more time than it takes at most.
func TestHookFiles(t *testing.T) {
	files, err := filepath.Glob("../../deploy/hooks/*.json")
	if err != nil {
		t.Fatal(err)
	}
	var events []string
	for _, file := range files {
		var shipped struct {
			Version string `json:"version"`
			Hook    struct {
				Path    string   `json:"path"`
				Args    []string `json:"args"`
				Timeout int      `json:"timeout"`
			} `json:"hook"`
			When   map[string]bool `json:"when"`
			Stages []string        `json:"stages"`
		}
		b, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		d := json.NewDecoder(bytes.NewReader(b))
		d.DisallowUnknownFields()
		if err := d.Decode(&shipped); err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		args := shipped.Hook.Args
		if len(args) < 3 || !slices.Equal(shipped.Stages, args[2:3]) || filepath.Base(shipped.Hook.Path) != args[0] || !shipped.When["always"] || shipped.Hook.Timeout <= 5 {
			t.Fatalf("%s: %s", file, b)
		}
		events = append(events, args[2])
		h, status := exec.Command("middlecon", args[1:]...), 0
		h.Env = append(os.Environ(), "DDCOS_BROKER=unix:///nowhere/m.sock")
		h.Stdin = strings.NewReader(`{"id":"x"}`)
		if err := h.Run(); err != nil {
			status = h.ProcessState.ExitCode()
		}
		if status != 0 {
			t.Errorf("%s without a broker: status %d", file, status)
		}
	}
	slices.Sort(events)
	want := hookEvents()
	slices.Sort(want)
	if !slices.Equal(events, want) {
		t.Errorf("hooks for %q, want %q", events, want)
	}
}

// Real containers of runc and podman: who joined hears of every start and stop,
// each container's in order, and refuses one by its annotation.
func TestHooksOfRealContainers(t *testing.T) {
	h := newHooked(t)
	t.Run("runc", func(t *testing.T) { h.each(t, h.runc) })
	t.Run("podman", func(t *testing.T) { h.each(t, h.podman) })
}

// hooked is a host with a broker, and somebody who hears of its containers.
type hooked struct {
	broker *served
	dir    string
	rootfs string
	heard  string // what the subscriber was told, a line each
	hooks  string // podman's directory of hooks
}

const refusedBy = "ddcos.test/refuse"

func newHooked(t *testing.T) *hooked {
	t.Helper()
	for _, name := range []string{"runc", "podman", "busybox"} {
		if _, err := exec.LookPath(name); err != nil {
			t.Skipf("%s is not installed", name)
		}
	}
	if os.Geteuid() != 0 {
		t.Skip("needs root")
	}
	h := &hooked{broker: serve(t, 1024), dir: t.TempDir()}
	h.heard, h.rootfs, h.hooks = filepath.Join(h.dir, "heard"), filepath.Join(h.dir, "rootfs"), filepath.Join(h.dir, "hooks.d")
	if err := os.WriteFile(h.heard, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	h.makeRoot(t)
	h.makeHooks(t)
	// conmon's cgroups stay as long as another podman's containers are there.
	t.Cleanup(func() {
		_ = exec.Command("find", "/sys/fs/cgroup", "-depth", "-type", "d", "-path", "*/libpod_parent*", "-delete").Run()
	})
	listener := exec.Command("middlecon", "join", "containers", "--name", "listener", "--broker", h.broker.address,
		"--exec", `m=$(cat); case $m in *createRuntime*`+refusedBy+`*) echo unwanted >&2; exit 1;; esac; printf '%s\n' "$m" >>`+h.heard)
	if err := listener.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _, _ = listener.Process.Signal(os.Interrupt), listener.Wait() }) // its end is not what is tried
	poll(t, "somebody listens", func() bool {
		out, _ := exec.Command("middlecon", "members", "containers", "--json", "--broker", h.broker.address).Output()
		return strings.Contains(string(out), `"listener"`)
	})
	return h
}

// makeRoot makes a root file system of busybox.
func (h *hooked) makeRoot(t *testing.T) {
	t.Helper()
	for _, name := range []string{"bin", "proc", "sys", "dev", "tmp"} {
		if err := os.MkdirAll(filepath.Join(h.rootfs, name), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	busybox, _ := exec.LookPath("busybox")
	h.try(t, true, "cp", busybox, filepath.Join(h.rootfs, "bin/busybox"))
	if err := os.Symlink("busybox", filepath.Join(h.rootfs, "bin/true")); err != nil {
		t.Fatal(err)
	}
}

// makeHooks installs the files that ship, for this test's program and broker.
func (h *hooked) makeHooks(t *testing.T) {
	t.Helper()
	program, err := exec.LookPath("middlecon")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(h.hooks, 0o755); err != nil {
		t.Fatal(err)
	}
	files, _ := filepath.Glob("../../deploy/hooks/*.json")
	for _, file := range files {
		b, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		text := strings.Replace(string(b), "/usr/bin/middlecon", program, 1)
		text = strings.Replace(text, `"--deadline"`, fmt.Sprintf(`"--broker", %q, "--deadline"`, h.broker.address), 1)
		text = strings.NewReplacer(`"2s"`, `"1m"`, `"timeout": 10`, `"timeout": 150`).Replace(text) // the machine may be busy
		if err := os.WriteFile(filepath.Join(h.hooks, filepath.Base(file)), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// try runs a program to its end; ok: it has to succeed.
func (h *hooked) try(t *testing.T, ok bool, args ...string) string {
	t.Helper()
	cmd := exec.Command("timeout", append([]string{"300"}, args...)...)
	cmd.Dir = h.dir
	out, err := cmd.CombinedOutput()
	if ok != (err == nil) {
		t.Fatalf("%s: %v: %s", strings.Join(args, " "), err, out)
	}
	return string(out)
}

// each has a runtime run three containers, and one that is refused.
func (h *hooked) each(t *testing.T, runtime func(t *testing.T, id string, refused bool)) {
	var want []string
	for range 3 {
		id := "hook-" + unique()
		runtime(t, id, false)
		for _, event := range hookEvents() {
			want = append(want, event+" "+id)
		}
	}
	refused := "hook-" + unique()
	runtime(t, refused, true)
	var got []string
	poll(t, "the last container's end is heard", func() bool {
		got = h.events(t, want)
		return len(got) >= len(want)
	})
	if !slices.Equal(got, want) {
		t.Errorf("heard %q, want %q", got, want)
	}
}

// events are what was heard of these containers, in order.
func (h *hooked) events(t *testing.T, about []string) []string {
	t.Helper()
	b, err := os.ReadFile(h.heard)
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	for line := range strings.Lines(string(b)) {
		var told struct {
			Event, ID, Status string
			PID               int
			Annotations       map[string]string
		}
		if err := json.Unmarshal([]byte(line), &told); err != nil {
			t.Fatalf("%q: %v", line, err)
		}
		name := told.Annotations["ddcos.test/name"]
		if name == "" {
			t.Errorf("%q: annotations do not come with it", line)
		}
		if told.Event == createRuntime && told.PID == 0 {
			t.Errorf("%q: no pid", line)
		}
		if slices.ContainsFunc(about, func(a string) bool { return strings.HasSuffix(a, name) }) {
			all = append(all, told.Event+" "+name)
		}
	}
	return all
}

// runc runs a bundle whose configuration names the hooks.
func (h *hooked) runc(t *testing.T, id string, refused bool) {
	t.Helper()
	path := filepath.Join(h.dir, "config.json")
	_ = os.Remove(path) // of the container before
	h.try(t, true, "runc", "spec")
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var config map[string]any
	if err := json.Unmarshal(b, &config); err != nil {
		t.Fatal(err)
	}
	process := config["process"].(map[string]any)
	process["terminal"], process["args"] = false, []string{"/bin/true"}
	delete(process, "rlimits") // which a container's root may not raise
	config["annotations"] = annotations(id, refused)
	config["hooks"] = h.configured(t)
	if b, err = json.Marshal(config); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
	out := h.try(t, !refused, "runc", "run", id)
	if refused && !strings.Contains(out, "is refused") {
		t.Errorf("runc does not say why: %s", out)
	}
}

// configured is the hooks as runc's configuration has them.
func (h *hooked) configured(t *testing.T) map[string][]any {
	t.Helper()
	all := map[string][]any{}
	files, _ := filepath.Glob(h.hooks + "/*.json")
	for _, file := range files {
		var one struct {
			Hook   any
			Stages []string
		}
		b, err := os.ReadFile(file)
		if err == nil {
			err = json.Unmarshal(b, &one)
		}
		if err != nil {
			t.Fatal(err)
		}
		all[one.Stages[0]] = []any{one.Hook}
	}
	return all
}

func annotations(id string, refused bool) map[string]string {
	a := map[string]string{"ddcos.test/name": id}
	if refused {
		a[refusedBy] = "yes"
	}
	return a
}

// podman runs a root file system with the directory of hooks.
func (h *hooked) podman(t *testing.T, id string, refused bool) {
	t.Helper()
	args := []string{
		"podman", "--runtime", "runc", "--cgroup-manager", "cgroupfs", "--storage-driver", "vfs", "--events-backend", "none",
		"--root", h.dir + "/root", "--runroot", h.dir + "/run", "--tmpdir", h.dir + "/tmp", "--hooks-dir", h.hooks,
	}
	start := append(slices.Clone(args), "run", "--name", id, "--network", "none", "--ulimit", "nofile=1024:1024", "--ulimit", "nproc=1000:1000")
	for key, value := range annotations(id, refused) {
		start = append(start, "--annotation", key+"="+value)
	}
	h.try(t, !refused, append(start, "--rootfs", h.rootfs, "/bin/true")...)
	h.try(t, true, append(args, "rm", "-f", "-t", "0", id)...)
}

// unique is a name that no other container has.
func unique() string {
	b := make([]byte, 6)
	_, _ = rand.Read(b)
	return hex.EncodeToString(b)
}
