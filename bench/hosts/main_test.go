package hosts

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// patience bounds every wait of these tests.
const patience = time.Minute

// The test binary is also the first process of hosts and, told so, one of these programs.
func TestMain(m *testing.M) {
	Main()
	if len(os.Args) == 3 {
		switch os.Args[1] {
		case "test-listen":
			listen(os.Args[2])
		case "test-dial":
			dial(os.Args[2])
		case "test-starter":
			starter(os.Args[2])
		}
	}
	os.Exit(m.Run())
}

func must(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// listen answers each connection with the host's name.
func listen(address string) {
	l, err := net.Listen("tcp", address)
	must(err)
	name, _ := os.Hostname()
	fmt.Println("listening")
	for {
		c, err := l.Accept()
		must(err)
		_, _ = fmt.Fprintf(c, "%s to %s", name, c.RemoteAddr().(*net.TCPAddr).IP)
		_ = c.Close()
	}
}

func dial(address string) {
	c, err := net.DialTimeout("tcp", address, patience)
	must(err)
	_, err = io.Copy(os.Stdout, c)
	must(err)
	os.Exit(0)
}

// starter makes a datacenter with commands in it, says so and waits to be killed.
func starter(kind string) {
	ctx := context.Background()
	start := Start
	if kind == "plain" {
		start = StartPlain
	}
	d, err := start(ctx, DefaultOptions())
	must(err)
	for _, h := range d.Hosts {
		// The second one leaves an orphan in a session of its own behind.
		for _, argv := range [][]string{{"sleep", "1000"}, {"sh", "-c", "setsid sleep 2000 & exit 0"}} {
			p, err := h.Launch(ctx, Command{Name: argv[0], Argv: argv})
			must(err)
			if argv[0] == "sh" {
				<-p.Done()
			}
		}
	}
	fmt.Println("ready", d.Hub.RunDir)
	if _, err := io.Copy(io.Discard, os.Stdin); err == nil {
		must(d.Close())
	}
	os.Exit(0)
}

// runStarter starts a starter whose processes all carry a marker, and waits until it is ready.
func runStarter(t *testing.T, kind string, as *syscall.Credential) (*exec.Cmd, io.Closer, string, string) {
	t.Helper()
	marker := fmt.Sprintf("DDCOS_TEST_MARKER=%s-%d", t.Name(), os.Getpid())
	cmd := exec.Command("/proc/self/exe", "test-starter", kind)
	cmd.Env = append(os.Environ(), marker)
	cmd.Dir = "/"
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: as}
	var complaint bytes.Buffer
	cmd.Stderr = &complaint
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
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		_ = cmd.Wait()
		t.Fatalf("starter: %v: %s", err, &complaint)
	}
	return cmd, in, strings.TrimSpace(strings.TrimPrefix(line, "ready ")), marker
}

// marked lists the processes that have the marker in their environment, with their commands.
func marked(t *testing.T, marker string) []string {
	t.Helper()
	environs, err := filepath.Glob("/proc/[0-9]*/environ")
	if err != nil {
		t.Fatal(err)
	}
	var found []string
	for _, path := range environs {
		environ, err := os.ReadFile(path) // a process that ended meanwhile is no leftover
		if err == nil && bytes.Contains(environ, []byte(marker)) {
			command, _ := os.ReadFile(filepath.Join(filepath.Dir(path), "cmdline"))
			found = append(found, filepath.Dir(path)+" "+string(bytes.ReplaceAll(command, []byte{0}, []byte{' '})))
		}
	}
	return found
}

// eventually waits for a condition, with a deadline.
func eventually(t *testing.T, what string, condition func() bool) {
	t.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	deadline := time.After(patience)
	for !condition() {
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatalf("not within %v: %s", patience, what)
		}
	}
}

// start makes a datacenter that ends with the test.
func start(t *testing.T, spec Spec) *Datacenter {
	t.Helper()
	d, err := Start(t.Context(), spec)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := d.Close(); err != nil {
			t.Error(err)
		}
	})
	return d
}

// output runs a command inside a host and returns what it printed, trimmed.
func output(t *testing.T, h *Host, argv ...string) string {
	t.Helper()
	out, err := h.Output(t.Context(), argv...)
	if err != nil {
		t.Fatalf("%s: %v: %v %s", h.Name, argv, err, exitError(err))
	}
	return strings.TrimSpace(string(out))
}
