package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"ddcos/middlecon"
	"ddcos/protocol"
)

// served is a broker process of its own, whose file table can be made small.
type served struct {
	t       *testing.T
	pid     int
	address string
	log     string
	idle    int // descriptors without any session
}

// serve runs a broker under a file limit. Its log is the test's witness.
func serve(t *testing.T, files int) *served {
	t.Helper()
	dir := t.TempDir()
	s := &served{t: t, address: "unix://" + filepath.Join(dir, "m.sock"), log: filepath.Join(dir, "log")}
	log, err := os.Create(s.log)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = log.Close() }()
	cmd := exec.Command("sh", "-c", fmt.Sprintf("ulimit -n %d; exec middlecon serve --listen %s --listen tcp://127.0.0.1:0", files, s.address))
	cmd.Stderr = log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	s.pid = cmd.Process.Pid
	t.Cleanup(func() {
		_ = cmd.Process.Signal(os.Interrupt) // it may have ended, which Wait tells
		if err := cmd.Wait(); err != nil {
			t.Errorf("the broker: %v\n%s", err, s.logged())
		}
	})
	poll(t, "the broker serves", func() bool { return strings.Contains(s.logged(), "msg=serving") })
	s.idle = len(s.files())
	return s
}

func (s *served) logged() string {
	b, err := os.ReadFile(s.log)
	if err != nil {
		return err.Error()
	}
	return string(b)
}

func (s *served) dial() (*middlecon.Conn, error) {
	return middlecon.Dial(s.t.Context(), s.address, middlecon.Options{Timeout: patience})
}

// sessions opens so many and asks each of them something.
func (s *served) sessions(n int) []*middlecon.Conn {
	s.t.Helper()
	var all []*middlecon.Conn
	for range n {
		c, err := s.dial()
		if err != nil {
			s.t.Fatal(err)
		}
		s.t.Cleanup(func() { _ = c.Close() })
		all = append(all, c)
	}
	s.answer(all)
	return all
}

// settled waits until so many sessions have one descriptor each, and the spare one is
// back: while a session is taken over it has two, and its client may be answered.
func (s *served) settled(sessions int) {
	s.t.Helper()
	poll(s.t, "a descriptor for each session", func() bool {
		open := s.files()
		sockets := map[string]bool{}
		for _, fd := range open {
			to, err := os.Readlink(fmt.Sprintf("/proc/%d/fd/%d", s.pid, fd))
			if err != nil || strings.HasPrefix(to, "socket:") && sockets[to] {
				return false
			}
			sockets[to] = true
		}
		return len(open) == s.idle+sessions
	})
}

func (s *served) answer(all []*middlecon.Conn) {
	s.t.Helper()
	for i, c := range all {
		if _, err := c.Members(s.t.Context(), "web"); err != nil {
			s.t.Fatalf("session %d: %v", i, err)
		}
	}
}

// files are the descriptors that the broker has open.
func (s *served) files() []int {
	s.t.Helper()
	entries, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", s.pid))
	if err != nil {
		s.t.Fatal(err)
	}
	var open []int
	for _, e := range entries {
		if fd, err := strconv.Atoi(e.Name()); err == nil {
			open = append(open, fd)
		}
	}
	return open
}

// leave leaves the broker room for so many descriptors beside those it has,
// and returns what takes that back.
func (s *served) leave(free int) (restore func()) {
	s.t.Helper()
	var was unix.Rlimit
	taken := map[int]bool{}
	for _, fd := range s.files() {
		taken[fd] = true
	}
	limit := 0
	for ; taken[limit] || free > 0; limit++ {
		if !taken[limit] {
			free--
		}
	}
	if err := unix.Prlimit(s.pid, unix.RLIMIT_NOFILE, nil, &was); err != nil {
		s.t.Fatal(err)
	}
	if err := unix.Prlimit(s.pid, unix.RLIMIT_NOFILE, &unix.Rlimit{Cur: uint64(limit), Max: was.Max}, nil); err != nil {
		s.t.Fatal(err)
	}
	return func() {
		if err := unix.Prlimit(s.pid, unix.RLIMIT_NOFILE, &was, nil); err != nil {
			s.t.Fatal(err)
		}
	}
}

