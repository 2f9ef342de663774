package main

import (
	"bytes"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/spf13/pflag"

	"ddcos"
	"ddcos/bench/hosts"
)

// The test binary is the command itself where it is started under that name.
func TestMain(m *testing.M) {
	hosts.Main()
	if filepath.Base(os.Args[0]) == "bench" {
		main()
	}
	os.Exit(m.Run())
}

func TestStatus(t *testing.T) {
	for name, tc := range map[string]struct {
		args           []string
		status         int
		stdout, stderr string // must be contained
	}{
		"version":           {[]string{"--version"}, 0, ddcos.Version(), ""},
		"help":              {[]string{}, 0, "Exit status:", ""},
		"help of run":       {[]string{"run", "--help"}, 0, "bench run --keep", ""},
		"unknown command":   {[]string{"dance"}, exitMisuse, "", `unknown command "dance"`},
		"unknown flag":      {[]string{"run", "--fast"}, exitMisuse, "", "unknown flag: --fast"},
		"wrong value":       {[]string{"run", "--hosts", "many"}, exitMisuse, "", "--hosts"},
		"no hosts":          {[]string{"run", "--hosts", "0"}, exitMisuse, "", "between 1 and"},
		"too many hosts":    {[]string{"run", "--hosts", "100000"}, exitMisuse, "", "between 1 and"},
		"help of one":       {[]string{"one", "--help"}, 0, "--window", ""},
		"help of stuck":     {[]string{"stuck", "--help"}, 0, "--one-in", ""},
		"nothing idle":      {[]string{"idle", "--sessions", "0"}, exitMisuse, "", "0 members"},
		"no peer of stuck":  {[]string{"stuck", "--peer", "nats"}, exitMisuse, "", "unknown flag: --peer"},
		"an unknown peer":   {[]string{"one", "--peer", "kafka"}, exitMisuse, "", "there are: c, nats"},
		"argument too many": {[]string{"run", "now"}, exitMisuse, "", "usage: bench run"},
		"no programs":       {[]string{"run"}, exitFailure, "", "make build"},
		"no such worker":    {[]string{"worker", "philosopher"}, exitMisuse, "", "no such worker"},
		"a taken address":   {[]string{"worker", "web", "--listen", "192.0.2.1:1"}, exitFailure, "", "listen on 192.0.2.1:1"},
	} {
		var stdout, stderr bytes.Buffer
		status := run(t.Context(), tc.args, &stdout, &stderr)
		if status != tc.status {
			t.Errorf("%s: status %d, want %d", name, status, tc.status)
		}
		if !strings.Contains(stdout.String(), tc.stdout) {
			t.Errorf("%s: printed %q, want %q in it", name, &stdout, tc.stdout)
		}
		complaint := stderr.String()
		if tc.stderr == "" && complaint != "" {
			t.Errorf("%s: complained: %s", name, complaint)
		}
		if tc.stderr != "" && (!strings.HasPrefix(complaint, "bench: ") || !strings.Contains(complaint, tc.stderr) || strings.Count(complaint, "\n") != 1) {
			t.Errorf("%s: complained %q, want one line with %q", name, complaint, tc.stderr)
		}
	}
}

func TestManPages(t *testing.T) {
	dir := t.TempDir()
	if status := run(t.Context(), []string{"man", "--dir", dir}, io.Discard, os.Stderr); status != 0 {
		t.Fatalf("status %d", status)
	}
	page, err := os.ReadFile(filepath.Join(dir, "bench-run.1"))
	if err != nil || !bytes.Contains(page, []byte("keep")) {
		t.Errorf("the page of run: %v: %.200s", err, page)
	}
}

// programs makes a directory of what run needs: this command, the real middlecon, and stand-ins
// for the agent and the table, which have tests of their own.
func programs(t *testing.T) string {
	t.Helper()
	bin := t.TempDir()
	self, err := os.ReadFile("/proc/self/exe")
	if err != nil {
		t.Fatal(err)
	}
	broker := `while [ $# -gt 0 ]; do case $1 in --broker) broker=$2;; esac; shift; done; `
	for name, text := range map[string][]byte{
		"bench": self,
		"k2i":   []byte("#!/bin/sh\n" + broker + `exec middlecon join k2i --name "$(hostname)" --broker "$broker" --exec hostname`),
		"dps":   []byte("#!/bin/sh\n" + broker + `exec middlecon members k2i --broker "$broker"`),
	} {
		if err := os.WriteFile(filepath.Join(bin, name), text, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	build := exec.CommandContext(t.Context(), "go", "build", "-o", bin, "ddcos/cmd/middlecon")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("build middlecon: %v\n%s", err, out)
	}
	// Whoever runs as nobody must be able to read what the test wrote.
	for dir := bin; dir != os.TempDir() && dir != "/"; dir = filepath.Dir(dir) {
		if err := os.Chmod(dir, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	return bin
}

// Help names what each flag takes, and not the type that holds it.
func TestFlagsNameWhatTheyTake(t *testing.T) {
	for _, cmd := range commands() {
		cmd.Flags().VisitAll(func(f *pflag.Flag) {
			if f.Value.Type() != "bool" && !strings.Contains(f.Usage, "`") {
				t.Errorf("bench %s --%s %s: %s", cmd.Name(), f.Name, f.Value.Type(), f.Usage)
			}
		})
	}
}
