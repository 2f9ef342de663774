package container

import (
	"encoding/json"
	"io"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// Limits of what is read of runtimes' files, and of what is remembered.
const (
	maxKept   = 8 << 20     // bytes of one file
	maxImage  = 255         // bytes of an image's name
	maxImages = 4096        // containers whose image is known, or known to be told nowhere
	imagesFor = time.Minute // how long what no file tells is not looked for again
)

// kept is a file in which runtimes keep what they made containers from.
type kept struct {
	path  string // below the root of the host's first process; ID stands for the container's
	image func(file []byte, id string) string
}

// keptFiles are docker's; containerd's, where Kubernetes asked for the container; and
// that of podman and CRI-O, when root runs them.
func keptFiles() [3]kept {
	return [...]kept{
		{"var/lib/docker/containers/ID/config.v2.json", dockerImage},
		{"run/containerd/io.containerd.runtime.v2.task/k8s.io/ID/config.json", annotatedImage},
		{"var/lib/containers/storage/overlay-containers/containers.json", storedImage},
	}
}

// Images tells what containers were made from, and which runtime has them that no cgroup
// tells of, by what runtimes keep in files; the runtimes are not asked. It is for one
// goroutine.
type Images struct {
	proc  string // root of the proc file system
	known map[string]string
	by    map[string]string // runtimes
	since time.Time
}

// NewImages reads below the root of process 1, as proc has it: the host's, also for
// an agent in a container. Where that is refused, below the directory that proc is in.
func NewImages(proc string) *Images {
	return &Images{proc: proc, known: map[string]string{}, by: map[string]string{}}
}

// Of is the image of the container that has this id, and "" where no file tells or
// none may be read.
func (m *Images) Of(id string, now time.Time) string {
	if !isHex64(id) {
		return ""
	}
	return m.remembered(m.known, id, imageIn, now)
}

// Runtime is which of runc and crun has a container of this id that root started by the
// program itself, and "" where neither has.
func (m *Images) Runtime(id string, now time.Time) string {
	if (Keeper{ID: id}).orNone().ID == "" {
		return ""
	}
	return m.remembered(m.by, id, runtimeIn, now)
}

// remembered is what the host's files tell of a container, now or lately.
func (m *Images) remembered(known map[string]string, id string, read func(*os.Root, string) string, now time.Time) string {
	if now.Sub(m.since) > imagesFor {
		for _, of := range []map[string]string{m.known, m.by} {
			maps.DeleteFunc(of, func(_, told string) bool { return told == "" })
		}
		m.since = now
	}
	if len(known) >= maxImages {
		clear(known)
	}
	told, ok := known[id]
	if ok {
		return told
	}
	root, err := os.OpenRoot(filepath.Join(m.proc, "1/root"))
	if err != nil { // process 1 may be nobody's to look into
		root, err = os.OpenRoot(filepath.Dir(m.proc))
	}
	if err == nil {
		defer func() { _ = root.Close() }()
		told = read(root, id)
	}
	known[id] = told
	return told
}

func runtimeIn(root *os.Root, id string) string {
	for _, state := range [...][2]string{{"runc", "run/runc/ID/state.json"}, {"crun", "run/crun/ID/status"}} {
		if info, err := root.Lstat(strings.Replace(state[1], "ID", id, 1)); err == nil && info.Mode().IsRegular() {
			return state[0]
		}
	}
	return ""
}

func imageIn(root *os.Root, id string) string {
	for _, k := range keptFiles() {
		image := k.image(content(root, strings.Replace(k.path, "ID", id, 1)), id)
		if image != "" && len(image) <= maxImage {
			return image
		}
	}
	return ""
}

// content is a regular file's, nil for every other and for one beyond maxKept.
func content(root *os.Root, path string) []byte {
	f, err := root.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil
	}
	defer func() { _ = f.Close() }()
	if info, err := f.Stat(); err != nil || !info.Mode().IsRegular() || info.Size() > maxKept {
		return nil
	}
	b, err := io.ReadAll(io.LimitReader(f, maxKept))
	if err != nil {
		return nil
	}
	return b
}

func dockerImage(file []byte, _ string) string {
	var c struct{ Config struct{ Image string } }
	_ = json.Unmarshal(file, &c) // what is none tells nothing
	return c.Config.Image
}

func annotatedImage(file []byte, _ string) string {
	var c struct {
		Annotations map[string]string `json:"annotations"`
	}
	_ = json.Unmarshal(file, &c)
	return c.Annotations["io.kubernetes.cri.image-name"]
}

func storedImage(file []byte, id string) string {
	var all []struct {
		ID       string `json:"id"`
		Metadata string `json:"metadata"`
	}
	_ = json.Unmarshal(file, &all)
	for _, c := range all {
		if c.ID == id {
			var of struct {
				Image string `json:"image-name"`
			}
			_ = json.Unmarshal([]byte(c.Metadata), &of)
			return of.Image
		}
	}
	return ""
}
