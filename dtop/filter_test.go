package dtop

import (
	"strings"
	"testing"
	"time"
)

// pressAll gives keys to a state one after the other, and tells whether the last
// one asks for other rows, or for the end.
func pressAll(s *State, keys ...string) (quit, changed bool) {
	for _, key := range keys {
		quit, changed = s.Key(key)
	}
	return quit, changed
}

// A condition is written behind /, checked when it is whole, and then asked for.
func TestFilterKey(t *testing.T) {
	s := NewState(80, 10, time.Second)
	if _, changed := pressAll(&s, "/", "p", "i", "d", "space", ">", "q", "backspace"); changed || s.Where != "" {
		t.Errorf("half a condition is asked for: %q", s.Where)
	}
	if line := s.foot()[0]; line != "where: pid >_" {
		t.Errorf("the last line is %q", line)
	}
	if _, changed := pressAll(&s, "enter"); changed || !strings.Contains(s.foot()[0], "it ends too early") {
		t.Errorf("the last line is %q", s.foot()[0])
	}
	if _, changed := pressAll(&s, "5", "enter"); !changed || s.Where != "pid >5" || s.Query().Where != "pid >5" || !strings.HasPrefix(s.foot()[0], "where pid >5 | by cpu") {
		t.Errorf("asked for %q, %q", s.Query().Where, s.foot()[0])
	}
	if _, changed := pressAll(&s, "/", "ctrl+u", "x", "esc"); changed || s.Where != "pid >5" {
		t.Errorf("what was given up counts: %q", s.Where)
	}
	if quit, _ := pressAll(&s, "/", "q"); quit {
		t.Error("a letter of a condition ends the program")
	}
	if quit, _ := pressAll(&s, "ctrl+c"); !quit {
		t.Error("there is no way out")
	}
	if _, changed := pressAll(&s, "ctrl+u", "enter"); !changed || s.Query().Where != "" {
		t.Errorf("no condition asks for %q", s.Query().Where)
	}
	pressAll(&s, "/")
	for range 10_000 {
		pressAll(&s, "a")
	}
	pressAll(&s, "up", "f1", "\x1b")
	if n := len(s.typed); n > 4096 || strings.ContainsAny(s.foot()[0], "\x1b") {
		t.Errorf("%d bytes are kept, %q", n, s.foot()[0])
	}
}
