package confined

import (
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// supervised is what systemd puts into the environment of a service.
func supervised() []string {
	return []string{"NOTIFY_SOCKET=" + shows + "/notify", "WATCHDOG_USEC=300000"}
}

// supervisor listens in dir for what a confined program says of itself; told waits
// for its next word, and wants it to be that.
func supervisor(t *testing.T, dir string) (told func(word string)) {
	t.Helper()
	socket := filepath.Join(dir, "notify")
	conn, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: socket, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	if err := os.Chmod(socket, 0o777); err != nil {
		t.Fatal(err)
	}
	return func(word string) {
		t.Helper()
		b := make([]byte, 256)
		_ = conn.SetReadDeadline(time.Now().Add(patience))
		if n, err := conn.Read(b); err != nil || !strings.Contains(string(b[:n]), word) {
			t.Fatalf("told %q, %v; want %s", b[:n], err, word)
		}
	}
}

// TestConfinedBrokerServes: the broker works as its unit confines it, is not ended
// by a reload, tells its supervisor, and ends by itself when it is asked to.
func TestConfinedBrokerServes(t *testing.T) {
	able(t)
	program := static(t, "build", "ddcos/cmd/middlecon")
	listen := []string{"--listen", "unix://" + shows + "/middlecon.sock", "--metrics", "tcp://127.0.0.1:0"}
	for name, args := range map[string][]string{
		"serve": append([]string{"serve", "--listen", "tcp://127.0.0.1:0"}, listen...),
		"up":    append([]string{"up", "--listen", "tls://127.0.0.1:0", "--dir", shows + "/state", "--tls-dir", shows + "/tls"}, listen...),
	} {
		t.Run(name, func(t *testing.T) { confinedBroker(t, program, args) })
	}
}

func confinedBroker(t *testing.T, program string, args []string) {
	dir := t.TempDir()
	told := supervisor(t, dir)
	cmd, log := confine(t, "middlecon.service", program, dir, supervised(), args...)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() { done <- cmd.Wait() }()
	t.Cleanup(func() { _ = cmd.Process.Kill() })
	told("STATUS=starting")
	told("READY=1")
	address := "unix://" + dir + "/middlecon.sock"
	middlecon := func(args ...string) *exec.Cmd {
		return exec.CommandContext(t.Context(), program, append(args, "--broker", address)...)
	}
	member := middlecon("join", "room", "--name", "a", "--exec", "tr a-z A-Z")
	if err := member.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = member.Process.Kill(); _ = member.Wait() }()
	if out, err := middlecon("call", "room", "hello", "--wait", "1", "--deadline", "30s").CombinedOutput(); err != nil || !strings.Contains(string(out), "HELLO") {
		t.Fatalf("%v\n%s\n%s", err, out, log)
	}
	if err := cmd.Process.Signal(syscall.SIGHUP); err != nil {
		t.Fatal(err)
	}
	told("WATCHDOG=1")
	told("WATCHDOG=1")
	if out, err := middlecon("status").CombinedOutput(); err != nil {
		t.Fatalf("after a reload: %v\n%s", err, out)
	}
	if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	select {
	case err := <-done:
		if err != nil {
			t.Errorf("%v\n%s", err, log)
		}
	case <-time.After(patience):
		t.Error("it does not end")
	}
}

// TestUnitsAreUnderstood: systemd has nothing to say against the units, but that an
// old one does not know two keys yet; and finds them as little exposed as they are.
func TestUnitsAreUnderstood(t *testing.T) {
	if _, err := exec.LookPath("systemd-analyze"); err != nil {
		t.Skip("systemd-analyze is missing: install the package systemd")
	}
	fine := regexp.MustCompile(`Unknown key 'Restart(Steps|MaxDelaySec)'|is not executable: No such file|Command 'man |^$`)
	for name, most := range map[string]float64{"middlecon.service": 1.6, "k2i.service": 2.9} {
		file := filepath.Join("..", "systemd", name)
		out, _ := exec.CommandContext(t.Context(), "systemd-analyze", "verify", file).CombinedOutput() // its status is for programs that are not here
		for line := range strings.Lines(string(out)) {
			if line = strings.TrimSpace(line); !fine.MatchString(line) {
				t.Errorf("%s: %s", name, line)
			}
		}
		out, err := exec.CommandContext(t.Context(), "systemd-analyze", "security", "--offline=true", file).CombinedOutput()
		found := regexp.MustCompile(`Overall exposure level for \S+: ([0-9.]+)`).FindSubmatch(out)
		if err != nil || found == nil {
			t.Fatalf("%s: %v\n%s", name, err, out)
		}
		if level, err := strconv.ParseFloat(string(found[1]), 64); err != nil || level > most {
			t.Errorf("%s: exposure %s, want at most %v", name, found[1], most)
		}
	}
}
