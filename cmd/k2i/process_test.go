package main

import (
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// asCommand makes the test binary be k2i itself.
const asCommand = "K2I_TEST_AS_COMMAND"

func TestMain(m *testing.M) {
	if os.Getenv(asCommand) != "" {
		main()
	}
	os.Exit(m.Run())
}

// command is k2i as a process of its own.
func command(t *testing.T, binary string, args ...string) (cmd *exec.Cmd, stderr *output) {
	t.Helper()
	stderr = &output{more: make(chan struct{}, 1)}
	cmd = exec.CommandContext(t.Context(), binary, args...)
	cmd.Env = append(os.Environ(), asCommand+"=1")
	cmd.Stdout, cmd.Stderr = io.Discard, stderr
	return cmd, stderr
}

func TestSignals(t *testing.T) {
	binary, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	for _, signal := range []os.Signal{syscall.SIGTERM, os.Interrupt} {
		socket := filepath.Join(t.TempDir(), "k2i.sock")
		cmd, stderr := command(t, binary, "serve", "--listen", "unix://"+socket)
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		stderr.wait(t, "address=unix://")
		if err := cmd.Process.Signal(signal); err != nil {
			t.Fatal(err)
		}
		if err := cmd.Wait(); err != nil {
			t.Errorf("%v: %v\n%s", signal, err, stderr)
		}
		if _, err := os.Stat(socket); !os.IsNotExist(err) {
			t.Errorf("%v: the socket stays behind: %v", signal, err)
		}
	}
}

// TestWithoutRights runs k2i as nobody: the best road is refused by name, and
// auto takes the other and says so.
func TestWithoutRights(t *testing.T) {
	binary := publicCopy(t)
	nobody := func(cmd *exec.Cmd) {
		if os.Getuid() == 0 {
			cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
		}
	}
	cmd, stderr := command(t, binary, "serve", "--listen", "127.0.0.1:0", "--mode", "bpf")
	nobody(cmd)
	_ = cmd.Run() // its status is looked at
	text := stderr.String()
	if cmd.ProcessState.ExitCode() != exitFailure || !strings.HasPrefix(text, "k2i: ") || strings.Count(text, "\n") != 1 ||
		!strings.Contains(text, "--mode procfs") {
		t.Errorf("status %d, %q", cmd.ProcessState.ExitCode(), text)
	}

	cmd, stderr = command(t, binary, "serve", "--listen", "127.0.0.1:0")
	nobody(cmd)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	stderr.wait(t, "instead of BPF")
	url := stderr.wait(t, `address=(http://127\.0\.0\.1:\d+)`)[1]
	healthy(t, url)
	if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err != nil {
		t.Error(err)
	}
}

// publicCopy is this test binary where everybody may run it.
func publicCopy(t *testing.T) string {
	t.Helper()
	own, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	content, err := os.ReadFile(own)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	path := filepath.Join(dir, "k2i")
	for _, d := range []string{dir, filepath.Dir(dir)} {
		if err := os.Chmod(d, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(path, content, 0o755); err != nil {
		t.Fatal(err)
	}
	return path
}
