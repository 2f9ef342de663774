package faults

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"
)

// setup is how a broker is started.
type setup struct {
	flags  []string // of serve
	env    []string
	via    []string // the command that starts it, such as unshare
	defect *defect
	built  *variant // if there is no defect
}

// brokerProcess is `middlecon serve` on a Unix socket and on loopback TCP, the
// same addresses in each of its lives.
type brokerProcess struct {
	*process
	setup  setup
	dir    string
	log    string
	socket string // unix:///...
	tcp    string // tcp://127.0.0.1:port
}

func startBroker(t testing.TB, dir string, s setup) *brokerProcess {
	t.Helper()
	if s.defect != nil {
		s.built = s.defect.variant(t)
	}
	b := &brokerProcess{setup: s, dir: dir, log: filepath.Join(dir, "broker.log"), socket: "unix://" + filepath.Join(dir, "m.sock"), tcp: "tcp://127.0.0.1:0"}
	b.serve(t)
	return b
}

// serve begins a life of the broker, and returns when it serves.
func (b *brokerProcess) serve(t testing.TB) {
	t.Helper()
	before, _ := os.ReadFile(b.log) // none before the first life
	argv := append(append([]string{}, b.setup.via...), program(t, b.setup.built), "serve",
		"--listen", b.socket, "--listen", b.tcp, "--metrics", "unix://"+filepath.Join(b.dir, "metrics.sock"))
	b.process = run(t, "broker", b.log, b.setup.env, append(argv, b.setup.flags...)...)
	await(t, "the broker serves", func() bool {
		log, err := os.ReadFile(b.log)
		if !b.alive() {
			t.Fatalf("the broker ended: %s", log)
		}
		found := regexp.MustCompile(`msg=serving .*127\.0\.0\.1:(\d+)`).FindSubmatch(log[min(len(before), len(log)):])
		if err != nil || found == nil {
			return false
		}
		b.tcp = "tcp://127.0.0.1:" + string(found[1])
		return true
	})
}

// metrics are the broker's numbers, by name; labelled ones are left out.
func (b *brokerProcess) metrics(t testing.TB) map[string]float64 {
	t.Helper()
	client := &http.Client{Timeout: patience, Transport: &http.Transport{
		DisableKeepAlives: true,
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			var d net.Dialer
			return d.DialContext(ctx, "unix", filepath.Join(b.dir, "metrics.sock"))
		},
	}}
	answer, err := client.Get("http://broker/metrics")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = answer.Body.Close() }()
	found := map[string]float64{}
	for lines := bufio.NewScanner(answer.Body); lines.Scan(); {
		name, value, ok := strings.Cut(lines.Text(), " ")
		if n, err := strconv.ParseFloat(value, 64); ok && err == nil && !strings.HasPrefix(name, "#") {
			found[name] = n
		}
	}
	return found
}

// idle is what the broker holds now.
func (b *brokerProcess) idle(t testing.TB) Idle {
	t.Helper()
	m := b.metrics(t)
	files, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", b.pid()))
	if err != nil {
		t.Fatal(err)
	}
	return Idle{Sessions: int(m["middlecon_sessions"]), InFlight: int(m["middlecon_calls_in_flight"]), Goroutines: int(m["go_goroutines"]), Files: len(files)}
}

// resident is the process's memory in bytes.
func (p *process) resident(t testing.TB) int {
	t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/statm", p.pid()))
	if err != nil {
		t.Fatal(err)
	}
	pages, err := strconv.Atoi(strings.Fields(string(text))[1])
	if err != nil {
		t.Fatal(err)
	}
	return pages * os.Getpagesize()
}

// await waits for a condition that nobody tells of.
func await(t testing.TB, what string, ready func() bool) {
	t.Helper()
	deadline := time.After(patience)
	for !ready() {
		select {
		case <-deadline:
			t.Fatalf("waited %v: %s", patience, what)
		case <-time.After(2 * time.Millisecond):
		}
	}
}
