package bench

import (
	"bytes"
	"errors"
	"io"
	"os/exec"
	"testing"
)

// TestLocal runs both commands among a few hundred processes.
func TestLocal(t *testing.T) {
	bin := built(t)
	if out, err := exec.CommandContext(t.Context(), "go", "build", "-o", bin, "ddcos/cmd/dps").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	leavesNothing(t)
	var out bytes.Buffer
	o := DefaultLocalOptions()
	o.Bin, o.JSON, o.Out, o.Progress = bin, true, &out, io.Discard
	o.Processes, o.Rounds = 200, 2
	if err := Local(t.Context(), o); err != nil {
		t.Fatal(err)
	}
	names := map[string]bool{}
	for _, f := range decoded(t, &out) {
		names[f.Name] = true
		if f.Value <= 0 || f.Peer != "ps" || f.Ratio != f.Value/f.PeerValue || f.Note == "" {
			t.Errorf("%+v", f)
		}
	}
	if !names["local-few"] || !names["local-few-cpu"] || !names["local-many"] || !names["local-many-cpu"] {
		t.Errorf("figures: %v", names)
	}
	o.Rounds = 0
	if err := Local(t.Context(), o); !errors.Is(err, ErrOptions) {
		t.Errorf("no rounds: %v", err)
	}
}
