package ddcos_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"ddcos/bench/hosts"
)

// TestNewUser does what somebody does who has just heard of it: three hosts on
// which nothing of ours runs, then agents and a broker, then one host stopped.
// Statuses and words are what a user goes by.
func TestNewUser(t *testing.T) {
	d := makeDC(t)
	for _, h := range d.center.Hosts {
		d.launch(h, "sleeper", "sleep", "1000")
	}
	t.Run("nothing is installed", d.carried)
	d.launch(d.center.Hub, "broker", "middlecon", "serve", "--listen", brokerAddress, "--listen", d.broker(), "--insecure-plaintext")
	for _, h := range d.center.Hosts {
		d.agent(h)
	}
	d.await("three agents have joined", func() bool { return d.members() == 3 })
	t.Run("a broker and agents", d.served)
	t.Run("who talks to whom", d.talk)
	t.Run("one host is stopped", d.stopped)
}

// shell is a command that runs another on a host by its name, as ssh would.
func (d *dc) shell(t *testing.T) string {
	t.Helper()
	var script strings.Builder
	script.WriteString("#!/bin/sh\ncase $1 in\n")
	for _, h := range d.center.Hosts {
		fmt.Fprintf(&script, "%s) pid=%d ;;\n", h.Name, h.PID())
	}
	script.WriteString("*) echo \"no host $1\" >&2; exit 255 ;;\nesac\nshift\nexec nsenter --target $pid --mount --uts --ipc --net --pid -- \"$@\"\n")
	path := filepath.Join(t.TempDir(), "enter")
	if err := os.WriteFile(path, []byte(script.String()), 0o700); err != nil { //nolint:gosec // it is run
		t.Fatal(err)
	}
	return path + " {host}"
}

// here runs a program on the machine itself.
func (d *dc) here(t *testing.T, argv ...string) (stdout, stderr string, status int) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	var out, complaint bytes.Buffer
	cmd := exec.CommandContext(ctx, filepath.Join(d.bin, argv[0]), argv[1:]...)
	cmd.Stdout, cmd.Stderr = &out, &complaint
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatalf("%v: %v", argv, err)
	}
	return out.String(), complaint.String(), cmd.ProcessState.ExitCode()
}

func (d *dc) carried(t *testing.T) {
	via := d.shell(t)
	out, stderr, status := d.here(t, "dps", "--via", via, "--on", "host[1-3]", "-C", "sleep", "-o", "pid=,args=", "--sort=-host")
	var order []string
	for line := range strings.Lines(out) {
		words := strings.Fields(line)
		if len(words) != 4 || words[2] != "sleep" {
			t.Errorf("got %q", line)
			continue
		}
		order = append(order, words[0])
	}
	if strings.Join(order, " ") != "HOST host3 host2 host1" && strings.Join(order, " ") != "host3 host2 host1" || stderr != "" || status != 0 {
		t.Errorf("status %d: %s%s", status, out, stderr)
	}
	out, stderr, status = d.here(t, "dps", "--via", via, "--on", "host[1-2],host9", "-C", "sleep", "--no-headers")
	if strings.Count(out, "sleep") != 2 || stderr != "dps: host9: unreachable: no host host9\n" || status != 3 {
		t.Errorf("one host is not there: status %d: %s%s", status, out, stderr)
	}
	out, stderr, status = d.here(t, "dps", "--via", via, "--on", "host[1-3]", "--where", `comm == "sleep"`, "--by", "host", "--csv")
	if strings.Count(out, "\nhost") != 3 || stderr != "" || status != 0 {
		t.Errorf("with a condition: status %d: %s%s", status, out, stderr)
	}
	if _, stderr, status = d.here(t, "dps", "--via", via, "-e"); status != 2 || !strings.Contains(stderr, "--via wants --on") {
		t.Errorf("no hosts are named: status %d: %s", status, stderr)
	}
	for _, h := range d.center.Hosts {
		d.await("nothing is left behind on "+h.Name, func() bool { // some directories are the machine's: others' files go, too
			left, err := h.Output(t.Context(), "sh", "-c", "ls /dev/shm /tmp /var/tmp $HOME | grep ^k2i-; ps -e | grep k2i; true")
			return err == nil && len(left) == 0
		})
	}
}

