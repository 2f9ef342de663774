//go:build planted

package room

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// planted is one mistake: a piece of the code, which must be there once, and
// what stands in its place.
type planted struct {
	name     string
	file     string
	from, to string
}

// TestPlanted builds this package once for each mistake, through an overlay so
// that no file is touched, and wants the simulation to find every one:
//
//	go test -tags planted -run TestPlanted ./middlecon/room
func TestPlanted(t *testing.T) {
	for _, p := range plants() {
		t.Run(p.name, func(t *testing.T) {
			t.Parallel()
			out, err := simulateOverlaid(t, p)
			switch {
			case err == nil:
				t.Errorf("not found: in %s, %q instead of %q", p.file, p.to, p.from)
			case !strings.Contains(out, "again: ROOM_SEED="):
				t.Errorf("no finding of the simulation: %v\n%s", err, out)
			default:
				t.Log(strings.Split(out, "\n")[1])
			}
		})
	}
}

// simulateOverlaid runs TestSimulation with the mistake in place.
func simulateOverlaid(t *testing.T, p planted) (string, error) {
	t.Helper()
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	source := filepath.Join(dir, p.file)
	code, err := os.ReadFile(source)
	if err != nil {
		t.Fatal(err)
	}
	if n := strings.Count(string(code), p.from); n != 1 {
		t.Fatalf("%s has %q %d times: bring the plant up to date", p.file, p.from, n)
	}
	wrong := filepath.Join(t.TempDir(), filepath.Base(p.file))
	if err := os.WriteFile(wrong, []byte(strings.Replace(string(code), p.from, p.to, 1)), 0o600); err != nil {
		t.Fatal(err)
	}
	overlay, err := json.Marshal(map[string]map[string]string{"Replace": {source: wrong}})
	if err != nil {
		t.Fatal(err)
	}
	list := filepath.Join(filepath.Dir(wrong), "overlay.json")
	if err := os.WriteFile(list, overlay, 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), "go", "test", "-vet=off", "-count=1", "-timeout=10m", "-run=^TestSimulation$", fmt.Sprintf("-overlay=%s", list), ".")
	cmd.Env = append(os.Environ(), "ROOM_SEED=")
	out, err := cmd.CombinedOutput()
	return string(out), err
}
