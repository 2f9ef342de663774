package probe

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"unsafe"

	"golang.org/x/sync/errgroup"
	"golang.org/x/sys/unix"

	"ddcos/k2i"
)

// connect makes two sockets of this process that are connected with each other.
func connect(family, kind int) (x, y int, err error) {
	if family == unix.AF_UNIX {
		pair, err := unix.Socketpair(family, kind|unix.SOCK_CLOEXEC, 0)
		return pair[0], pair[1], err
	}
	loopback := func() unix.Sockaddr {
		if family == unix.AF_INET6 {
			return &unix.SockaddrInet6{Addr: [16]byte{15: 1}}
		}
		return &unix.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}
	}
	bound := func() (fd int, address unix.Sockaddr) {
		if fd, err = unix.Socket(family, kind|unix.SOCK_CLOEXEC, 0); err == nil {
			err = unix.Bind(fd, loopback())
		}
		if err == nil {
			address, err = unix.Getsockname(fd)
		}
		return fd, address
	}
	x, from := bound()
	y, to := bound()
	if err != nil {
		return x, y, err
	}
	if kind == unix.SOCK_DGRAM {
		return x, y, errors.Join(unix.Connect(x, to), unix.Connect(y, from))
	}
	listener := y
	defer func() { _ = unix.Close(listener) }()
	if err := errors.Join(unix.Listen(listener, 1), unix.Connect(x, to)); err != nil {
		return x, y, err
	}
	y, _, err = unix.Accept4(listener, unix.SOCK_CLOEXEC)
	return x, y, errors.Join(err, unix.SetsockoptInt(x, unix.IPPROTO_TCP, unix.TCP_NODELAY, 1))
}

// heard is what a process knows itself of what it sent and received.
type heard struct {
	NetRx, NetTx, NetRxCalls, NetTxCalls, UDPRx, UDPTx, UnixRx, UnixTx int64
}

// of is what is told of a process.
func heardOf(p *k2i.Process) heard {
	return heard{
		int64(p.NetRxBytes), int64(p.NetTxBytes), int64(p.NetRxCalls), int64(p.NetTxCalls),
		int64(p.UDPRxBytes), int64(p.UDPTxBytes), int64(p.UnixRxBytes), int64(p.UnixTxBytes),
	}
}

// talk sends size bytes through each kind of socket and receives them. Calls
// that fail, and those that only look, are made as well and do not count.
func (h *heard) talk(size int) error {
	for _, c := range []struct {
		family, kind int
		rx, tx       []*int64
	}{
		{unix.AF_INET, unix.SOCK_STREAM, []*int64{&h.NetRx}, []*int64{&h.NetTx}},
		{unix.AF_INET6, unix.SOCK_STREAM, []*int64{&h.NetRx}, []*int64{&h.NetTx}},
		{unix.AF_INET, unix.SOCK_DGRAM, []*int64{&h.NetRx, &h.UDPRx}, []*int64{&h.NetTx, &h.UDPTx}},
		{unix.AF_UNIX, unix.SOCK_STREAM, []*int64{&h.UnixRx}, []*int64{&h.UnixTx}},
		{unix.AF_UNIX, unix.SOCK_DGRAM, []*int64{&h.UnixRx}, []*int64{&h.UnixTx}},
	} {
		x, y, err := connect(c.family, c.kind)
		if err != nil {
			return fmt.Errorf("sockets of family %d, kind %d: %w", c.family, c.kind, err)
		}
		calls := int64(0)
		if c.family != unix.AF_UNIX {
			calls = 1
		}
		buf := make([]byte, size+1)
		if n, _, err := unix.Recvfrom(y, buf, unix.MSG_DONTWAIT); err == nil {
			return fmt.Errorf("%d bytes came from nobody", n)
		}
		if err := unix.Send(x, buf[:size], 0); err != nil {
			return err
		}
		h.NetTxCalls += calls
		for _, sum := range c.tx {
			*sum += int64(size)
		}
		if _, _, err := unix.Recvfrom(y, buf, unix.MSG_PEEK); err != nil {
			return err
		}
		for got := 0; got < size; {
			n, _, err := unix.Recvfrom(y, buf, 0)
			if n <= 0 || err != nil {
				return fmt.Errorf("received %d of %d bytes: %w", got, size, err)
			}
			h.NetRxCalls += calls
			for _, sum := range c.rx {
				*sum += int64(n)
			}
			got += n
		}
		if err := errors.Join(unix.Close(x), unix.Close(y)); err != nil {
			return err
		}
	}
	return nil
}

