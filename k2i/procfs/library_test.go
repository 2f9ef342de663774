package procfs

import (
	"errors"
	"strings"
	"testing"
)

func TestGuarded(t *testing.T) {
	wrong := errors.New("wrong")
	if n, err := guarded(func() (int, error) { return 7, wrong }); n != 7 || !errors.Is(err, wrong) {
		t.Errorf("%d, %v", n, err)
	}
	var none []int
	if n, err := guarded(func() (int, error) { return none[len(none)], nil }); n != 0 || err == nil || !strings.Contains(err.Error(), "out of range") {
		t.Errorf("%d, %v", n, err)
	}
}

// A text that the library's parser does not survive is told as an error.
func TestTextThatTheLibraryPanicsAt(t *testing.T) {
	tr, m := machineTree(t)
	tr.write("net/dev", "Inter-|\n face |\n  eth0: \n")
	if list, _, err := m.Interfaces(); err == nil || len(list) != 0 {
		t.Errorf("%+v, %v", list, err)
	}
}
