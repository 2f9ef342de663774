package main

import (
	"cmp"
	"errors"
	"io"
	"os"
	"os/exec"
	"time"

	"golang.org/x/sys/unix"
)

// outlet hands on what a command prints. Nothing that it printed before it ended is lost,
// however slow who takes it: exec.Cmd's own pipes are closed a moment after the end.
type outlet struct {
	write, read *os.File // write is the command's
	to          io.Writer
	copied      chan error
}

func newOutlet(to io.Writer) (*outlet, error) {
	read, write, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	o := &outlet{write: write, read: read, to: to, copied: make(chan error, 1)}
	go func() {
		_, err := io.Copy(to, read)
		if err != nil && !os.IsTimeout(err) {
			_ = read.Close() // who prints on finds out
		}
		o.copied <- err
	}()
	return o, nil
}

// end returns when all is handed on that the command printed, which has ended, and what
// those that it left behind print until then.
func (o *outlet) end(until time.Time) error {
	defer func() { _ = o.read.Close() }()
	_ = o.read.SetReadDeadline(until) // it fails where the copy has
	err := <-o.copied
	if !os.IsTimeout(err) {
		return err
	}
	left, err := o.unread() // the time may have been up before all was read
	if err != nil {
		return err
	}
	_ = o.read.SetReadDeadline(time.Time{})
	_, err = io.CopyN(o.to, o.read, int64(left))
	return err
}

// unread is how many bytes are in the pipe.
func (o *outlet) unread() (n int, err error) {
	raw, err := o.read.SyscallConn()
	if err != nil {
		return 0, err
	}
	failed := raw.Control(func(fd uintptr) { n, err = unix.IoctlGetInt(int(fd), unix.TIOCINQ) })
	return n, cmp.Or(failed, err)
}

// runInto runs a command, and returns when all that it printed is handed on. What it left
// behind may hold its files for grace.
func runInto(cmd *exec.Cmd, stdout, stderr io.Writer, grace time.Duration) error {
	out, err := newOutlet(stdout)
	if err != nil {
		return err
	}
	errs, err := newOutlet(stderr)
	if err != nil {
		_ = out.write.Close()
		return cmp.Or(out.end(time.Time{}), err)
	}
	cmd.Stdout, cmd.Stderr, cmd.WaitDelay = out.write, errs.write, grace
	err = cmd.Start()
	_, _ = out.write.Close(), errs.write.Close()
	if err == nil {
		err = cmd.Wait()
	}
	if errors.Is(err, exec.ErrWaitDelay) { // its input is held
		err = nil
	}
	until := time.Now().Add(grace)
	unheard, untold := out.end(until), errs.end(until)
	return cmp.Or(unheard, untold, err) // the cause first: who prints to nobody is ended by it
}
