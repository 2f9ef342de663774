package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"testing"

	"ddcos/k2i"
)

// TestProc prints a process whose name means harm, and the test itself.
func TestProc(t *testing.T) {
	cmd := exec.CommandContext(t.Context(), "cat")
	cmd.Args = []string{"cat\x1b[2J\u202e", "--", "-", "--password=tiger"}
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	// Start does not wait for a program's arguments; its answer does.
	if _, err := io.WriteString(in, "x"); err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadFull(out, make([]byte, 1)); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = cmd.Process.Kill(); _ = cmd.Wait() }()
	text := said(t, "proc", fmt.Sprint(cmd.Process.Pid))
	for _, f := range k2i.Fields() {
		if n := strings.Count("\n"+text, "\n"+f.Name+" "); n != 1 {
			t.Errorf("%s stands there %d times:\n%s", f.Name, n, text)
		}
	}
	for _, want := range []string{"\nlimit max_open_files ", "\nfd 0 ", " pipe pipe:[", "\npss_bytes ", "--password=********", "/cat\n", "\nmissing by "} {
		if !strings.Contains(text, want) {
			t.Errorf("no %q in:\n%s", want, text)
		}
	}
	for _, no := range []string{"\npss_bytes  -", "\nns_net  -", "- bytes"} {
		if strings.Contains(strings.Join(strings.Fields(text), " "), strings.Join(strings.Fields(no), " ")) {
			t.Errorf("%q in:\n%s", no, text)
		}
	}
	if strings.ContainsAny(text, "\x1b\u202e") || strings.Contains(text, "tiger") {
		t.Errorf("%q", text)
	}
	var got struct {
		Host    struct{ Name string }
		Process struct{ PID int }
		Detail  struct {
			FDs   []struct{ FD int }
			PSS   *int64 `json:"pss_bytes"`
			Gaps  []struct{ Part string }
			Stack []string
		}
	}
	if err := json.Unmarshal([]byte(said(t, "proc", fmt.Sprint(os.Getpid()), "--json", "--detail", "fds", "--name", "node7")), &got); err != nil {
		t.Fatal(err)
	}
	if got.Host.Name != "node7" || got.Process.PID != os.Getpid() || len(got.Detail.FDs) < 3 || got.Detail.PSS != nil || len(got.Detail.Gaps) != 0 {
		t.Errorf("%+v", got)
	}
}

// TestContainers prints what this host has, which may be nothing.
func TestContainers(t *testing.T) {
	if head, _, _ := strings.Cut(said(t, "containers"), "\n"); !strings.HasPrefix(head, "RUNTIME") || !strings.HasSuffix(head, "ID") {
		t.Errorf("%q", head)
	}
	var got struct {
		Mode       string
		Containers []k2i.Container
	}
	if err := json.Unmarshal([]byte(said(t, "containers", "--json")), &got); err != nil || got.Mode == "" || got.Containers == nil {
		t.Errorf("%+v, %v", got, err)
	}
	c := k2i.Blank()
	c.PID, c.ContainerID, c.Runtime, c.Kind = 1, "a\x1b", "podman", "container"
	var out bytes.Buffer
	if err := printContainers(&out, &k2i.Snapshot{Processes: []*k2i.Process{&c}}); err != nil || !strings.HasSuffix(out.String(), "a?\n") {
		t.Errorf("%q, %v", &out, err)
	}
}