// note adds what was heard to a file, a line of JSON at a time.
func (h *heard) note(path string) error {
	line, err := json.Marshal(h)
	if err != nil {
		return err
	}
	f, err := os.OpenFile(path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(append(line, '\n'))
	return errors.Join(err, f.Close())
}

// talkByThreads talks as WITH says, FILE WORD..., and notes what was heard in
// FILE. The words: "leader" by the first thread, "end" by one that ends, "stay" by
// one that stays, "exec" runs this program anew with the words that are left,
// "thread-exec" has another thread do that, "headless" ends the first thread and
// leaves the words that are left to another one, "lo" brings loopback up, "exit"
// ends the process.
func talkByThreads(with string) error {
	words := strings.Fields(with)
	return talkOn(words[0], words[1:])
}

func talkOn(path string, words []string) error {
	for i, word := range words {
		rest := words[i+1:]
		var err error
		switch word {
		case "leader":
			err = talkAndNote(path)
		case "end", "stay":
			err = onThread(word == "stay", func() error { return talkAndNote(path) })
		case "exec":
			err = runAgain(path, rest)
		case "thread-exec":
			err = onThread(true, func() error { return runAgain(path, rest) })
		case "headless":
			go func() {
				runtime.LockOSThread()
				if err := talkOn(path, rest); err != nil {
					fmt.Println(err)
					os.Exit(1)
				}
				_ = unix.Kill(os.Getpid(), unix.SIGSTOP)
			}()
			_, _, _ = unix.Syscall(unix.SYS_EXIT, 0, 0, 0) // as endLeader does
		case "lo":
			err = loopbackUp()
		case "exit":
			os.Exit(0)
		default:
			err = fmt.Errorf("no word %q", word)
		}
		if err != nil {
			return fmt.Errorf("%s: %w", word, err)
		}
	}
	return nil
}

func talkAndNote(path string) error {
	var h heard
	if err := h.talk(1000); err != nil {
		return err
	}
	return h.note(path)
}

// onThread does it on a thread of its own, which stays asleep or ends.
func onThread(stay bool, do func() error) error {
	done := make(chan error, 1)
	tid := make(chan int, 1)
	go func() {
		runtime.LockOSThread() // never unlocked: the thread ends with the goroutine
		tid <- unix.Gettid()
		done <- do()
		for stay {
			_ = unix.Pause()
		}
	}()
	err := <-done
	if stay {
		return err
	}
	for path := fmt.Sprintf("/proc/self/task/%d", <-tid); err == nil; runtime.Gosched() {
		if _, gone := os.Stat(path); gone != nil {
			break
		}
	}
	return err
}

func runAgain(path string, words []string) error {
	if err := os.Setenv(childWith, strings.Join(append([]string{path}, words...), " ")); err != nil {
		return err
	}
	return syscall.Exec("/proc/thread-self/exe", []string{"probe.test", "talk"}, os.Environ())
}

// loopbackUp is `ip link set lo up`.
func loopbackUp() error {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM, 0)
	if err != nil {
		return err
	}
	request, err := unix.NewIfreq("lo")
	if err != nil {
		return err
	}
	request.SetUint16(unix.IFF_UP)
	return errors.Join(unix.IoctlIfreq(fd, unix.SIOCSIFFLAGS, request), unix.Close(fd))
}