func (d *dc) served(t *testing.T) {
	_, stderr, status := d.on(t, "dps", "--broker", "unix:///run/ddcos/nobody.sock")
	if status != 1 || !strings.Contains(stderr, "is 'middlecon serve' running there?") {
		t.Errorf("a broker that is not there: status %d: %s", status, stderr)
	}
	out, stderr, status := d.on(t, "env", "DDCOS_BROKER="+brokerAddress, "dps", "-C", "sleep", "--by", "host", "--csv")
	if strings.Count(out, "\nhost") != 3 || stderr != "" || status != 0 {
		t.Errorf("status %d: %s%s", status, out, stderr)
	}
	if out, _, status = d.on(t, "dps", "--broker", brokerAddress, "-C", "nosuch"); status != 1 || strings.Count(out, "\n") != 1 {
		t.Errorf("nobody is called so: status %d: %s", status, out)
	}
}

// peersTable is what `dps --peers --json` prints.
type peersTable struct {
	Links []peersLink
}

type peersLink struct {
	From, To struct {
		Host      string
		Address   string
		Port      int
		Listens   bool
		Processes []struct {
			PID  int
			Comm string
		}
	}
	Sent int `json:"sent_bytes"`
}

// talk has processes of one host connected to those of another: directly, within
// a host, and behind a translation of addresses.
func (d *dc) talk(t *testing.T) {
	host1, host2, host3 := d.center.Hosts[0], d.center.Hosts[1], d.center.Hosts[2]
	server := d.launch(host1, "server", "middlecon", "serve", "--listen", "tcp://0.0.0.0:7500", "--insecure-plaintext")
	join := func(h *hosts.Host, name, address string) *hosts.Process {
		return d.launch(h, name, "middlecon", "join", "talk", "--name", name, "--exec", "cat", "--broker", "tcp://"+address)
	}
	at := host1.Addr.String()
	joined := func(n int) func() bool {
		return func() bool {
			out, _, _ := d.on(t, "middlecon", "members", "talk", "--broker", "tcp://"+at+":7500")
			return strings.Contains(out, fmt.Sprint(n, " members"))
		}
	}
	d.await("the server serves", joined(0))
	clients := map[string]*hosts.Process{"host1": join(host1, "inside", "127.0.0.1:7500"), "host2": join(host2, "outside", at+":7500")}
	members := 2
	d.logs = append(d.logs, "server", "inside", "outside", "translated")
	nat, err := host3.Output(t.Context(), "iptables", "-t", "nat", "-A", "OUTPUT", "-p", "tcp", "-d", at, "--dport", "7600", "-j", "DNAT", "--to-destination", at+":7500")
	if translated := err == nil; translated {
		clients["host3"] = join(host3, "translated", at+":7600")
		members++
	} else {
		t.Logf("no connection is translated: iptables: %v: %s", err, nat)
	}
	d.await("all have joined", joined(members))
	selected := fmt.Sprintf("host1:%d,host3:%d", server.PID, pidOf(clients["host3"]))
	d.await("agents have the processes in their samples", func() bool {
		out, _, _ := d.on(t, "dps", "--broker", brokerAddress, "--proc", selected, "-o", "pid=", "--no-headers")
		return strings.Count(out, "\n") == 2
	})
	ways := map[string][]string{
		"broker": {"--broker", brokerAddress},
		"agents": {"--agents", fmt.Sprintf("%s:7412,%s:7412,%s:7412", host1.Addr, host2.Addr, host3.Addr)},
	}
	for way, args := range ways {
		out, stderr, status := d.on(t, append([]string{"dps", "--peers", "--json", "--proc", selected}, args...)...)
		d.judge(t, way, out, stderr, status, server, clients)
	}
	out, stderr, status := d.here(t, "dps", "--via", d.shell(t), "--on", "host[1-3]", "--peers", "--json", "-C", "middlecon")
	d.judge(t, "via", out, stderr, status, server, clients)

	out, stderr, status = d.on(t, "dps", "--broker", brokerAddress, "--peers", "--by", "host", "--csv", "-C", "middlecon")
	for _, want := range []string{"\nhost1,host1,1,", "\nhost2,host1,1,"} {
		if !strings.Contains(out, want) || status != 0 {
			t.Errorf("by host: status %d, want %q: %s%s", status, want, out, stderr)
		}
	}
}

func pidOf(p *hosts.Process) int {
	if p == nil {
		return 1
	}
	return p.PID
}

