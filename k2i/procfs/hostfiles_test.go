package procfs

import (
	"math"
	"strings"
	"testing"

	prometheus "github.com/prometheus/procfs"

	"ddcos/k2i"
)

// TestHostFilesByLibrary holds what is read here to what the library reads of the
// same text.
func TestHostFilesByLibrary(t *testing.T) {
	tr := newTree(t)
	tr.write("stat", "cpu  10 20 30 1000 500 1 2 3 7 8\ncpu0 10 20 30 1000 500 1 2 3 7 8\ncpu1 0 0 0 0 0 0 0 0 0 0\nintr "+strings.Repeat("9 ", MaxHostFile)+"\nctxt 7\n")
	tr.write("meminfo", "MemFree: 1 kB\nMemTotal:  2048 kB\nMemAvailable:\t1024 kB\nHugePages_Total: 0\n")
	tr.write("loadavg", "0.25 1e1 3.00 1/100 4242\n")
	host, _, err := tr.open().Host(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	lib, err := prometheus.NewFS(tr.root)
	if err != nil {
		t.Fatal(err)
	}
	stat, err := lib.Stat()
	if err != nil {
		t.Fatal(err)
	}
	c := stat.CPUTotal
	same(t, "CPU time", host.CPUBusyNS, uint64(math.Round((c.User+c.Nice+c.System+c.IRQ+c.SoftIRQ+c.Steal)*100))*nsPerTick)
	same(t, "CPUs", host.CPUs, len(stat.CPU))
	memory, err := lib.Meminfo()
	if err != nil {
		t.Fatal(err)
	}
	same(t, "memory", host.MemTotalBytes, *memory.MemTotalBytes)
	same(t, "available", host.MemAvailableBytes, *memory.MemAvailableBytes)
	load, err := lib.LoadAvg()
	if err != nil {
		t.Fatal(err)
	}
	same(t, "load", host.Load, [3]float64{load.Load1, load.Load5, load.Load15})
}

// TestHostFilesCut: what ends too early or says too much is an error, not a number.
func TestHostFilesCut(t *testing.T) {
	for _, file := range [][2]string{
		{"stat", ""},
		{"stat", "cpu 1 2 -3\n"},
		{"stat", "intr 5\n"},
		{"meminfo", "MemTotal:\n"},
		{"meminfo", "MemTotal: 99999999999999999999 kB\n"},
		{"meminfo", "MemAvailable: 18014398509481984 kB\n"},
		{"loadavg", ""},
		{"loadavg", "1 2\n"},
		{"loadavg", "1 2 NaN\n"},
		{"loadavg", "+Inf 2 3\n"},
	} {
		tr := newTree(t)
		tr.write(file[0], file[1])
		host, _, err := tr.open().Host(t.Context())
		if err == nil || host.MemTotalBytes > 1<<40 || host.MemAvailableBytes > 1<<40 {
			t.Errorf("%s of %q: %+v, %v", file[0], file[1], host, err)
		}
	}
	var host k2i.Host
	tr := newTree(t)
	tr.write("stat", "cpu 1 2 3\n") // of a kernel that knows less
	if err := tr.open().readCPU(&host); err != nil || host.CPUBusyNS != 6*nsPerTick || host.CPUs != 0 {
		t.Errorf("%+v, %v", host, err)
	}
}