// Under `ulimit -n 80` there are 16 sessions, with 64 files in reserve. Whoever
// comes beyond is told so and closed; the others notice nothing.
func TestSessionsBeyondTheFileLimit(t *testing.T) {
	s := serve(t, 80)
	const room = 16
	all := s.sessions(room)
	_, tcp, _ := strings.Cut(s.logged(), "tcp://")
	over := []string{s.address, "tcp://" + tcp[:strings.IndexAny(tcp, "] ")]}
	for i := range 200 {
		c, err := middlecon.Dial(t.Context(), over[i%2], middlecon.Options{})
		if !errors.Is(err, protocol.CodeTooManySessions) || !errors.Is(err, middlecon.ErrUnreachable) {
			t.Fatalf("session %d beyond the limit: %v, %v", i, c, err)
		}
	}
	out, err := exec.Command("middlecon", "members", "web", "--broker", s.address).CombinedOutput()
	var exit *exec.ExitError
	if !errors.As(err, &exit) || exit.ExitCode() != exitUnreachable || !strings.HasSuffix(string(out), "too_many_sessions\n") {
		t.Errorf("%v: %s", err, out)
	}
	s.answer(all)
	if n := len(s.files()); n > 80 {
		t.Errorf("%d files", n)
	}
	for _, c := range all[:3] {
		_ = c.Close()
	}
	for i := range 3 {
		poll(t, fmt.Sprintf("there is room again for %d", i+1), func() bool {
			c, err := s.dial()
			if err != nil {
				return false
			}
			t.Cleanup(func() { _ = c.Close() })
			all[i] = c
			return true
		})
	}
	s.answer(all)
	if _, err := s.dial(); !errors.Is(err, protocol.CodeTooManySessions) {
		t.Errorf("a session beyond the limit: %v", err)
	}
}

// With the file table full at accept, those who are there are answered, those
// who come wait, and are taken in as soon as there is room.
func TestFullFileTableAtAccept(t *testing.T) {
	s := serve(t, 200)
	all := s.sessions(5)
	s.settled(5)
	restore := s.leave(0)
	came := make(chan error, 1)
	var late *middlecon.Conn
	go func() {
		var err error
		late, err = s.dial()
		came <- err
	}()
	poll(t, "accept fails", func() bool { return strings.Contains(s.logged(), "too many open files") })
	for range 20 {
		s.answer(all)
	}
	select {
	case err := <-came:
		t.Fatalf("a session without a file: %v", err)
	default:
	}
	restored := time.Now()
	restore()
	if err := <-came; err != nil {
		t.Fatalf("after there is room: %v", err)
	}
	t.Cleanup(func() { _ = late.Close() })
	t.Logf("taken in %v after there was room", time.Since(restored))
	if took := time.Since(restored); took > patience/4 {
		t.Errorf("it took %v after there was room", took)
	}
	s.answer(append(all, late))
}

// The last free file is a session's: the second descriptor that taking it over
// needs is held back for that. Who comes then waits, and nobody is hung up on.
func TestFullFileTableAtTakeover(t *testing.T) {
	s := serve(t, 200)
	all := s.sessions(5)
	s.settled(5)
	restore := s.leave(1)
	all = append(all, s.sessions(1)...)
	came := make(chan error, 1)
	go func() {
		c, err := s.dial()
		if err == nil {
			_ = c.Close()
		}
		came <- err
	}()
	poll(t, "newcomers wait", func() bool { return strings.Contains(s.logged(), "newcomers wait") })
	s.answer(all)
	select {
	case err := <-came:
		t.Fatalf("a session without a file: %v", err)
	default:
	}
	restore()
	if err := <-came; err != nil {
		t.Fatalf("after there is room: %v", err)
	}
	all = append(all, s.sessions(100)...)
	s.answer(all)
}
