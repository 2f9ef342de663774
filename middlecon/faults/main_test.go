package faults

import (
	"fmt"
	"os"
	"testing"
	"time"

	"ddcos/bench/hosts"
)

// patience bounds every wait of these tests: only a failure reaches it.
const patience = 90 * time.Second

// What this test binary is to be instead of the test, and where the programs
// are that it builds.
const (
	roleEnv = "FAULTS_ROLE"
	binEnv  = "FAULTS_BIN"
)

// TestMain also is, told so, a process of members, a caller, or a host's first process.
func TestMain(m *testing.M) {
	hosts.Main()
	switch role := os.Getenv(roleEnv); role {
	case "":
	case "members":
		leave(runMembers())
	case "caller":
		leave(runCaller())
	default:
		leave(fmt.Errorf("no role %q", role))
	}
	dir, err := os.MkdirTemp("", "faults")
	if err == nil {
		err = os.Setenv(binEnv, dir)
	}
	if err != nil {
		leave(err)
	}
	status := m.Run()
	_ = os.RemoveAll(dir)
	os.Exit(status)
}

func leave(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(0)
}
