package ddcos_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"ddcos/bench/hosts"
)

// patience bounds every wait of the end-to-end test: only a failure reaches it.
const patience = 2 * time.Minute

// silence is how long those are waited for who will not answer, in which all others
// do, also on a busy machine.
const silence = "3s"

// The test binary is the first process of the hosts that it makes.
func TestMain(m *testing.M) {
	hosts.Main()
	os.Exit(m.Run())
}

// dcTable is what `dps --json` prints.
type dcTable struct {
	Hosts []struct {
		Host, Status, Error string
		Mode, Visibility    string
	}
	Rows []struct {
		Host string
		PID  int
		PPID int
		Comm string
		User string
		Args []string
	}
}

// status is a host's, and what was said about it.
func (d *dcTable) status(host string) (status, text string) {
	for _, h := range d.Hosts {
		if h.Host == host {
			return h.Status, h.Error
		}
	}
	return "not listed", ""
}

// dc is three hosts with an agent each, a broker in front of them, and the
// programs that this test built.
type dc struct {
	*testing.T
	bin    string   // where the programs are
	logs   []string // of programs that a wait in vain is explained by
	center *hosts.Datacenter
	agents map[string]*hosts.Process
}

const brokerAddress = "unix:///run/ddcos/middlecon.sock"

// TestOneProcessTableOverThreeHosts is the product from end to end: real
// processes on hosts of their own, one table over them, and faults that are
// told by name.
func TestOneProcessTableOverThreeHosts(t *testing.T) {
	d := startDC(t)
	t.Run("the table has every host's own processes", d.wholeTable)
	t.Run("agents can be asked without a broker", d.withoutBroker)
	t.Run("a Prometheus scrapes every agent", d.scraped)
	t.Run("a call accounts for the member that was killed", d.killedMember)
	t.Run("one agent killed and one stopped are both named", d.faults)
}

// makeDC builds the programs and makes the hosts, on which nothing of ours runs.
func makeDC(t *testing.T) *dc {
	bin := t.TempDir()
	for _, args := range [][]string{
		{bin, "./cmd/..."},
		{bin + "/k2i-once-" + runtime.GOARCH, "./k2i/via/once"},
	} {
		build := exec.CommandContext(t.Context(), "go", append([]string{"build", "-o"}, args...)...)
		build.Env = append(os.Environ(), "CGO_ENABLED=0")
		if out, err := build.CombinedOutput(); err != nil {
			t.Fatalf("go build: %v\n%s", err, out)
		}
	}
	spec := hosts.DefaultOptions()
	spec.Bin = bin
	center, err := hosts.Start(t.Context(), spec)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := center.Close(); err != nil {
			t.Error(err)
		}
	})
	return &dc{T: t, bin: bin, logs: []string{"k2i"}, center: center, agents: map[string]*hosts.Process{}}
}

// broker is the address by which agents reach it.
func (d *dc) broker() string { return "tcp://" + d.center.Hub.Addr.String() + ":7411" }

// startDC makes the hosts and waits until all agents have joined.
func startDC(t *testing.T) *dc {
	d := makeDC(t)
	d.launch(d.center.Hub, "broker", "middlecon", "serve", "--listen", brokerAddress, "--listen", d.broker(), "--insecure-plaintext")
	for _, h := range d.center.Hosts {
		d.agent(h)
		d.launch(h, "sleeper", "sleep", "1000")
	}
	d.await("three agents have joined", func() bool { return d.members() == 3 })
	return d
}

func (d *dc) launch(h *hosts.Host, name string, argv ...string) *hosts.Process {
	d.Helper()
	p, err := h.Launch(d.Context(), hosts.Command{Name: name, Argv: argv})
	if err != nil {
		d.Fatal(err)
	}
	return p
}

func (d *dc) agent(h *hosts.Host) {
	d.Helper()
	d.agents[h.Name] = d.launch(h, "k2i", "k2i", "serve", "--listen", h.Addr.String()+":7412", "--insecure-plaintext",
		"--interval", "200ms", "--broker", d.broker())
}

// await looks at a condition until it holds.
func (d *dc) await(what string, holds func() bool) {
	d.Helper()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.After(patience); !holds(); {
		select {
		case <-tick.C:
		case <-deadline:
			for _, h := range d.center.Hosts {
				for _, name := range d.logs {
					log, _ := h.Log(name)
					d.Logf("%s: %s: %s", h.Name, name, log)
				}
			}
			d.Fatalf("not within %v: %s", patience, what)
		}
	}
}

