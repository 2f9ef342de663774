package main

import (
	"bytes"
	"errors"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// tardy takes nothing until it is let.
type tardy struct {
	took       []byte
	asked, let chan struct{}
}

func (w *tardy) Write(p []byte) (int, error) {
	if len(w.took) == 0 {
		close(w.asked)
		<-w.let
	}
	w.took = append(w.took, p...)
	return len(p), nil
}

// What is in the pipe when the time is up is handed on all the same.
func TestOutletHandsAllOn(t *testing.T) {
	to := &tardy{asked: make(chan struct{}), let: make(chan struct{})}
	o, err := newOutlet(to)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = o.write.Close() }() // as long as the test: somebody holds it
	printed := bytes.Repeat([]byte("0123456789"), 6000)
	if _, err := o.write.Write(printed); err != nil { // less than a pipe holds, and more than is read at once
		t.Fatal(err)
	}
	<-to.asked
	past := time.Unix(1, 0)
	if err := o.read.SetReadDeadline(past); err != nil {
		t.Fatal(err)
	}
	close(to.let)
	if err := o.end(past); err != nil || !bytes.Equal(to.took, printed) {
		t.Errorf("%d bytes of %d are handed on, %v", len(to.took), len(printed), err)
	}
}

// A command that has left something behind is over all the same, and all is there that it printed.
func TestRunInto(t *testing.T) {
	cmd := exec.Command("sh", "-c", "sleep 1000 & echo $!; echo no >&2; exit 3")
	var out, errs bytes.Buffer
	var exit *exec.ExitError
	if err := runInto(cmd, &out, &errs, 0); !errors.As(err, &exit) || exit.ExitCode() != 3 || errs.String() != "no\n" {
		t.Errorf("it ended with %v and %q, want status 3", err, &errs)
	}
	pid, err := strconv.Atoi(strings.TrimSpace(out.String()))
	if err != nil {
		t.Fatal(err)
	}
	if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
		t.Errorf("what it left behind: %v", err)
	}
}

// A writer that has failed ends the command that goes on printing.
func TestRunIntoNobody(t *testing.T) {
	over := errors.New("over")
	err := runInto(exec.Command("sh", "-c", "while echo more; do :; done"), refusing{over}, &tail{}, 0)
	if !errors.Is(err, over) {
		t.Errorf("%v, want %v", err, over)
	}
}

type refusing struct{ with error }

func (r refusing) Write([]byte) (int, error) { return 0, r.with }
