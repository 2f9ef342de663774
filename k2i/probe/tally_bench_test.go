package probe

import (
	"io"
	"runtime"
	"slices"
	"testing"

	cilium "github.com/cilium/ebpf"
	"github.com/cilium/ebpf/link"
	"golang.org/x/sys/unix"
)

// BenchmarkCounting is what the programs that count cost those who are counted:
// CPU time of one thread that does nothing else, with and without them, in turns,
// so that what else goes on is in both. ratio is the median of the turns'.
func BenchmarkCounting(b *testing.B) {
	for _, c := range []struct {
		name     string
		counting Counting
		work     func(b *testing.B) func()
	}{
		{"UDP/1B", Counting{RunDelay: true, Sockets: true}, pingPong(unix.AF_INET, unix.SOCK_DGRAM, 1)},
		{"TCP/1B", Counting{RunDelay: true, Sockets: true}, pingPong(unix.AF_INET, unix.SOCK_STREAM, 1)},
		{"TCP/32KiB", Counting{RunDelay: true, Sockets: true}, pingPong(unix.AF_INET, unix.SOCK_STREAM, 32<<10)},
		{"TCP/woken", Counting{RunDelay: true, Sockets: true}, echo(unix.AF_INET)},
		{"Unix/woken", Counting{RunDelay: true, Sockets: true}, echo(unix.AF_UNIX)},
		{"Unix/1B", Counting{RunDelay: true, Sockets: true}, pingPong(unix.AF_UNIX, unix.SOCK_STREAM, 1)},
		{"thread", Counting{RunDelay: true}, beginThread},
		{"block", Counting{RunDelay: true, BlockIO: true}, readBlock},
	} {
		b.Run(c.name, func(b *testing.B) { inTurns(b, c.counting, c.work(b)) })
	}
}

// inTurns does the work with and without what counts.
func inTurns(b *testing.B, counting Counting, work func()) {
	b.Helper()
	var closers []io.Closer
	t := openTally(counting, maxTallies, &closers)
	if t.refused != nil {
		b.Fatal(t.refused)
	}
	programs := t.programs
	defer closeAll(closers)
	links := closers[:0:0]
	for _, c := range closers {
		if l, ok := c.(link.Link); ok {
			_ = l.Close()
			continue
		}
		links = append(links, c)
	}
	closers = links
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	const turn = 5000
	var ratios, base []float64
	for b.Loop() {
		without := timed(turn, work)
		attached := attachAll(b, programs)
		with := timed(turn, work)
		closeAll(attached)
		ratios, base = append(ratios, with/without), append(base, without/turn)
	}
	slices.Sort(ratios)
	slices.Sort(base)
	b.ReportMetric(ratios[len(ratios)/2], "ratio")
	b.ReportMetric(base[len(base)/2], "cpu-ns/without")
	b.ReportMetric(0, "ns/op")
}

func attachAll(b *testing.B, programs []*cilium.Program) []io.Closer {
	b.Helper()
	var attached []io.Closer
	for _, program := range programs {
		l, err := link.AttachTracing(link.TracingOptions{Program: program})
		if err != nil {
			b.Fatal(err)
		}
		attached = append(attached, l)
	}
	return attached
}

func closeAll(closers []io.Closer) {
	for _, c := range slices.Backward(closers) {
		_ = c.Close()
	}
}

// timed is the CPU time of doing the work n times, in nanoseconds.
func timed(n int, work func()) float64 {
	began := cpuOfProcess()
	for range n {
		work()
	}
	return float64(cpuOfProcess() - began)
}

func cpuOfProcess() int64 {
	var ts unix.Timespec
	_ = unix.ClockGettime(unix.CLOCK_PROCESS_CPUTIME_ID, &ts)
	return ts.Nano()
}

// pingPong sends some bytes there and back, all by one thread: nobody is woken,
// so that the calls are all there is.
func pingPong(family, kind, size int) func(b *testing.B) func() {
	return func(b *testing.B) func() {
		b.Helper()
		x, y := socketPair(b, family, kind)
		out, in := make([]byte, size), make([]byte, size)
		return func() {
			for _, way := range [][2]int{{x, y}, {y, x}} {
				if n, err := unix.Write(way[0], out); n != size || err != nil {
					b.Fatal(n, err)
				}
				for got := 0; got < size; {
					n, err := unix.Read(way[1], in[got:])
					if n <= 0 || err != nil {
						b.Fatal(n, err)
					}
					got += n
				}
			}
		}
	}
}

// echo sends 64 bytes to another thread, which is woken for them and sends them
// back: what a call between two programs costs that do nothing with it.
func echo(family int) func(b *testing.B) func() {
	return func(b *testing.B) func() {
		b.Helper()
		x, y := socketPair(b, family, unix.SOCK_STREAM)
		go func() {
			runtime.LockOSThread()
			buf := make([]byte, 64)
			for {
				n, err := unix.Read(y, buf)
				if n <= 0 || err != nil {
					return // the other end is closed
				}
				_, _ = unix.Write(y, buf[:n])
			}
		}()
		b.Cleanup(func() { _ = unix.Shutdown(x, unix.SHUT_RDWR) })
		buf := make([]byte, 64)
		return func() {
			if _, err := unix.Write(x, buf); err != nil {
				b.Fatal(err)
			}
			if n, err := unix.Read(x, buf); n != len(buf) || err != nil {
				b.Fatal(n, err)
			}
		}
	}
}

// socketPair is connect for the length of a test.
func socketPair(t testing.TB, family, kind int) (x, y int) {
	t.Helper()
	x, y, err := connect(family, kind)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _, _ = unix.Close(x), unix.Close(y) })
	return x, y
}

// beginThread begins and ends one thread.
func beginThread(*testing.B) func() {
	return func() {
		done := make(chan struct{})
		go func() {
			runtime.LockOSThread() // never unlocked: the thread ends with the goroutine
			close(done)
		}()
		<-done
	}
}

// readBlock reads 4 KiB from a disk, past the page cache.
func readBlock(b *testing.B) func() {
	b.Helper()
	fd, page, err := openDirect(b.TempDir())
	if err != nil {
		b.Skip(err)
	}
	b.Cleanup(func() { _ = unix.Close(fd) })
	at := int64(0)
	return func() {
		if _, err := unix.Pread(fd, page, at%(1<<20)); err != nil {
			b.Fatal(err)
		}
		at += 4096
	}
}
