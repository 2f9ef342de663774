//go:build kernels

package kernels

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// job is one program that the other kernel runs.
type job struct {
	Name string
	Dir  string
	Argv []string
	Want string        // stands in what it prints
	Most time.Duration // that it may take
}

// What the guest prints around a job's own words.
const (
	jobBegins = "=== job "
	jobEnds   = "=== end "
	allDone   = "=== done"
)

// jobsFile is where the guest finds what to do.
const jobsFile = "/jobs.json"

// TestMain: this program is also the first process of the other kernel.
func TestMain(m *testing.M) {
	if os.Getpid() != 1 {
		os.Exit(m.Run())
	}
	if err := guest(); err != nil {
		fmt.Println("guest:", err)
	}
	fmt.Println(allDone)
	_ = unix.Reboot(unix.LINUX_REBOOT_CMD_POWER_OFF)
}

// guest runs all jobs.
func guest() error {
	signal.Ignore(unix.SIGHUP)
	if err := furnish(); err != nil {
		return err
	}
	text, err := os.ReadFile(jobsFile)
	if err != nil {
		return err
	}
	var jobs []job
	if err := json.Unmarshal(text, &jobs); err != nil {
		return err
	}
	for _, j := range jobs {
		fmt.Println(jobBegins + j.Name)
		began := time.Now()
		verdict := "ok"
		if err := j.run(); err != nil {
			verdict = "FAILED: " + err.Error()
		}
		fmt.Printf("%s%s %v %s\n", jobEnds, j.Name, time.Since(began).Round(10*time.Millisecond), verdict)
	}
	return nil
}

// furnish makes what programs expect of a machine.
func furnish() error {
	var all error
	for _, m := range []struct{ kind, on, options string }{
		{"proc", "/proc", ""},
		{"sysfs", "/sys", ""},
		{"devtmpfs", "/dev", ""},
		{"devpts", "/dev/pts", "ptmxmode=666"},
		{"tmpfs", "/tmp", "mode=1777"},
		{"tmpfs", "/dev/shm", ""},
		{"cgroup2", "/sys/fs/cgroup", ""},
	} {
		if err := os.MkdirAll(m.on, 0o755); err != nil {
			all = errors.Join(all, err)
		}
		if err := unix.Mount(m.kind, m.on, m.kind, 0, m.options); err != nil && !errors.Is(err, unix.EBUSY) {
			all = errors.Join(all, fmt.Errorf("mount %s: %w", m.on, err))
		}
	}
	for name, value := range map[string]string{
		"PATH": "/bin", "HOME": "/tmp", "TMPDIR": "/tmp", "GOMAXPROCS": "",
	} {
		all = errors.Join(all, os.Setenv(name, value))
	}
	if err := os.WriteFile("/sys/fs/cgroup/cgroup.subtree_control", []byte("+cpu +memory +pids"), 0); err != nil {
		all = errors.Join(all, err)
	}
	return errors.Join(all, unix.Sethostname([]byte("other")), loopback())
}

// loopback brings the interface lo up.
func loopback() error {
	s, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer func() { _ = unix.Close(s) }() // it only carried the request
	request, err := unix.NewIfreq("lo")
	if err != nil {
		return err
	}
	request.SetUint16(unix.IFF_UP | unix.IFF_RUNNING)
	return unix.IoctlIfreq(s, unix.SIOCSIFFLAGS, request)
}

// run runs the job and shows what it prints.
func (j job) run() error {
	ctx, cancel := context.WithTimeout(context.Background(), j.Most)
	defer cancel()
	said := &strings.Builder{}
	cmd := exec.CommandContext(ctx, j.Argv[0], j.Argv[1:]...)
	cmd.Dir, cmd.Stdout, cmd.Stderr, cmd.WaitDelay = j.Dir, said, said, time.Second
	err := cmd.Run()
	if ctx.Err() != nil {
		err = fmt.Errorf("not done within %v", j.Most)
	}
	if err == nil && !strings.Contains(said.String(), j.Want) {
		err = fmt.Errorf("no %q in what it printed", j.Want)
	}
	const most = 32 << 10 // a table of processes says no more than its beginning
	text := said.String()
	if err == nil && len(text) > most {
		text = text[:most] + "...\n"
	}
	fmt.Print(text)
	return err
}
