package dps_test

import (
	"debug/elf"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"testing"

	"ddcos/k2i"
	"ddcos/k2i/agent"
)

// hasBPF tells whether this host can be read by BPF.
func hasBPF(t *testing.T) bool {
	t.Helper()
	options := agent.DefaultOptions()
	options.Mode = k2i.ModeBPF
	_, err := agent.Once(t.Context(), options)
	if err != nil {
		t.Logf("no BPF here: %v", err)
	}
	return err == nil
}

// What BPF reads prints the same bytes as what /proc tells, which the other tests
// compare: every keyword, and every usual line.
func TestByBPFAgainstPS(t *testing.T) {
	p := startPeers(t)
	if !hasBPF(t) {
		t.Skip("not read by BPF")
	}
	p.mode = k2i.ModeBPF
	for _, key := range shared(t) {
		p.equal(t, same, "-o", "pid,"+key+",ppid", "-q", p.list())
	}
	for _, line := range strings.Split(strings.TrimSpace(usual), "\n") {
		p.alike(t, strings.Fields(strings.ReplaceAll(line, "PIDS", p.list())))
	}
}

// PSS counts who else has a page: ps itself, where it is one of libc. So it is
// compared for a program without libraries, which ps has no page of.
func TestPSSAgainstPS(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	program, err := elf.Open(self)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = program.Close() }() // it was only read
	if slices.ContainsFunc(program.Progs, func(part *elf.Prog) bool { return part.Type == elf.PT_INTERP }) {
		t.Skip("this test is not static: it shares libc with ps")
	}
	p := &peers{onlooker: newOnlooker(t)}
	p.withThreads(t)
	share(t, p.pids[0])
	p.pids = append(p.pids, "2", strconv.Itoa(1<<22-1))
	p.equal(t, same, "-o", "pid,pss,uss,rss", "-p", p.list())
	p.equal(t, same, "-o", "pss:12=", "--sort", "-pss", "-p", p.list())
}

// PSS of a program with libraries is what the kernel says of it while nobody else
// comes or goes that has a page of them: ps would be such a one.
func TestPSSOfLibraries(t *testing.T) {
	p := &peers{onlooker: newOnlooker(t)}
	p.start(t, "sleep", exec.Command("sleep", "600"))
	kernel := func() string {
		b, err := os.ReadFile("/proc/" + p.pids[0] + "/smaps_rollup")
		if err != nil {
			t.Fatal(err)
		}
		_, after, _ := strings.Cut(string(b), "\nPss:")
		return strings.Fields(after)[0]
	}
	until(t, "two readings that are the same", func() bool {
		before := kernel()
		p.fresh()
		got, _ := p.ours(t, "-o", "pss=", "-p", p.pids[0])
		return before == kernel() && before != "0" && strings.TrimSpace(got) == before
	})
}
