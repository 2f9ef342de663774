package broker

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

// siege is a broker in a process of its own, so that what it takes can be read
// from outside, and healthy neighbours that go on calling. An attacker is a
// process as well.
type siege struct {
	t              testing.TB
	pid            int
	unix, tcp, tls string // addresses
	metrics        *http.Client
	*neighbours
}

// besiege starts a broker, and the neighbours where there are to be any.
func besiege(t testing.TB, o besiegedOptions, pace time.Duration) *siege {
	t.Helper()
	o.Dir = t.TempDir()
	cmd, out := spawn(t, roleBesieged, o)
	var ready besiegedReady
	if err := json.NewDecoder(out).Decode(&ready); err != nil {
		t.Fatalf("the broker does not start: %v", err)
	}
	s := &siege{t: t, pid: cmd.Process.Pid, unix: ready.Unix, tcp: ready.TCP, tls: ready.TLS}
	s.metrics = &http.Client{Timeout: patience, Transport: &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "unix", filepath.Join(o.Dir, "metrics.sock"))
	}}}
	if pace > 0 {
		s.neighbours = settleNear(t, "unix://"+s.unix, pace)
	}
	return s
}

// spawn runs this test binary in another role until the test ends, when its
// standard input does.
func spawn(t testing.TB, role string, options any) (*exec.Cmd, io.Reader) {
	t.Helper()
	config, err := json.Marshal(options)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(os.Args[0], "-test.run=^$")
	cmd.Env = append(os.Environ(), roleVariable+"="+role, optionsVariable+"="+string(config))
	cmd.Stderr = os.Stderr
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
	t.Cleanup(func() {
		_ = in.Close()
		if err := cmd.Wait(); err != nil && cmd.ProcessState.Exited() { // not where it was killed
			t.Errorf("%s: %v", role, err)
		}
	})
	return cmd, bufio.NewReader(out)
}

// scrape gives the broker's metrics by name and labels.
func (s *siege) scrape() map[string]float64 {
	s.t.Helper()
	return parseMetrics(s.t, s.get("/metrics"))
}

func (s *siege) get(path string) string {
	s.t.Helper()
	answer, err := s.metrics.Get("http://broker" + path)
	if err != nil {
		s.t.Fatalf("%s: %v", path, err)
	}
	defer func() { _ = answer.Body.Close() }()
	body, err := io.ReadAll(answer.Body)
	if err != nil || answer.StatusCode != http.StatusOK {
		s.t.Fatalf("%s: status %d, %v: %s", path, answer.StatusCode, err, body)
	}
	return string(body)
}

func parseMetrics(t testing.TB, text string) map[string]float64 {
	all := map[string]float64{}
	for line := range strings.Lines(text) {
		if name, value, ok := strings.Cut(strings.TrimSpace(line), " "); ok && name != "#" {
			n, err := strconv.ParseFloat(value, 64)
			if err != nil {
				t.Fatalf("%s: %v", line, err)
			}
			all[name] = n
		}
	}
	return all
}

// memory reads a line of the broker's /proc status, in bytes: VmRSS is what it
// has, VmHWM the most that it had since rest.
func (s *siege) memory(line string) int {
	s.t.Helper()
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", s.pid))
	if err != nil {
		s.t.Fatal(err)
	}
	for row := range bytes.Lines(status) {
		if f := bytes.Fields(row); len(f) == 3 && string(f[0]) == line+":" {
			kib, err := strconv.Atoi(string(f[1]))
			if err != nil {
				s.t.Fatal(err)
			}
			return kib << 10
		}
	}
	s.t.Fatalf("no %s of the broker", line)
	return 0
}

// rest lets the broker give back what is garbage, and forgets its peak.
func (s *siege) rest() (resident int) {
	s.t.Helper()
	s.get("/settle")
	if err := os.WriteFile(fmt.Sprintf("/proc/%d/clear_refs", s.pid), []byte("5"), 0); err != nil {
		s.t.Fatal(err)
	}
	return s.memory("VmRSS")
}
