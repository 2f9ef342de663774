package sshd

import (
	"errors"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

// TestHosts has two hosts, each with a name and processes of its own, and none afterwards.
func TestHosts(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("TMPDIR", dir)
	hosts, err := Start(t.Context(), 2, 3)
	if errors.Is(err, ErrMissing) {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	before, err := hosts.Used()
	if err != nil {
		t.Error(err)
	}
	for _, name := range hosts.Names {
		out, err := exec.CommandContext(t.Context(), "ssh", "-F", hosts.Config, name, "hostname; cat /proc/[0-9]*/comm; for i in $(seq 100000); do :; done").CombinedOutput()
		words := strings.Fields(string(out))
		asleep := len(slices.DeleteFunc(slices.Clone(words), func(word string) bool { return word != "sleep" }))
		if err != nil || len(words) == 0 || words[0] != name || asleep != 3 {
			t.Errorf("%s: %v: %q", name, err, words)
		}
	}
	if out, err := exec.CommandContext(t.Context(), "ssh", "-F", hosts.Config, "host3", "true").CombinedOutput(); err == nil || !strings.Contains(string(out), "refused") {
		t.Errorf("at host3 nobody answers, and got %v: %s", err, out)
	}
	if err := hosts.Rest(t.Context()); err != nil {
		t.Error(err)
	}
	if after, err := hosts.Used(); err != nil || after <= before {
		t.Errorf("%v were used before and %v after: %v", before, after, err)
	}
	var pids []int
	for _, s := range hosts.servers {
		pids = append(pids, s.pid)
	}
	if err := hosts.Close(); err != nil {
		t.Error(err)
	}
	for _, pid := range pids {
		if pids, err := children(pid); err == nil {
			t.Errorf("sshd %d is there still, with %v", pid, pids)
		}
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}

func TestMissing(t *testing.T) {
	none := func(string) (string, error) { return "", exec.ErrNotFound }
	all := func(name string) (string, error) { return name, nil }
	if err := missing(0, all); err != nil {
		t.Errorf("nothing is missing: %v", err)
	}
	if err := missing(1000, all); !errors.Is(err, ErrMissing) || !strings.Contains(err.Error(), "want root") || strings.Contains(err.Error(), "package") {
		t.Errorf("all but root: %v", err)
	}
	err := missing(0, none)
	if !errors.Is(err, ErrMissing) {
		t.Fatal(err)
	}
	for _, want := range []string{"/usr/sbin/sshd: Debian's package openssh-server", "ssh: Debian's package openssh-client", "ssh-keygen: ", "unshare: Debian's package util-linux"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("no %q in %v", want, err)
		}
	}
}

// TestSpoken: what is said in pieces is heard, and little of it is kept.
func TestSpoken(t *testing.T) {
	s := &spoken{listens: make(chan struct{})}
	for _, piece := range []string{"Server lis", strings.Repeat("x", maxSaid), "\nServer lis", "tening on port 1\n", "Server listening again\n", strings.Repeat("y", maxSaid) + "\nthe last\n"} {
		if _, err := s.Write([]byte(piece)); err != nil {
			t.Error(err)
		}
	}
	select {
	case <-s.listens:
	default:
		t.Error("it was not heard")
	}
	if len(s.text) > maxSaid || s.last() != "the last" {
		t.Errorf("%d bytes are kept, and %q of them", len(s.text), s.last())
	}
}
