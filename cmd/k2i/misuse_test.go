package main

import (
	"bytes"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"ddcos"
)

// TestFailures are one line that says what to do, and a status.
func TestFailures(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = taken.Close() }()
	dir := t.TempDir()
	served := filepath.Join(dir, "served.sock")
	other, err := net.Listen("unix", served)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = other.Close() }()
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, []byte("precious"), 0o600); err != nil {
		t.Fatal(err)
	}
	tests := map[string]struct {
		args   []string
		status int
		want   string
	}{
		"a wrong flag":           {[]string{"serve", "--colour"}, 2, "unknown flag: --colour: see 'k2i serve --help'"},
		"a wrong command":        {[]string{"server"}, 2, `unknown command "server"; did you mean serve?`},
		"a word too many":        {[]string{"serve", "now"}, 2, `"now" is one word too many`},
		"a wrong interval":       {[]string{"serve", "--interval", "soon"}, 2, "invalid argument"},
		"too quick":              {[]string{"serve", "--interval", "1ms"}, 2, "--interval 1ms: want 100ms to 1h"},
		"a wrong mode":           {[]string{"serve", "--mode", "magic"}, 2, "want auto, bpf or procfs"},
		"a wrong mode, once":     {[]string{"once", "--mode", "magic"}, 2, "want auto, bpf or procfs"},
		"wrong events":           {[]string{"serve", "--events", "magic"}, 2, "want auto, bpf, connector or none"},
		"a limit without unit":   {[]string{"serve", "--cpu-limit", "10"}, 2, "such as 10%, or none"},
		"a limit too low":        {[]string{"serve", "--memory-limit", "1MiB"}, 2, "want at least 32MiB"},
		"no pid":                 {[]string{"proc"}, 2, "want one PID"},
		"a wrong pid":            {[]string{"proc", "init"}, 2, `"init" is no process id`},
		"a wrong part":           {[]string{"proc", "1", "--detail", "fd"}, 2, "is none of all, pss, fds"},
		"a pid of nobody's":      {[]string{"proc", "2147483647"}, 1, "no process 2147483647"},
		"a wrong name":           {[]string{"serve", "--name", "a\x1b[2J"}, 2, "--name: "},
		"no name":                {[]string{"once", "--name", ""}, 2, "--name: "},
		"a wrong broker":         {[]string{"serve", "--broker", "localhost"}, 2, "--broker: "},
		"a wrong address":        {[]string{"serve", "--listen", "nowhere"}, 2, "--listen: "},
		"a wrong scheme":         {[]string{"serve", "--listen", "ftp://x:1"}, 2, "--listen: "},
		"beyond loopback":        {[]string{"serve", "--listen", "0.0.0.0:0"}, 2, "--web.config.file (basic_auth_users"},
		"no such web config":     {[]string{"serve", "--web.config.file", "/nowhere"}, 2, "--web.config.file: "},
		"all addresses":          {[]string{"serve", "--listen", ":0"}, 2, "--insecure-plaintext"},
		"an address in use":      {[]string{"serve", "--listen", taken.Addr().String()}, 1, "is in use by another program; stop it, or choose another address with --listen"},
		"a socket in use":        {[]string{"serve", "--listen", "unix://" + served}, 1, "another program serves this socket"},
		"a file in the way":      {[]string{"serve", "--listen", "unix://" + file}, 1, "no socket; remove it"},
		"the second one in use":  {[]string{"serve", "--listen", "unix://" + dir + "/new.sock", "--listen", "unix://" + served}, 1, "another program serves this socket"},
		"an address of nobody's": {[]string{"serve", "--listen", "192.0.2.1:1", "--insecure-plaintext"}, 1, "choose another address with --listen"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			var stdout, stderr bytes.Buffer
			status := run(t.Context(), test.args, &stdout, &stderr)
			text := stderr.String()
			if status != test.status || !strings.Contains(text, test.want) {
				t.Errorf("status %d, %q; want %d, %q", status, text, test.status, test.want)
			}
			if !strings.HasPrefix(text, "k2i: ") || strings.Count(text, "\n") != 1 || stdout.Len() != 0 {
				t.Errorf("no single line: %q, stdout %q", text, &stdout)
			}
		})
	}
	if content, err := os.ReadFile(file); err != nil || string(content) != "precious" {
		t.Errorf("the file in the way is now %q, %v", content, err)
	}
	if _, err := os.Stat(dir + "/new.sock"); !os.IsNotExist(err) {
		t.Errorf("a socket stays behind: %v", err)
	}
}

// said runs a command that must succeed and gives what it printed.
func said(t *testing.T, args ...string) string {
	t.Helper()
	var stdout, stderr bytes.Buffer
	if status := run(t.Context(), args, &stdout, &stderr); status != 0 || stderr.Len() != 0 {
		t.Fatalf("%v: status %d, %s", args, status, &stderr)
	}
	return stdout.String()
}

func TestWhatItSaysOfItself(t *testing.T) {
	if got := said(t, "--version"); got != ddcos.Version()+"\n" {
		t.Errorf("--version: %q", got)
	}
	if got := said(t); !strings.Contains(got, "k2i serve --broker") || got != said(t, "--help") {
		t.Errorf("without arguments: %s", got)
	}
	for _, flag := range []string{"--listen", "--interval", "--broker", "--name", "--mode", "--insecure-plaintext", DefaultListen, "DDCOS_BROKER"} {
		if !strings.Contains(said(t, "serve", "--help"), flag) {
			t.Errorf("serve --help has no %s", flag)
		}
	}
	for _, shell := range []string{"bash", "zsh", "fish"} {
		if !strings.Contains(said(t, "completion", shell), "k2i") {
			t.Errorf("no completion for %s", shell)
		}
	}
	dir := t.TempDir()
	said(t, "man", "--dir", dir)
	page, err := os.ReadFile(filepath.Join(dir, "k2i-serve.1"))
	if err != nil || !strings.Contains(string(page), `\-\-insecure\-plaintext`) {
		t.Errorf("the man page: %v", err)
	}
}