// on runs a command at the broker's host and gives its output and exit status.
func (d *dc) on(t *testing.T, argv ...string) (stdout, stderr string, status int) {
	t.Helper()
	var out, complaint bytes.Buffer
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	cmd := d.center.Hub.Command(ctx, argv...)
	cmd.Stdout, cmd.Stderr = &out, &complaint
	err := d.center.Hub.Run(cmd)
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatalf("%v: %v", argv, err)
	}
	return out.String(), complaint.String(), cmd.ProcessState.ExitCode()
}

func (d *dc) members() int {
	out, _, _ := d.on(d.T, "middlecon", "members", "k2i", "--json", "--broker", brokerAddress)
	var view struct{ Members []any }
	_ = json.Unmarshal([]byte(out), &view) // no broker yet: no members
	return len(view.Members)
}

// dps prints the table as JSON and reads it.
func (d *dc) dps(t *testing.T, args ...string) (table dcTable, stderr string, status int) {
	t.Helper()
	out, stderr, status := d.on(t, slices.Concat([]string{"dps", "--json"}, args)...)
	if err := json.Unmarshal([]byte(out), &table); err != nil {
		t.Fatalf("dps %v: %v\n%s%s", args, err, out, stderr)
	}
	return table, stderr, status
}

func (d *dc) wholeTable(t *testing.T) {
	table, stderr, status := d.dps(t, "--broker", brokerAddress)
	if status != 0 || stderr != "" {
		t.Errorf("status %d, %s", status, stderr)
	}
	for _, h := range d.center.Hosts {
		if got, text := table.status(h.Name); got != "ok" {
			t.Errorf("%s: %s %s", h.Name, got, text)
		}
		seen := map[string]int{}
		for _, row := range table.Rows {
			if row.Host == h.Name {
				seen[row.Comm] = row.PID
				if row.Comm == "sleep" && (row.PPID != 1 || row.User != "root" || !slices.Equal(row.Args, []string{"sleep", "1000"})) {
					t.Errorf("%s: %+v", h.Name, row)
				}
			}
		}
		if seen["sleep"] == 0 || seen["k2i"] != d.agents[h.Name].PID {
			t.Errorf("%s: sleep is %d, k2i is %d; it was started as %d", h.Name, seen["sleep"], seen["k2i"], d.agents[h.Name].PID)
		}
		if len(seen) > 20 {
			t.Errorf("%s shows %d commands: those of other hosts are among them", h.Name, len(seen))
		}
	}
	text, stderr, status := d.on(t, "dps", "--broker", brokerAddress, "-o", "pid,comm", "--sort", "comm,-pid")
	if status != 0 || stderr != "" || !strings.HasPrefix(text, "HOST") {
		t.Errorf("status %d: %s%s", status, text, stderr)
	}
	var order []string
	for _, line := range strings.Split(strings.TrimSpace(text), "\n")[1:] {
		order = append(order, strings.Fields(line)[2])
	}
	if !slices.IsSorted(order) || len(order) != len(table.Rows) {
		t.Errorf("%d rows, %d in JSON, sorted over all hosts: %v", len(order), len(table.Rows), order)
	}
}

func (d *dc) withoutBroker(t *testing.T) {
	var urls []string
	for _, h := range d.center.Hosts {
		urls = append(urls, fmt.Sprintf("http://%s:7412", h.Addr))
	}
	urls = append(urls, "http://10.77.0.99:7412")
	table, stderr, status := d.dps(t, "--agents", strings.Join(urls, ","), "-C", "sleep", "--deadline", silence)
	if status != 3 || !strings.Contains(stderr, "10.77.0.99") {
		t.Errorf("status %d with an agent that is not there: %s", status, stderr)
	}
	if len(table.Rows) != 3 || len(table.Hosts) != 4 {
		t.Errorf("%d rows of sleep from %d hosts", len(table.Rows), len(table.Hosts))
	}
}

func (d *dc) killedMember(t *testing.T) {
	for i, exec := range []string{"cat", "kill -9 $PPID", "hostname"} {
		h := d.center.Hosts[i]
		d.launch(h, "member", "middlecon", "join", "demo", "--name", "on-"+h.Name, "--exec", exec,
			"--broker", d.broker())
	}
	d.await("three members have joined", func() bool {
		out, _, _ := d.on(t, "middlecon", "members", "demo", "--broker", brokerAddress)
		return strings.Contains(out, "3 members")
	})
	out, stderr, status := d.on(t, "middlecon", "call", "demo", "hello", "--json", "--deadline", "20s", "--broker", brokerAddress)
	var account struct {
		Selected, View int
		Met            bool
		Counts         map[string]int
		Outcomes       []struct{ Name, Outcome, Reply string }
	}
	if err := json.Unmarshal([]byte(out), &account); err != nil {
		t.Fatalf("%v\n%s%s", err, out, stderr)
	}
	got := map[string]string{}
	for _, o := range account.Outcomes {
		got[o.Name] = o.Outcome + " " + o.Reply
	}
	if status != 1 || account.Met || account.Selected != 3 || account.Counts["ok"] != 2 || account.Counts["lost_after_send"] != 1 ||
		got["on-host1"] != "ok hello" || got["on-host2"] != "lost_after_send " || got["on-host3"] != "ok host3\n" {
		t.Errorf("status %d: %s", status, out)
	}
}

