package main

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os/exec"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// soak is one agent under load.
type soak struct {
	*testing.T
	url string
	pid int

	programs, threads, sockets, requests atomic.Int64
	newest                               atomic.Int64 // pid of the shell that was started last
	mostLive                             atomic.Int64 // processes that were ever seen at once
}

// load makes some 300 processes, 50 threads, 50 connections and 20 requests a
// second, and stops by itself.
func (s *soak) load(length time.Duration) {
	s.Helper()
	ctx, cancel := context.WithCancel(s.Context()) // a deadline would show in errors before it shows in ctx
	defer cancel()
	defer time.AfterFunc(length, cancel).Stop()
	var all sync.WaitGroup
	for _, storm := range []struct {
		every time.Duration
		once  func(context.Context) error
	}{
		{30 * time.Millisecond, s.shell},
		{20 * time.Millisecond, s.thread},
		{20 * time.Millisecond, s.connect},
		{50 * time.Millisecond, s.ask},
	} {
		all.Go(func() {
			tick := time.NewTicker(storm.every)
			defer tick.Stop()
			for {
				select {
				case <-tick.C:
					if err := storm.once(ctx); err != nil && ctx.Err() == nil {
						s.Error(err)
						cancel()
					}
				case <-ctx.Done():
					return
				}
			}
		})
	}
	all.Wait()
	http.DefaultClient.CloseIdleConnections()
}

// shell starts programs and subshells, some of which outlive their parent.
func (s *soak) shell(ctx context.Context) error {
	cmd := exec.CommandContext(ctx, "sh", "-c", "(:)& ((:)&) ; (:); /bin/true; /bin/true & /bin/true a b & (kill -9 $$)& wait")
	if err := cmd.Start(); err != nil {
		return err
	}
	s.newest.Store(int64(cmd.Process.Pid))
	_ = cmd.Wait() // it may have been killed
	s.programs.Add(1)
	return nil
}

// thread is a thread that lives as long as its goroutine.
func (s *soak) thread(context.Context) error {
	done := make(chan struct{})
	go func() {
		runtime.LockOSThread()
		s.threads.Add(1)
		close(done)
	}()
	<-done
	return nil
}

// connect sends a little through a connection of TCP, and through a pair of Unix sockets.
func (s *soak) connect(ctx context.Context) error {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	defer func() { _ = listener.Close() }()
	x, err := (&net.Dialer{}).DialContext(ctx, "tcp", listener.Addr().String())
	if err != nil {
		return err
	}
	defer func() { _ = x.Close() }()
	y, err := listener.Accept()
	if err != nil {
		return err
	}
	defer func() { _ = y.Close() }()
	var buf [5]byte
	if _, err := io.WriteString(x, "hello"); err != nil {
		return err
	}
	if _, err := io.ReadFull(y, buf[:]); err != nil {
		return err
	}
	pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return err
	}
	_, err = unix.Write(pair[0], buf[:])
	_, _ = unix.Close(pair[0]), unix.Close(pair[1])
	s.sockets.Add(1)
	return err
}

// ask asks everything there is to ask, one after another.
func (s *soak) ask(ctx context.Context) error {
	asked := []string{
		"/metrics", "/v1/proc", "/v1/connections", "/v1/proc/%d?detail=all", "/v1/proc?exited=true&limit=100", "/v1/host", "/v1/containers",
		"/v1/proc/self?detail=all", "/v1/proc?by=user", "/v1/proc?sort=rcpu&limit=5&where=rss>1MiB", "/v1/proc/%d", "/v1/config",
	}
	path := asked[int(s.requests.Add(1))%len(asked)]
	if path[len(path)-1] == 'd' || path == asked[3] {
		path = fmt.Sprintf(path, s.newest.Load())
	}
	body, err := s.get(ctx, path)
	if err == nil && path == asked[0] {
		s.tallied(body)
	}
	return err
}

// get asks by a connection that is used again, and now and then by a new one.
// A process that is asked for may have ended.
func (s *soak) get(ctx context.Context, path string) ([]byte, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, s.url+path, http.NoBody)
	if err != nil {
		return nil, err
	}
	request.Close = s.requests.Load()%3 == 0
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return nil, err
	}
	body, err := io.ReadAll(response.Body)
	_ = response.Body.Close()
	if response.StatusCode != http.StatusOK && response.StatusCode != http.StatusNotFound {
		return nil, fmt.Errorf("%s: %s: %.200s", path, response.Status, body)
	}
	return body, err
}
