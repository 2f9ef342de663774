package broker

import (
	"errors"
	"os"
	"testing"

	"golang.org/x/sys/unix"
)

// With a full table there is one descriptor for the work that is lent the spare
// one, and none is taken from others afterwards.
func TestSpare(t *testing.T) {
	var s spare
	if err := s.hold(); err != nil {
		t.Fatal(err)
	}
	fill := func() (all []*os.File) {
		for {
			f, err := os.Open(os.DevNull)
			if errors.Is(err, unix.EMFILE) {
				return all
			}
			if err != nil {
				t.Fatal(err)
			}
			all = append(all, f)
		}
	}
	var before unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &before); err != nil {
		t.Fatal(err)
	}
	few := unix.Rlimit{Cur: 128, Max: before.Max}
	if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &few); err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &before); err != nil {
			t.Error(err)
		}
	}()
	all := fill()
	defer func() {
		for _, f := range all {
			_ = f.Close() // only read
		}
	}()
	var mine *os.File
	s.lend(func() {
		var err error
		if mine, err = os.Open(os.DevNull); err != nil {
			t.Errorf("work that was lent the spare descriptor: %v", err)
		}
	})
	if err := s.hold(); !errors.Is(err, unix.EMFILE) {
		t.Errorf("a descriptor is held where there is none: %v", err)
	}
	_ = mine.Close() // only read
	if err := s.hold(); err != nil {
		t.Errorf("no descriptor is held where there is one: %v", err)
	}
	s.drop()
}