// faults stops two agents and kills one of them: each is named, and so is the
// one that the room remembers. Back again, all is well.
func (d *dc) faults(t *testing.T) {
	killed, stopped := d.agents["host2"], d.agents["host3"]
	d.freeze(t, "host2")
	d.freeze(t, "host3")
	d.killedWhileAsked(t, killed)

	table, stderr, status := d.dps(t, "--broker", brokerAddress, "--deadline", silence)
	for host, want := range map[string]string{"host1": "ok", "host2": "absent", "host3": "no_receipt"} {
		got, text := table.status(host)
		if got != want || (want != "ok" && (text == "" || !strings.Contains(stderr, host))) {
			t.Errorf("%s: %s %q, want %s; standard error: %s", host, got, text, want, stderr)
		}
	}
	if status != 3 || len(table.Rows) == 0 {
		t.Errorf("status %d with %d rows", status, len(table.Rows))
	}

	if err := stopped.Signal(t.Context(), syscall.SIGCONT); err != nil {
		t.Fatal(err)
	}
	host2, _ := d.center.Host("host2")
	d.agent(host2)
	d.await("the agent is back", func() bool { return d.members() == 3 })
	if _, stderr, status := d.dps(t, "--broker", brokerAddress); status != 0 || stderr != "" {
		t.Errorf("with all agents back: status %d: %s", status, stderr)
	}
}

// freeze stops a host's agent, and waits until none of its threads runs any more.
func (d *dc) freeze(t *testing.T, host string) {
	t.Helper()
	h, ok := d.center.Host(host)
	agent := d.agents[host]
	if err := agent.Signal(t.Context(), syscall.SIGSTOP); err != nil || !ok {
		t.Fatal(err)
	}
	d.await(host+" is stopped", func() bool {
		threads, err := filepath.Glob(fmt.Sprintf("%s/proc/%d/task/*/stat", h.Root(), agent.PID))
		for _, path := range threads {
			stat, gone := os.ReadFile(path)
			if gone == nil && !bytes.Contains(stat, []byte(") T ")) {
				return false
			}
		}
		return err == nil && len(threads) > 0
	})
}

// killedWhileAsked kills an agent while a question is on its way: it is settled
// at once, the stopped one at the deadline. A witness among the members tells
// when the question has been delivered.
func (d *dc) killedWhileAsked(t *testing.T, killed *hosts.Process) {
	const deadline = 4 * time.Second // in which it is killed; with silence less than what the broker takes for death
	witness := d.launch(d.center.Hub, "witness", "middlecon", "join", "k2i", "--name", "witness", "--exec", "touch /run/ddcos/asked", "--broker", brokerAddress)
	d.await("the witness has joined", func() bool { return d.members() == 4 })
	asked := make(chan string, 1)
	go func() {
		out, stderr, _ := d.on(t, "middlecon", "call", "k2i", "no question", "--json", "--deadline", deadline.String(), "--broker", brokerAddress)
		asked <- out + stderr
	}()
	d.await("the question is delivered", func() bool {
		_, err := os.Stat(d.center.Hub.Root() + "/run/ddcos/asked")
		return err == nil
	})
	if err := killed.Signal(t.Context(), syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	var account struct {
		Outcomes []struct {
			Name, Outcome string
			LatencyUS     int64 `json:"latency_us"`
		}
	}
	if out := <-asked; json.Unmarshal([]byte(out), &account) != nil {
		t.Fatal(out)
	}
	want := map[string]string{"host1": "app_error", "host2": "lost_after_send", "host3": "no_receipt", "witness": "ok"}
	for _, o := range account.Outcomes {
		late := o.LatencyUS >= deadline.Microseconds()
		if o.Outcome != want[o.Name] || late != (o.Name == "host3") {
			t.Errorf("%+v, want %s", o, want[o.Name])
		}
	}
	if len(account.Outcomes) != len(want) {
		t.Errorf("%d outcomes, want %d", len(account.Outcomes), len(want))
	}
	if err := witness.Signal(t.Context(), syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	<-witness.Done()
}
