package dps

import (
	"io"
	"strconv"
	"testing"
	"time"

	"ddcos/k2i"
	"ddcos/k2i/fleet"
)

// rowsOf is a fleet of hosts with 400 processes each.
func rowsOf(hosts int) *fleet.Table {
	t := &fleet.Table{}
	for i := range hosts {
		h := &fleet.Host{Name: "host" + strconv.Itoa(i), Status: fleet.StatusOK, Info: k2i.Host{PIDMax: 4194304, TicksPerSecond: 100, UptimeNS: 1e15, MemTotalBytes: 1 << 34}}
		t.Hosts = append(t.Hosts, h)
		for pid := range int32(400) {
			t.Rows = append(t.Rows, fleet.Row{Host: h, Process: &k2i.Process{
				PID: pid + 1, User: "root", Comm: "worker", Args: []string{"/usr/bin/worker", "--number", "7"}, State: "S", StartTicks: 1000, UserNS: 1e9,
			}})
		}
	}
	return t
}

// One row of -f over many hosts, written as dps writes it.
func BenchmarkLine(b *testing.B) {
	table := rowsOf(10)
	layout := NewLayout(cellsOf([]string{HostKey, "uid_hack", "pid", "ppid", "c", "stime", "tname", "time", "cmd"}), table, NewLook(table, time.UTC, false), 0)
	b.ReportAllocs()
	n := 0
	for b.Loop() {
		_, _ = io.WriteString(io.Discard, layout.Line(table.Rows[n%len(table.Rows)]))
		n++
	}
}
