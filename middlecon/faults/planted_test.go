//go:build planted

package faults

import (
	"os"
	"os/exec"
	"strings"
	"testing"
)

// TestPlanted builds a broker with each mistake and wants TestEverything to find it:
//
//	go test -tags planted -timeout 30m -run TestPlanted -v ./middlecon/faults
func TestPlanted(t *testing.T) {
	for _, p := range plants() {
		t.Run(p.invariant+" "+p.name, func(t *testing.T) {
			cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestEverything$", "-test.v", "-test.timeout=5m")
			cmd.Env = append(os.Environ(), plantEnv+"="+p.name)
			out, err := cmd.CombinedOutput()
			at := strings.Index(string(out), ": "+p.invariant+": ")
			if err == nil || at < 0 {
				t.Fatalf("not found: %v\n%s", err, out)
			}
			found, _, _ := strings.Cut(string(out[at+2:]), "\n")
			t.Log(found)
		})
	}
}
