package bench

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"ddcos/bench/crowd"
	"ddcos/bench/hosts"
)

// The test binary is a worker where it is started under that name.
func TestMain(m *testing.M) {
	crowd.Main()
	if len(os.Args) == 4 && os.Args[1] == "worker" {
		if err := Worker(context.Background(), os.Args[2], os.Args[3]); err != nil {
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

func TestRunRefuses(t *testing.T) {
	half := t.TempDir()
	if err := os.WriteFile(filepath.Join(half, "middlecon"), nil, 0o755); err != nil {
		t.Fatal(err)
	}
	for name, tc := range map[string]struct {
		change func(*RunOptions)
		want   error
		says   string
	}{
		"no hosts":       {func(o *RunOptions) { o.Hosts = 0 }, ErrHosts, "between 1 and"},
		"negative hosts": {func(o *RunOptions) { o.Hosts = -1 }, ErrHosts, "between 1 and"},
		"too many hosts": {func(o *RunOptions) { o.Hosts = hosts.MaxHosts + 1 }, ErrHosts, "between 1 and"},
		"no programs":    {func(o *RunOptions) { o.Bin = "/nowhere" }, ErrMissing, "/nowhere/middlecon"},
		"half of them":   {func(o *RunOptions) { o.Bin = half }, ErrMissing, filepath.Join(half, "k2i")},
	} {
		o := DefaultRunOptions()
		o.Out = io.Discard
		tc.change(&o)
		if err := Run(t.Context(), o); !errors.Is(err, tc.want) || !strings.Contains(err.Error(), tc.says) {
			t.Errorf("%s: %v, want %v that says %q", name, err, tc.want, tc.says)
		}
	}
}

func TestCauseTellsWhyTheContextEnded(t *testing.T) {
	failed := errors.New("failed")
	cancelled, cancel := context.WithCancel(t.Context())
	cancel()
	late, stop := context.WithTimeoutCause(t.Context(), 0, ErrWrong)
	defer stop()
	if err := cause(t.Context(), failed); !errors.Is(err, failed) {
		t.Errorf("running: %v", err)
	}
	if err := cause(cancelled, failed); err.Error() != "interrupted" {
		t.Errorf("cancelled: %v", err)
	}
	<-late.Done()
	if err := cause(late, failed); !errors.Is(err, ErrWrong) || !errors.Is(err, failed) {
		t.Errorf("late: %v, want both", err)
	}
}

func TestComplain(t *testing.T) {
	for name, tc := range map[string]struct {
		err  error
		want string
	}{
		"a command's last words": {&exec.ExitError{Stderr: []byte("dps: no broker\n")}, "dps: no broker"},
		"no words":               {errors.New("not started"), "not started"},
		"success is unexpected":  {nil, "it is 0"},
	} {
		// An ExitError without a process state cannot say its status.
		if exit, ok := errors.AsType[*exec.ExitError](tc.err); ok {
			exit.ProcessState = &os.ProcessState{}
		}
		if got := complain(tc.err).Error(); !strings.Contains(got, tc.want) {
			t.Errorf("%s: %q, want %q in it", name, got, tc.want)
		}
	}
}

func TestWorkersNameThemselves(t *testing.T) {
	for _, name := range []string{"web", "db"} {
		cmd := exec.CommandContext(t.Context(), "/proc/self/exe", "worker", name, "127.0.0.1:0")
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		comm := filepath.Join("/proc", strconv.Itoa(cmd.Process.Pid), "comm")
		deadline := time.Now().Add(time.Minute)
		tick := time.NewTicker(time.Millisecond)
		for got := ""; got != name; <-tick.C {
			text, err := os.ReadFile(comm)
			if err != nil || time.Now().After(deadline) {
				t.Fatalf("the worker is named %q, want %q: %v", got, name, err)
			}
			got = strings.TrimSpace(string(text))
		}
		tick.Stop()
		if err := cmd.Process.Kill(); err != nil {
			t.Error(err)
		}
		_ = cmd.Wait() // killed
	}
}

func TestWebWorkerServesUntilItsContextEnds(t *testing.T) {
	free, err := net.Listen("tcp", "127.0.0.2:0") // where no connection begins that could take the port meanwhile
	if err != nil {
		t.Fatal(err)
	}
	address := free.Addr().String()
	if err := serveWeb(t.Context(), address); err == nil || !strings.Contains(err.Error(), address) {
		t.Errorf("a taken address: %v", err)
	}
	_ = free.Close()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	ended := make(chan error, 1)
	go func() { ended <- serveWeb(ctx, address) }()
	for {
		answer, err := http.Get("http://" + address)
		if err == nil {
			_ = answer.Body.Close()
			break
		}
		if ctx.Err() != nil {
			t.Fatal(err)
		}
	}
	cancel()
	if err := <-ended; err != nil {
		t.Errorf("ended with %v", err)
	}
}
