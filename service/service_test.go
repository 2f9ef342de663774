package service

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"net"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// supervisor is a socket that is told how this process fares.
func supervisor(t *testing.T, watchdog string) *net.UnixConn {
	t.Helper()
	path := filepath.Join(t.TempDir(), "notify")
	conn, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	t.Setenv("NOTIFY_SOCKET", path)
	t.Setenv("WATCHDOG_USEC", watchdog)
	t.Setenv("WATCHDOG_PID", "")
	return conn
}

// told is the next thing that the supervisor is told.
func told(t *testing.T, conn *net.UnixConn, within time.Duration) string {
	t.Helper()
	if err := conn.SetReadDeadline(time.Now().Add(within)); err != nil {
		t.Fatal(err)
	}
	b := make([]byte, 1024)
	n, err := conn.Read(b)
	if err != nil {
		return err.Error()
	}
	return string(b[:n])
}

func want(t *testing.T, conn *net.UnixConn, words string) {
	t.Helper()
	if got := told(t, conn, 30*time.Second); !strings.Contains(got, words) {
		t.Fatalf("told %q, want %s", got, words)
	}
}

// A program is ready when it serves and not before, lives while it does what it
// is for, is silent while it does not, and says when it ends.
func TestTell(t *testing.T) {
	conn := supervisor(t, "30000") // µs: a beat every 10 ms
	ctx, cancel := context.WithCancel(t.Context())
	var serves atomic.Bool
	asked, done := make(chan struct{}, 1), make(chan struct{})
	go func() {
		defer close(done)
		Tell(ctx, func(context.Context) error {
			select {
			case asked <- struct{}{}:
			default:
			}
			if !serves.Load() {
				return errors.New("not yet")
			}
			return nil
		}, slog.New(slog.DiscardHandler))
	}()
	want(t, conn, "STATUS=starting")
	<-asked
	<-asked
	if got := told(t, conn, time.Millisecond); !strings.Contains(got, "timeout") {
		t.Fatalf("told %q before it served", got)
	}
	serves.Store(true)
	want(t, conn, "READY=1")
	want(t, conn, "WATCHDOG=1")
	want(t, conn, "WATCHDOG=1")
	cancel()
	for {
		got := told(t, conn, 30*time.Second)
		if strings.Contains(got, "STOPPING=1") {
			break
		}
		if !strings.Contains(got, "WATCHDOG=1") {
			t.Fatalf("told %q", got)
		}
	}
	<-done
}

// A loop that is stuck is not spoken for: alive waits for it until its time is over.
func TestStuckIsNotSpokenFor(t *testing.T) {
	conn := supervisor(t, "6000")
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var log bytes.Buffer
	var turns atomic.Int32
	given := make(chan struct{})
	done := make(chan struct{})
	go func() {
		defer close(done)
		Tell(ctx, func(ctx context.Context) error {
			switch turns.Add(1) {
			case 1:
				return nil
			case 4:
				close(given)
			}
			<-ctx.Done()
			return errors.New("the loop does not turn")
		}, slog.New(slog.NewTextHandler(&log, nil)))
	}()
	want(t, conn, "STATUS=starting")
	want(t, conn, "READY=1")
	<-given // two beats were due and have passed
	cancel()
	want(t, conn, "STOPPING=1")
	<-done
	if !strings.Contains(log.String(), "the loop does not turn") {
		t.Errorf("log: %s", log.String())
	}
}

// Without a supervisor nobody is asked anything; one that is gone is a warning.
func TestUnsupervised(t *testing.T) {
	t.Setenv("NOTIFY_SOCKET", "")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	Tell(ctx, func(context.Context) error { t.Error("asked"); return nil }, slog.New(slog.DiscardHandler))
	t.Setenv("NOTIFY_SOCKET", filepath.Join(t.TempDir(), "nobody"))
	var log bytes.Buffer
	Tell(ctx, func(context.Context) error { t.Error("asked"); return nil }, slog.New(slog.NewTextHandler(&log, nil)))
	if !strings.Contains(log.String(), "cannot be told") {
		t.Errorf("log: %s", log.String())
	}
}
