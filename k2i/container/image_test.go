package container

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// host makes the root of a host's first process with these files, and tells where
// its proc file system is.
func host(t *testing.T, files map[string]string) string {
	t.Helper()
	proc := t.TempDir()
	for name, text := range files {
		path := filepath.Join(proc, "1/root", name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return proc
}

const storage = "var/lib/containers/storage/overlay-containers/containers.json"

// Every runtime's file tells its own containers' image and no other's.
func TestImages(t *testing.T) {
	a, b, c, d := strings.Repeat("a", 64), strings.Repeat("b", 64), strings.Repeat("c", 64), strings.Repeat("d", 64)
	images := NewImages(host(t, map[string]string{
		"var/lib/docker/containers/" + a + "/config.v2.json":                        `{"ID":"x","Config":{"Hostname":"h","Image":"nginx:1.25"},"Image":"sha256:77"}`,
		"run/containerd/io.containerd.runtime.v2.task/k8s.io/" + b + "/config.json": `{"ociVersion":"1.1.0","annotations":{"io.kubernetes.cri.image-name":"registry.k8s.io/pause:3.9"}}`,
		storage: `[{"id":"` + d + `","names":["n"],"image":"1e","metadata":"{\"image-name\":\"localhost/other:1\"}"},
			{"id":"` + c + `","metadata":"{\"image-name\":\"localhost/a/b:1\",\"image-id\":\"1e\",\"created-at\":1}"}]`,
	}))
	for id, want := range map[string]string{
		a: "nginx:1.25", b: "registry.k8s.io/pause:3.9", c: "localhost/a/b:1", d: "localhost/other:1",
		strings.Repeat("e", 64): "", "../../../../etc": "", "": "", "machine": "",
	} {
		if got := images.Of(id, time.Now()); got != want {
			t.Errorf("%.8s: %q, want %q", id, got, want)
		}
	}
}

// Where nobody may look into process 1, its files are those beside proc.
func TestImagesBesideProc(t *testing.T) {
	id := strings.Repeat("a", 64)
	root := filepath.Join(host(t, map[string]string{storage: `[{"id":"` + id + `","metadata":"{\"image-name\":\"x\"}"}]`}), "1/root")
	if got := NewImages(filepath.Join(root, "proc")).Of(id, time.Now()); got != "x" {
		t.Errorf("%q, want x", got)
	}
}

// runc and crun are known by the files of their containers, and no name leads elsewhere.
func TestRuntimesAlone(t *testing.T) {
	proc := host(t, map[string]string{
		"run/runc/web/state.json": "{}", "run/crun/db-1/status": "{}", "run/crun/later/other": "", "run/other/status": "{}",
		"run/runc/dir/state.json/below": "",
	})
	if err := os.Symlink("web", filepath.Join(proc, "1/root/run/runc/linked")); err != nil {
		t.Fatal(err)
	}
	images, now := NewImages(proc), time.Now()
	for id, want := range map[string]string{
		"web": "runc", "db-1": "crun", "linked": "runc", "later": "", "dir": "", "none": "", "": "", ".": "", "..": "", "../other": "",
		strings.Repeat("x", maxName+1): "",
	} {
		if got := images.Runtime(id, now); got != want {
			t.Errorf("%.20q: %q, want %q", id, got, want)
		}
	}
	if err := os.WriteFile(filepath.Join(proc, "1/root/run/crun/later/status"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(filepath.Join(proc, "1/root/run/runc/web/state.json")); err != nil {
		t.Fatal(err)
	}
	for id, want := range map[string]string{"web": "runc", "later": "crun"} {
		if got := images.Runtime(id, now.Add(2*imagesFor)); got != want {
			t.Errorf("%s after a while: %q, want %q", id, got, want)
		}
	}
}

// What is no file of a runtime tells nothing, and holds nobody up.
func TestImagesHostile(t *testing.T) {
	id := strings.Repeat("a", 64)
	for what, text := range map[string]string{
		"no JSON": "\x00\x01", "another shape": `[1]`, "metadata of another shape": `[{"id":"` + id + `","metadata":"5"}]`,
		"a long name": `[{"id":"` + id + `","metadata":"{\"image-name\":\"` + strings.Repeat("x", maxImage+1) + `\"}"}]`,
		"too large":   `[{"id":"` + id + `","metadata":"{\"image-name\":\"x\"}"}]` + strings.Repeat(" ", maxKept),
	} {
		if got := NewImages(host(t, map[string]string{storage: text})).Of(id, time.Now()); got != "" {
			t.Errorf("%s: %.20q", what, got)
		}
	}
	proc := host(t, map[string]string{"var/lib/containers/storage/overlay-containers/other": ""})
	if err := syscall.Mkfifo(filepath.Join(proc, "1/root", storage), 0o600); err != nil {
		t.Fatal(err)
	}
	if got := NewImages(proc).Of(id, time.Now()); got != "" {
		t.Errorf("a FIFO: %q", got)
	}
	outside := filepath.Join(proc, "outside")
	if err := os.WriteFile(outside, []byte(`[{"id":"`+id+`","metadata":"{\"image-name\":\"x\"}"}]`), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(filepath.Join(proc, "1/root", storage)); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(outside, filepath.Join(proc, "1/root", storage)); err != nil {
		t.Fatal(err)
	}
	if got := NewImages(proc).Of(id, time.Now()); got != "" {
		t.Errorf("a link out of the root: %q", got)
	}
}

// A container is looked up once, and one that nobody knows again when a minute has gone.
func TestImagesRemembered(t *testing.T) {
	id := strings.Repeat("a", 64)
	proc := host(t, map[string]string{storage: `[]`})
	images := NewImages(proc)
	now := time.Unix(1000, 0)
	if got := images.Of(id, now); got != "" {
		t.Fatalf("%q before it is there", got)
	}
	if err := os.WriteFile(filepath.Join(proc, "1/root", storage), []byte(`[{"id":"`+id+`","metadata":"{\"image-name\":\"x\"}"}]`), 0o600); err != nil {
		t.Fatal(err)
	}
	if got := images.Of(id, now.Add(imagesFor)); got != "" {
		t.Errorf("%q within a minute: it was read again", got)
	}
	if got := images.Of(id, now.Add(imagesFor+1)); got != "x" {
		t.Errorf("%q after a minute, want x", got)
	}
	if err := os.RemoveAll(filepath.Join(proc, "1")); err != nil {
		t.Fatal(err)
	}
	if got := images.Of(id, now.Add(10*imagesFor)); got != "x" {
		t.Errorf("%q after ten minutes: what a container was made from was looked up again", got)
	}
}
