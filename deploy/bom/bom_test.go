package main

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// built is a program of this module that links other people's code.
func built(t *testing.T, pkg string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), filepath.Base(pkg))
	if out, err := exec.CommandContext(t.Context(), "go", "build", "-o", file, pkg).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return file
}

// TestBill holds a bill to what `go version -m` says of the program, and its
// parts to each other, as CycloneDX wants them.
func TestBill(t *testing.T) {
	file := built(t, "ddcos/k2i/via/once")
	var text, again bytes.Buffer
	for _, out := range []*bytes.Buffer{&text, &again} {
		if err := run(t.Context(), []string{"sbom", "1.2.3", file}, out); err != nil {
			t.Fatal(err)
		}
	}
	if text.String() != again.String() {
		t.Error("two bills of one program differ")
	}
	var b bill
	decoder := json.NewDecoder(&text)
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&b); err != nil {
		t.Fatal(err)
	}
	if b.Format != "CycloneDX" || b.Specified != "1.5" || b.Version != 1 || b.Metadata.Component.Version != "1.2.3" {
		t.Errorf("%+v", b)
	}
	said, err := exec.CommandContext(t.Context(), "go", "version", "-m", file).Output()
	if err != nil {
		t.Fatal(err)
	}
	var want, got, refs []string
	for _, m := range regexp.MustCompile(`(?m)^\tdep\t(\S+)\t(\S+)`).FindAllStringSubmatch(string(said), -1) {
		want = append(want, "pkg:golang/"+m[1]+"@"+m[2])
	}
	for _, c := range b.Components {
		if refs = append(refs, c.Ref); c.Type == "library" && c.Name != stdlib {
			got = append(got, c.Purl)
		}
	}
	slices.Sort(want)
	slices.Sort(got)
	if len(want) < 3 || !slices.Equal(got, want) {
		t.Errorf("libraries\ngot  %q\nwant %q", got, want)
	}
	refs = append(refs, b.Metadata.Component.Ref)
	for _, d := range b.Dependencies {
		for _, ref := range append(d.On, d.Ref) {
			if n := len(slices.DeleteFunc(slices.Clone(refs), func(r string) bool { return r != ref })); n != 1 {
				t.Errorf("%s depends on %s, which is there %d times", d.Ref, ref, n)
			}
		}
	}
	if !strings.Contains(again.String(), `"alg": "SHA-256"`) {
		t.Error("a program without a checksum")
	}
}

func TestNotices(t *testing.T) {
	file := built(t, "ddcos/k2i/via/once")
	var out bytes.Buffer
	if err := run(t.Context(), []string{"notices", file}, &out); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"stdlib 1.", "The Go Authors", "github.com/cilium/ebpf v", "golang.org/x/sys v"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("no %q", want)
		}
	}
	dir := t.TempDir()
	if _, err := notices(dir); err == nil || !strings.Contains(err.Error(), "no licence") {
		t.Errorf("of an empty directory: %v", err)
	}
	for name, want := range map[string]bool{"LICENSE": true, "LICENSE.md": true, "Licence-MIT": true, "COPYING": true, "NOTICE": true, "license.go": true, "unlicensed": false, "README": false} {
		if notice.MatchString(name) != want {
			t.Errorf("%s: want %v", name, want)
		}
	}
}

func TestWrongUse(t *testing.T) {
	text := filepath.Join(t.TempDir(), "text")
	if err := os.WriteFile(text, []byte("no program"), 0o600); err != nil {
		t.Fatal(err)
	}
	for want, args := range map[string][]string{
		"usage: bom": nil, "bom notices": {"sbom", "1.0"}, "PROGRAM": {"licences", "x"},
		"text": {"sbom", "1.0", text}, "nothing": {"notices", filepath.Join(t.TempDir(), "nothing")},
	} {
		if err := run(t.Context(), args, &bytes.Buffer{}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v", args, err)
		}
	}
}