// judge looks for the connections of the server in an answer.
func (d *dc) judge(t *testing.T, way, out, stderr string, status int, server *hosts.Process, clients map[string]*hosts.Process) {
	t.Helper()
	var table peersTable
	if err := json.Unmarshal([]byte(out), &table); err != nil || status != 0 || stderr != "" {
		t.Fatalf("%s: status %d, %v: %s%s", way, status, err, out, stderr)
	}
	found := map[string]int{}
	for _, l := range table.Links {
		from, to := l.From, l.To
		switch {
		case to.Port == 7500 && to.Host == "host1" && from.Host != "":
			found[from.Host]++
			if to.Processes[0].PID != server.PID || from.Processes[0].PID != pidOf(clients[from.Host]) || !to.Listens || l.Sent == 0 {
				t.Errorf("%s: %+v", way, l)
			}
		case to.Port == 7500: // of the server, the other end is an address
			found["address"]++
			if from.Address != d.center.Hosts[2].Addr.String() {
				t.Errorf("%s: %+v", way, l)
			}
		case to.Port == 7600: // of the client, who knows the server by another port
			found["translated"]++
			if from.Host != "host3" || from.Processes[0].PID != pidOf(clients["host3"]) || to.Host != "" || to.Address != d.center.Hosts[0].Addr.String() {
				t.Errorf("%s: %+v", way, l)
			}
		}
	}
	want := map[string]int{"host1": 1, "host2": 1}
	if clients["host3"] != nil {
		want["address"], want["translated"] = 1, 1
	}
	if fmt.Sprint(found) != fmt.Sprint(want) {
		t.Errorf("%s: found %v, want %v: %s", way, found, want, out)
	}
}

// stopped freezes a whole host: the others' rows come, and it is named.
func (d *dc) stopped(t *testing.T) {
	d.freeze(t, "host3")
	out, stderr, status := d.on(t, "dps", "--broker", brokerAddress, "--deadline", silence, "-C", "sleep", "-o", "comm=")
	if want := "dps: host3: no_receipt: no receipt within " + silence + ": the process may be stopped\n"; status != 3 || stderr != want || strings.Count(out, "sleep") != 2 {
		t.Errorf("status %d: %s%s", status, out, stderr)
	}
	d.firstRows(t)
	out, _, status = d.on(t, "dps", "--broker", brokerAddress, "--deadline", silence, "--fleet")
	if status != 3 || !strings.Contains(out, "host3 no_receipt") {
		t.Errorf("status %d: %s", status, out)
	}
	if err := d.agents["host3"].Signal(t.Context(), syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	d.await("the room has lost it", func() bool {
		_, stderr, status = d.on(t, "dps", "--broker", brokerAddress, "-C", "sleep")
		return status == 3 && strings.HasPrefix(stderr, "dps: host3: absent: lost ")
	})
	if _, stderr, status = d.on(t, "middlecon", "forget", "k2i", "host3", "--broker", brokerAddress); status != 0 {
		t.Fatalf("status %d: %s", status, stderr)
	}
	if _, stderr, status = d.on(t, "dps", "--broker", brokerAddress, "-C", "sleep"); status != 0 || stderr != "" {
		t.Errorf("forgotten, and status %d: %s", status, stderr)
	}
}

// firstRows sees the rows of the others while the stopped host is awaited, for as
// long as anybody would: then it goes on, and its rows follow.
func (d *dc) firstRows(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	cmd := d.center.Hub.Command(ctx, "dps", "--broker", brokerAddress, "--deadline", "1m", "-C", "sleep", "--no-headers", "-o", "comm")
	out, in, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = out.Close() }()
	cmd.Stdout = in
	ended := make(chan error, 1)
	go func() {
		ended <- d.center.Hub.Run(cmd)
		_ = in.Close()
	}()
	lines := bufio.NewScanner(out)
	var got []string
	for len(got) < 2 && lines.Scan() {
		got = append(got, strings.Fields(lines.Text())[0])
	}
	if slices.Sort(got); !slices.Equal(got, []string{"host1", "host2"}) {
		t.Errorf("first came %q", got)
	}
	if err := d.agents["host3"].Signal(t.Context(), syscall.SIGCONT); err != nil {
		t.Fatal(err)
	}
	for lines.Scan() {
		got = append(got, strings.Fields(lines.Text())[0])
	}
	if err := <-ended; err != nil || len(got) != 3 || got[2] != "host3" {
		t.Errorf("then %q, %v", got, err)
	}
	d.freeze(t, "host3")
}
