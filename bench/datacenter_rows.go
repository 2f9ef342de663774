package bench

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"time"

	"ddcos/k2i"
	"ddcos/k2i/agent"
	"ddcos/k2i/query"
	k2iwire "ddcos/k2i/wire"
)

// maxRows bounds a simulated host's processes.
const maxRows = 100_000

// firstPID is the pid of a simulated host's first process.
const firstPID = 100

// rows are this host's processes, from which those of all simulated hosts are made.
type rows struct {
	file   string
	answer *k2iwire.Answer
}

// newRows looks at this host and writes what it saw to a file, for the programs of agents.
func newRows(ctx context.Context, file string) (*rows, error) {
	snap, err := agent.Once(ctx, agent.DefaultOptions())
	if err != nil {
		return nil, err
	}
	answer, err := k2iwire.Respond(snap, k2iwire.Request{}, time.Now())
	if err != nil {
		return nil, err
	}
	body, err := k2iwire.EncodeAnswer(answer)
	if err != nil {
		return nil, err
	}
	return &rows{file, answer}, os.WriteFile(file, body, 0o600)
}

// readRows reads the file that newRows wrote.
func readRows(file string) (*rows, error) {
	body, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	answer, err := k2iwire.DecodeAnswer(body, query.Query{})
	if err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	return &rows{file, answer}, nil
}

// hostName is a simulated host's.
func hostName(host int) string { return fmt.Sprintf("host%05d", host) }

// snapshot is a simulated host's: this host's processes again and again until
// there are enough, each with a pid, a name and a use of CPU of its own.
func (r *rows) snapshot(host, processes int) *k2i.Snapshot {
	s := &k2i.Snapshot{
		Host: r.answer.Host, At: time.Now(), Mode: r.answer.Mode, Visibility: r.answer.Visibility, Missing: r.answer.Missing,
		BusyCPUs: 1, Events: r.answer.Events, Processes: make([]*k2i.Process, processes),
	}
	s.Host.Name = hostName(host)
	s.Host.ID = k2i.HostID(s.Host.Name + ".1")
	made := make([]k2i.Process, processes)
	for i := range made {
		p := &made[i]
		*p = r.answer.Processes[i%len(r.answer.Processes)]
		p.PID, p.RCPU = firstPID+int32(i), useOf(host, i)
		p.Comm = fmt.Sprintf("%.8s-%d", p.Comm, i)
		s.Processes[i] = p
	}
	return s
}

// useOf is a process's use of CPU: random, and the same wherever it is asked for.
func useOf(host, process int) k2i.Rate {
	x := uint64(host)<<32 | uint64(process) + 0x9e3779b97f4a7c15
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	x ^= x >> 31
	return k2i.Rate(float64(x>>11) / (1 << 53))
}

// top is what sorting the rows of all hosts gives: host and pid of those that use most.
func (r *rows) top(hosts, processes, limit int) []string {
	type row struct {
		use       k2i.Rate
		host, pid int
	}
	all := make([]row, 0, hosts*processes)
	for host := range hosts {
		for i := range processes {
			all = append(all, row{useOf(host, i), host, firstPID + i})
		}
	}
	slices.SortFunc(all, func(a, b row) int {
		return cmp.Or(cmp.Compare(b.use, a.use), cmp.Compare(a.host, b.host), cmp.Compare(a.pid, b.pid))
	})
	var lines []string
	for _, r := range all[:min(limit, len(all))] {
		lines = append(lines, fmt.Sprintf("%s %d", hostName(r.host), r.pid))
	}
	return lines
}

// asJSON is the length of one host's whole answer as JSON.
func (r *rows) asJSON(processes int) int {
	answer, err := k2iwire.Respond(r.snapshot(0, processes), k2iwire.Request{}, time.Now())
	if err != nil {
		return 0
	}
	text, err := json.Marshal(answer)
	if err != nil {
		return 0
	}
	return len(text)
}
