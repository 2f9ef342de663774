package main

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"ddcos/middlecon"
)

// When end has returned the command.
func TestEndWaitsForTheCommand(t *testing.T) {
	file := filepath.Join(t.TempDir(), "pid")
	a := &answers{command: "echo $$ >>" + file + "; exec sleep 1000"}
	ctx, cancel := context.WithCancel(t.Context())
	failed := make(chan error, 1)
	go func() {
		_, err := a.answer(ctx, &middlecon.Message{})
		failed <- err
	}()
	var pid int
	poll(t, "the command runs", func() bool {
		b, err := os.ReadFile(file)
		if err != nil || !strings.HasSuffix(string(b), "\n") {
			return false
		}
		pid, err = strconv.Atoi(strings.TrimSpace(string(b)))
		return err == nil
	})
	cancel()
	a.end()
	if err := syscall.Kill(pid, 0); !errors.Is(err, syscall.ESRCH) {
		t.Errorf("the command is still there: %v", err)
	}
	if err := <-failed; err == nil {
		t.Error("a killed command has answered")
	}
}
