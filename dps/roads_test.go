package dps_test

import (
	"strings"
	"testing"

	"ddcos/k2i"
	"ddcos/k2i/agent"
)

// What BPF reads prints the same bytes as what /proc tells, which the other tests
// compare: every keyword, and every usual line.
func TestByBPFAgainstPS(t *testing.T) {
	p := startPeers(t)
	p.mode = k2i.ModeBPF
	options := agent.DefaultOptions()
	options.Mode = p.mode
	if _, err := agent.Once(t.Context(), options); err != nil {
		t.Skipf("no BPF here: %v", err)
	}
	for _, key := range shared(t) {
		p.equal(t, same, "-o", "pid,"+key+",ppid", "-q", p.list())
	}
	for _, line := range strings.Split(strings.TrimSpace(usual), "\n") {
		p.alike(t, strings.Fields(strings.ReplaceAll(line, "PIDS", p.list())))
	}
}
