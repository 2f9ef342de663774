package main

import (
	"bytes"
	"net"
	"strings"
	"testing"
	"time"

	"ddcos/dps"
)

// An agent that accepts and never answers costs its deadline, not more, and is
// named beside the rows that came.
func TestStuckAgent(t *testing.T) {
	stuck, err := net.Listen("tcp", "127.0.0.1:0") // the kernel accepts, nobody reads
	if err != nil {
		t.Fatal(err)
	}
	defer stuck.Close()
	var out, problems bytes.Buffer
	begun := time.Now()
	status := run(t.Context(), []string{"--agents", "http://" + stuck.Addr().String(), "--deadline", "200ms"}, &out, &problems)
	if took := time.Since(begun); took < 200*time.Millisecond || took > 20*time.Second { // of a busy machine; without its deadline it would wait for ever
		t.Errorf("took %v, want the deadline of 200ms", took)
	}
	if status != dps.ExitPartial || !strings.Contains(problems.String(), stuck.Addr().String()+": timeout: ") || strings.Count(problems.String(), "\n") != 1 {
		t.Errorf("status %d, %q", status, &problems)
	}
}
