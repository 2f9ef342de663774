package via

import (
	"errors"
	"strings"
	"testing"

	"ddcos/bench/sshd"
	"ddcos/k2i/fleet"
	"ddcos/k2i/query"
)

// sshHosts gives the configuration by which ssh knows n hosts of this machine as host1 to
// hostN; at the next one nobody answers.
func sshHosts(t *testing.T, n int) (config string) {
	t.Helper()
	hosts, err := sshd.Start(t.Context(), n, 0)
	if errors.Is(err, sshd.ErrMissing) {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := hosts.Close(); err != nil {
			t.Error(err)
		}
	})
	return hosts.Config
}

// TestSSH asks three hosts behind real servers of ssh, of whom one is not there,
// and looks whether anything stays behind.
func TestSSH(t *testing.T) {
	config := sshHosts(t, 2)
	defer leavesNothing(t)()
	q := query.Query{Sort: []query.Key{{Field: "pid"}}}
	replies := ask(t.Context(), t, "ssh -F "+config+" {host}", q, "host1", "host2", "host3")
	for i, r := range replies[:2] {
		if r.Status != fleet.StatusOK {
			t.Fatalf("got %+v", r)
		}
		rows := r.Answer.Processes
		if rows[0].PID != 1 || rows[0].Comm != "sshd" || rows[len(rows)-1].Comm != "k2i-gather" || len(rows) > 8 {
			t.Errorf("host%d has %d processes, from %q to %q: want its own sshd and what serves us", i+1, len(rows), rows[0].Comm, rows[len(rows)-1].Comm)
		}
	}
	if r := replies[2]; r.Status != fleet.StatusUnreachable || !strings.Contains(r.Err, "port 1: Connection refused") {
		t.Errorf("nobody is there, and got %+v", r)
	}
	for _, r := range ask(t.Context(), t, "ssh -F "+config+" {host}", q, "host1", "host2") {
		for _, p := range r.Answer.Processes[:len(r.Answer.Processes)-1] {
			if p.Comm == "k2i-gather" {
				t.Errorf("%s still has the process of the question before", r.Host)
			}
		}
	}
}