// waitForCPU has threads compete for one CPU: some end, some stay. Those that end
// note in the file WITH how long they had waited a little before.
func waitForCPU(with string) error {
	var ended atomic.Int64
	var all errgroup.Group
	for i := range 6 {
		stay := i%2 == 1
		all.Go(func() error {
			return onThread(stay, func() error {
				var one unix.CPUSet
				one.Set(0)
				if err := unix.SchedSetaffinity(0, &one); err != nil {
					return err
				}
				spin(30)
				b, err := os.ReadFile("/proc/thread-self/schedstat")
				if err != nil || stay {
					return err
				}
				delay, err := strconv.ParseInt(strings.Fields(string(b))[1], 10, 64)
				ended.Add(delay)
				return err
			})
		})
	}
	if err := all.Wait(); err != nil {
		return err
	}
	return os.WriteFile(with, []byte(strconv.FormatInt(ended.Load(), 10)), 0o600)
}

// diskReads is how many blocks readDisk reads.
const diskReads = 200

// readDisk reads from a file on a disk in the directory WITH, past the page cache.
func readDisk(with string) error {
	fd, page, err := openDirect(with)
	for i := range diskReads {
		if err == nil {
			_, err = unix.Pread(fd, page, int64(i%256)*4096)
		}
	}
	return err
}

// openDirect makes a file of 1 MiB on a disk and opens it so that reading asks
// the disk, into a page.
func openDirect(dir string) (fd int, page []byte, err error) {
	path := filepath.Join(dir, "blocks")
	f, err := os.Create(path)
	if err != nil {
		return 0, nil, err
	}
	_, err = f.Write(make([]byte, 1<<20))
	if err := errors.Join(err, f.Sync(), f.Close()); err != nil {
		return 0, nil, err
	}
	raw := make([]byte, 8<<10)
	page = raw[-uintptr(unsafe.Pointer(&raw[0]))&4095:][:4096]
	fd, err = unix.Open(path, unix.O_RDONLY|unix.O_DIRECT|unix.O_CLOEXEC, 0)
	return fd, page, err
}

// cloneArgs is the kernel's struct clone_args.
type cloneArgs struct {
	flags, pidfd, childTID, parentTID, exitSignal, stack, stackSize, tls, setTID, setTIDSize, cgroup uint64
}

// cloneAs makes a process with a number that is free, which others are not disturbed by:
// a copy of this one that does nothing.
func cloneAs(t *testing.T, pid int) {
	t.Helper()
	number, rest := int32(pid), unix.NsecToTimespec(patience.Nanoseconds())
	var pinned runtime.Pinner
	pinned.Pin(&number)
	defer pinned.Unpin()
	args := cloneArgs{exitSignal: uint64(unix.SIGCHLD), setTID: uint64(uintptr(unsafe.Pointer(&number))), setTIDSize: 1}
	got, errno := cloneAndRest(&args, &rest)
	if errno != 0 || int(got) != pid {
		t.Fatalf("a second process %d: %d, %v", pid, got, errno)
	}
	kill(t, pid)
}

// cloneAndRest returns in the caller alone. The other one has no more threads, so that
// Go's runtime is of no use to it.
//
//go:norace
func cloneAndRest(args *cloneArgs, rest *unix.Timespec) (pid uintptr, errno syscall.Errno) {
	pid, _, errno = syscall.RawSyscall(unix.SYS_CLONE3, uintptr(unsafe.Pointer(args)), unsafe.Sizeof(*args), 0)
	if pid == 0 && errno == 0 {
		_, _, _ = syscall.RawSyscall6(unix.SYS_PPOLL, 0, 0, uintptr(unsafe.Pointer(rest)), 0, 0, 0)
		_, _, _ = syscall.RawSyscall(unix.SYS_EXIT_GROUP, 1, 0, 0)
	}
	return pid, errno
}
