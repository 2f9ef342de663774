package main

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"ddcos/k2i/fleet"
	"ddcos/k2i/query"
	"ddcos/middlecon"
	"ddcos/middlecon/broker/started"
	"ddcos/middlecon/listen"
	"ddcos/protocol"
)

// patience bounds every wait of these tests.
const patience = time.Minute

// output is a stream that a test can wait on.
type output struct {
	mu   sync.Mutex
	text bytes.Buffer
	more chan struct{} // holds one while there is something new
}

func (o *output) Write(b []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.text.Write(b)
	select {
	case o.more <- struct{}{}:
	default:
	}
	return len(b), nil
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.String()
}

// wait gives the first match of a pattern, as soon as it is there.
func (o *output) wait(t *testing.T, pattern string) []string {
	t.Helper()
	deadline := time.After(patience)
	for {
		if match := regexp.MustCompile(pattern).FindStringSubmatch(o.String()); match != nil {
			return match
		}
		select {
		case <-o.more:
		case <-deadline:
			t.Fatalf("%s is not in:\n%s", pattern, o)
		}
	}
}

// start runs the command until stop is called, which gives its exit status.
func start(t *testing.T, args ...string) (stderr *output, stop func() int) {
	t.Helper()
	stderr = &output{more: make(chan struct{}, 1)}
	ctx, cancel := context.WithCancel(context.Background())
	status := make(chan int, 1)
	go func() { status <- run(ctx, args, io.Discard, stderr) }()
	stop = sync.OnceValue(func() int {
		cancel()
		select {
		case s := <-status:
			return s
		case <-time.After(patience):
			t.Errorf("it does not stop:\n%s", stderr)
			return -1
		}
	})
	t.Cleanup(func() { stop() })
	return stderr, stop
}

// healthy waits until the agent behind url has a fresh sample.
func healthy(t *testing.T, url string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, url+"/healthz", http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		response, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		_ = response.Body.Close()
		if response.StatusCode == http.StatusOK {
			return
		}
		<-tick.C
	}
}

// TestServe runs a real agent with all its faces and finds this test in each.
func TestServe(t *testing.T) {
	dir := t.TempDir()
	brokerAddress := protocol.Address{Network: "unix", Where: filepath.Join(dir, "m.sock")}
	socket := filepath.Join(dir, "sub", "k2i.sock")
	started.At(t, brokerAddress)
	log, stop := start(t, "serve", "--listen", "127.0.0.1:0", "--listen", "unix://"+socket,
		"--broker", brokerAddress.String(), "--name", "node7", "--interval", "100ms")
	url := log.wait(t, `address=(http://127\.0\.0\.1:\d+)`)[1]
	log.wait(t, "joined the room")
	healthy(t, url)

	if info, err := os.Stat(socket); err != nil || info.Mode().Perm() != listen.Mode {
		t.Errorf("the socket: %v, %v", info, err)
	}
	me := query.Query{Select: query.Selection{PIDs: []int32{int32(os.Getpid())}}}
	overBroker := fleet.Broker(brokerAddress.String(), patience, middlecon.Options{})
	defer func() { _ = overBroker.Close() }()
	overHTTP, err := fleet.Agents([]string{url, "unix://" + socket}, nil)
	if err != nil {
		t.Fatal(err)
	}
	for name, source := range map[string]fleet.Source{"broker": overBroker, "HTTP": overHTTP} {
		table, err := fleet.Ask(t.Context(), source, me)
		if err != nil || len(table.Failed()) != 0 || len(table.Rows) != len(table.Hosts) {
			t.Fatalf("%s: %+v, %v", name, table, err)
		}
		for _, row := range table.Rows {
			if row.Host.Name != "node7" || int(row.Process.PPID) != os.Getppid() || row.Host.Total < 2 {
				t.Errorf("%s: host %s with %d processes, %+v", name, row.Host.Name, row.Host.Total, row.Process)
			}
		}
	}
	response, err := http.Get(url + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	metrics, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"k2i_room_joined 1", "k2i_room_questions_total 1", "k2i_http_panics_total 0", "k2i_host_info{"} {
		if !strings.Contains(string(metrics), "\n"+want) {
			t.Errorf("/metrics has no %s", want)
		}
	}
	checkMetrics(t, string(metrics))

	if status := stop(); status != 0 {
		t.Errorf("status %d:\n%s", status, log)
	}
	if _, err := os.Stat(socket); !os.IsNotExist(err) {
		t.Errorf("the socket stays behind: %v", err)
	}
	table, err := fleet.Ask(t.Context(), overBroker, me)
	if err != nil || len(table.Hosts) != 0 {
		t.Errorf("after it stopped the room has %+v, %v", table, err)
	}
}

func TestServeWithoutItsBroker(t *testing.T) {
	log, stop := start(t, "serve", "--listen", "127.0.0.1:0", "--broker", "unix:///nonexistent/m.sock")
	url := log.wait(t, `address=(http://127\.0\.0\.1:\d+)`)[1]
	log.wait(t, "not in the room k2i")
	healthy(t, url)
	if status := stop(); status != 0 {
		t.Errorf("status %d", status)
	}
}

func TestStaleSocketIsReplaced(t *testing.T) {
	path := filepath.Join(t.TempDir(), "k2i.sock")
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: path})
	if err != nil {
		t.Fatal(err)
	}
	l.SetUnlinkOnClose(false) // as if its owner had been killed
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	log, stop := start(t, "serve", "--listen", "unix://"+path)
	log.wait(t, "address=unix://")
	if status := stop(); status != 0 {
		t.Errorf("status %d", status)
	}
}

func TestOnce(t *testing.T) {
	var stdout, stderr bytes.Buffer
	if status := run(t.Context(), []string{"once", "--name", "node7"}, &stdout, &stderr); status != 0 {
		t.Fatalf("status %d: %s", status, &stderr)
	}
	var got struct {
		Host      struct{ Name string }
		Total     int
		Processes []struct {
			PID  int
			RCPU *float64
		}
	}
	if err := json.Unmarshal(stdout.Bytes(), &got); err != nil {
		t.Fatal(err)
	}
	found := false
	for _, p := range got.Processes {
		found = found || p.PID == os.Getpid()
		if p.RCPU != nil {
			t.Errorf("process %d has a rate after one sample", p.PID)
		}
	}
	if !found || got.Host.Name != "node7" || got.Total != len(got.Processes) || stderr.Len() != 0 {
		t.Errorf("found %v, host %s, %d of %d, stderr %s", found, got.Host.Name, len(got.Processes), got.Total, &stderr)
	}
}
