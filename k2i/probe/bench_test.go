package probe

import (
	"fmt"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"testing"

	prometheus "github.com/prometheus/procfs"
	gopsutil "github.com/shirou/gopsutil/v4/process"
	"golang.org/x/sys/unix"

	"ddcos/k2i"
	"ddcos/k2i/procfs"
)

// crowd starts small processes that are stopped, and gives their pids. They are
// other people's: what a reader costs does not depend on this program's own size.
func crowd(b *testing.B, n int) []int {
	b.Helper()
	pids := make([]int, 0, n)
	b.Cleanup(func() {
		for _, pid := range pids {
			_ = unix.Kill(pid, unix.SIGKILL)
		}
		for _, pid := range pids {
			_, _ = unix.Wait4(pid, nil, 0, nil)
		}
	})
	for range n {
		cmd := exec.Command("sleep", "1000000", "1000000", strings.Repeat("0", 60))
		cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: unix.SIGKILL}
		if err := cmd.Start(); err != nil {
			b.Fatal(err)
		}
		pids = append(pids, cmd.Process.Pid)
		if err := unix.Kill(cmd.Process.Pid, unix.SIGSTOP); err != nil {
			b.Fatal(err)
		}
		if err := awaitStop(cmd.Process.Pid); err != nil {
			b.Fatal(err)
		}
	}
	return pids
}

// library reads what the two roads read of a process with prometheus/procfs.
func library(pid int) error {
	p, err := prometheus.NewProc(pid)
	if err != nil {
		return err
	}
	if _, err = p.Stat(); err == nil {
		_, err = p.NewStatus()
	}
	if err == nil {
		_, err = p.IO()
	}
	if err == nil {
		_, err = p.CmdLine()
	}
	if err == nil {
		_, err = p.Cgroups()
	}
	return err
}

// getters reads nearly as much with gopsutil: its nine getters that come closest.
func getters(pid int) error {
	p := &gopsutil.Process{Pid: int32(pid)}
	for _, get := range []func() error{
		func() error { _, err := p.Name(); return err },
		func() error { _, err := p.Ppid(); return err },
		func() error { _, err := p.Uids(); return err },
		func() error { _, err := p.CreateTime(); return err },
		func() error { _, err := p.Times(); return err },
		func() error { _, err := p.NumThreads(); return err },
		func() error { _, err := p.MemoryInfo(); return err },
		func() error { _, err := p.IOCounters(); return err },
		func() error { _, err := p.CmdlineSlice(); return err },
	} {
		if err := get(); err != nil {
			return err
		}
	}
	return nil
}

// BenchmarkPass is one look at the same processes by each road, and by the
// libraries beside them; ns/process is the figure to compare. The whole table
// is read by the roads, so it is divided by all that they found.
func BenchmarkPass(b *testing.B) {
	for _, n := range []int{500, 2000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			pids := crowd(b, n)
			p, fs := openRoads(b)
			per := func(name string, pass func() (int, error)) {
				b.Run(name, func(b *testing.B) {
					b.ReportAllocs()
					seen := 0
					for b.Loop() {
						found, err := pass()
						if err != nil || found < n {
							b.Fatalf("%d processes, %v", found, err)
						}
						seen += found
					}
					b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(seen), "ns/process")
				})
			}
			each := func(read func(int) error) func() (int, error) {
				return func() (int, error) {
					for _, pid := range pids {
						if err := read(pid); err != nil {
							return 0, err
						}
					}
					return len(pids), nil
				}
			}
			per("probe", func() (int, error) { return countOf(p.Read(b.Context())) })
			counting := openCounting(b, Counting{RunDelay: true, Sockets: true, BlockIO: true})
			per("counting", func() (int, error) { return countOf(counting.Read(b.Context())) })
			per("procfs", func() (int, error) { return countOf(fs.Read(b.Context())) })
			per("prometheus", each(library))
			per("gopsutil", each(getters))
		})
	}
}

// countOf is how many processes a sample holds.
func countOf(sample *k2i.Sample, err error) (int, error) {
	if err != nil {
		return 0, err
	}
	return len(sample.Processes), nil
}

// BenchmarkOnce is what a command pays that looks once and ends, before it can
// read anything: opening the probe, in a process of its own, or the other road.
// The first's ns/open, divided by what procfs takes more for a process in
// BenchmarkPass, is the number of processes from which on BPF is the quicker one.
func BenchmarkOnce(b *testing.B) {
	b.Run("probe", func(b *testing.B) {
		var sum, opened int64
		for b.Loop() {
			out, err := childOf("open", "").Output()
			if err != nil {
				b.Fatal(err)
			}
			took, err := strconv.ParseInt(strings.TrimSpace(string(out)), 10, 64)
			if err != nil {
				b.Fatal(err)
			}
			sum += took
			opened++
		}
		b.ReportMetric(float64(sum)/float64(opened), "ns/open")
	})
	b.Run("procfs", func(b *testing.B) {
		opened := 0
		for b.Loop() {
			if _, err := procfs.New(b.Context(), procfs.DefaultRoot); err != nil {
				b.Fatal(err)
			}
			opened++
		}
		b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(opened), "ns/open")
	})
}
