//go:build kernels

package kernels

import (
	"bytes"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path"
	"regexp"
	"strings"
	"testing"
)

// archive is an initramfs: a cpio archive of the kind "newc", by the kernel's
// Documentation/driver-api/early-userspace/buffer-format.rst.
type archive struct {
	w     io.Writer
	inode int
	have  map[string]bool
	err   error
}

func newArchive(w io.Writer) *archive { return &archive{w: w, have: map[string]bool{}} }

// add puts in one file, with the directories above it. The first error stays.
func (a *archive) add(name string, mode uint32, body []byte) {
	name = strings.TrimPrefix(name, "/")
	if a.err != nil || a.have[name] {
		return
	}
	a.have[name] = true
	if dir := path.Dir(name); dir != "." {
		a.add(dir, 0o40755, nil)
	}
	a.write(name, mode, body)
}

func (a *archive) write(name string, mode uint32, body []byte) {
	a.inode++
	head := "070701"
	for _, n := range []int{a.inode, int(mode), 0, 0, 1, 0, len(body), 0, 0, 0, 0, len(name) + 1, 0} {
		head += fmt.Sprintf("%08x", n)
	}
	entry := bytes.NewBufferString(head + name + "\x00")
	pad := func() { entry.Write(make([]byte, -entry.Len()&3)) }
	pad()
	entry.Write(body)
	pad()
	_, a.err = a.w.Write(entry.Bytes())
}

// close writes the archive's end.
func (a *archive) close() error {
	if a.err == nil {
		a.write("TRAILER!!!", 0, nil)
	}
	return a.err
}

// file puts a file of this machine in.
func (a *archive) file(name, from string) {
	if a.err != nil {
		return
	}
	body, err := os.ReadFile(from)
	if err != nil {
		a.err = err
		return
	}
	a.add(name, 0o100755, body)
}

// program puts a program of this machine in, with the libraries that it loads.
func (a *archive) program(name string) error {
	from, err := exec.LookPath(name)
	if err != nil {
		return err
	}
	out, err := exec.Command("ldd", from).CombinedOutput()
	if err != nil && !bytes.Contains(out, []byte("not a dynamic executable")) {
		return fmt.Errorf("ldd %s: %w: %s", from, err, out)
	}
	for _, library := range regexp.MustCompile(`/\S+`).FindAllString(string(out), -1) {
		if !strings.HasSuffix(library, ":") { // its own name, where it is told
			a.file(library, library)
		}
	}
	a.file("/bin/"+name, from)
	return a.err
}

// TestArchive reads what was written with the tool for it.
func TestArchive(t *testing.T) {
	if _, err := exec.LookPath("cpio"); err != nil {
		t.Skip("no cpio here: Debian's package cpio has it")
	}
	var b bytes.Buffer
	a := newArchive(&b)
	a.add("/deep/er/file", 0o100644, []byte("hello"))
	a.add("/deep/other", 0o100755, nil)
	if err := a.close(); err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	cmd := exec.CommandContext(t.Context(), "cpio", "-id", "--quiet")
	cmd.Dir, cmd.Stdin = dir, &b
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	got, err := fs.ReadFile(os.DirFS(dir), "deep/er/file")
	if err != nil || string(got) != "hello" {
		t.Errorf("%q, %v", got, err)
	}
	if info, err := os.Stat(dir + "/deep/other"); err != nil || info.Mode().Perm() != 0o755 {
		t.Errorf("%v, %v", info, err)
	}
}
