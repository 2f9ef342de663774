package broker

import (
	"os"
	"testing"

	"ddcos/bench/hosts"
)

// The test binary is also the first process of the hosts of halfopen_test.go.
func TestMain(m *testing.M) {
	hosts.Main()
	playRole()
	os.Exit(m.Run())
}
