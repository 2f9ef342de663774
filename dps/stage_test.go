package dps_test

import (
	"bytes"
	"errors"
	"io"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// stage is what a program finds around it: ps and dps are put on the same one.
type stage struct {
	uid    uint32 // who runs it; 0 for whoever tests
	locale string // LC_ALL; "" for none
	screen *size  // of the terminal that it writes to; nil for a pipe
}

// size is a terminal's, which may tell 0.
type size struct{ columns, rows uint16 }

// endless is what is said of a program that writes more than maxOutput.
const endless = "endless: caught by ps's own mistake\n"

// maxOutput is more than any listing here has.
const maxOutput = 16 << 20

// output is what a program writes, up to maxOutput: then its pipe is closed.
type output struct {
	bytes.Buffer
	over bool
}

func (o *output) Write(b []byte) (int, error) {
	if o.Len()+len(b) > maxOutput {
		o.over = true
		return 0, io.ErrShortWrite
	}
	return o.Buffer.Write(b)
}

// onPipe is where the comparisons are made that tell nothing else.
func onPipe() stage { return stage{locale: "C.UTF-8"} }

// perform runs a program and gives what it writes, its warnings first, each
// once; or its first complaint, where there is one. And its exit status.
func (s stage) perform(t *testing.T, name string, args ...string) (string, int) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), name, args...)
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "TZ=" + os.Getenv("TZ")}
	if s.locale != "" {
		cmd.Env = append(cmd.Env, "LC_ALL="+s.locale)
	}
	for _, name := range psVariables {
		if value, there := os.LookupEnv(name); there {
			cmd.Env = append(cmd.Env, name+"="+value)
		}
	}
	if s.uid != 0 && os.Geteuid() == 0 {
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: s.uid, Gid: s.uid}}
	}
	var out, problems output
	cmd.Stdout, cmd.Stderr = &out, &problems
	run := cmd.Run
	if s.screen != nil {
		run = func() error { return onTerminal(t, cmd, *s.screen, &out) }
	}
	if err := run(); err != nil && cmd.ProcessState == nil {
		t.Fatal(err)
	}
	if out.over {
		t.Logf("%s %s %q never ends", variables(), name, args)
		return endless, cmd.ProcessState.ExitCode()
	}
	var warnings []string
	for line := range strings.Lines(problems.String()) {
		switch {
		case !strings.HasPrefix(line, "warning:") && !strings.HasPrefix(line, "your "):
			return line, cmd.ProcessState.ExitCode()
		case !slices.Contains(warnings, line):
			warnings = append(warnings, line)
		}
	}
	return strings.Join(warnings, "") + out.String(), cmd.ProcessState.ExitCode()
}

// onTerminal runs a command that writes to a pseudo-terminal of a size.
func onTerminal(t *testing.T, cmd *exec.Cmd, s size, out *output) error {
	t.Helper()
	master, slave := openTerminal(t)
	defer func() { _ = master.Close() }() // all that came was read
	if err := unix.IoctlSetWinsize(int(slave.Fd()), unix.TIOCSWINSZ, &unix.Winsize{Col: s.columns, Row: s.rows}); err != nil {
		t.Fatal(err)
	}
	cmd.Stdout = slave
	read := make(chan error, 1)
	go func() {
		_, err := io.Copy(out, master)
		read <- err
	}()
	err := cmd.Run()
	_ = slave.Close() // the last one of its kind: the reader comes to its end
	if end := <-read; end != nil && !errors.Is(end, syscall.EIO) {
		t.Fatal(end)
	}
	return err
}

// openTerminal makes a pseudo-terminal.
func openTerminal(t *testing.T) (master, slave *os.File) {
	t.Helper()
	fd, err := unix.Open("/dev/ptmx", unix.O_RDWR|unix.O_NOCTTY|unix.O_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	if err := unix.IoctlSetPointerInt(fd, unix.TIOCSPTLCK, 0); err != nil {
		t.Fatal(err)
	}
	number, err := unix.IoctlGetInt(fd, unix.TIOCGPTN)
	if err != nil {
		t.Fatal(err)
	}
	name := "/dev/pts/" + strconv.Itoa(number)
	other, err := unix.Open(name, unix.O_RDWR|unix.O_NOCTTY|unix.O_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	return os.NewFile(uintptr(fd), "/dev/ptmx"), os.NewFile(uintptr(other), name) //nolint:gosec // descriptors
}
