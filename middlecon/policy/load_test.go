package policy

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

func TestLoad(t *testing.T) {
	path := filepath.Join(t.TempDir(), "policy.yaml")
	for _, c := range []struct {
		text string
		mode os.FileMode
		want string
	}{
		{Example, 0o600, ""},
		{Example, 0o644, ""},
		{Example, 0o664, "may write it"},
		{Example, 0o646, "may write it"},
		{"alow: []\n", 0o600, "policy.yaml: line 1"},
		{strings.Repeat("#", MaxBytes+1), 0o600, "bytes"},
	} {
		if err := os.WriteFile(path, []byte(c.text), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(path, c.mode); err != nil {
			t.Fatal(err)
		}
		if _, err := Load(path); (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
			t.Errorf("mode %o: %v, want %q", c.mode, err, c.want)
		}
	}
	fifo := path + ".fifo"
	if err := unix.Mkfifo(fifo, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, odd := range []string{fifo, filepath.Dir(path), path + ".none"} {
		if _, err := Load(odd); err == nil {
			t.Errorf("%s was read", odd)
		}
	}
}
