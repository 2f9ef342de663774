package dtop

import (
	"strings"
	"testing"
	"time"

	tea "charm.land/bubbletea/v2"

	"ddcos/k2i/query"
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

// What is pasted is written where a condition is, and nowhere else; of one that is
// wider than the screen the end is seen, and the reason why it is none above it.
func TestFilterPasted(t *testing.T) {
	p := &program{ctx: t.Context(), options: DefaultOptions(), state: screen(30, 10)}
	p.Update(tea.PasteMsg{Content: "qqq"})
	p.Update(key('/'))
	p.Update(tea.PasteMsg{Content: "comm == \"a 漢字\"\nand args contains \"z\" and"})
	if foot := p.state.foot(); len(foot) != 1 || foot[0] != "where:  args contains \"z\" and_" {
		t.Errorf("the foot is %q", foot)
	}
	p.Update(tea.KeyPressMsg{Code: tea.KeyEnter})
	if foot := p.state.foot(); len(foot) != 2 || foot[0] != "it ends too early" || !strings.HasSuffix(foot[1], " and_") {
		t.Errorf("the foot is %q", foot)
	}
	p.Update(tea.PasteMsg{Content: strings.Repeat("x", query.MaxWhere)})
	if len(p.state.typed) > query.MaxWhere {
		t.Errorf("%d bytes are kept", len(p.state.typed))
	}
}

// A pause is seen on a narrow screen, and what it shows obeys the condition below it:
// another one is asked for at once. Another order is one of the rows that are there.
func TestFilterInAPause(t *testing.T) {
	source := &counting{}
	o := DefaultOptions()
	o.Source = source
	p := &program{ctx: t.Context(), options: o, state: screen(40, 10)}
	p.Update(p.Init()())
	p.Update(tea.KeyPressMsg{Code: tea.KeySpace, Text: " "})
	if !strings.Contains(strings.Split(View(&p.state), "\n")[0], " PAUSED ") {
		t.Errorf("a pause is not seen:\n%s", View(&p.state))
	}
	if _, cmd := p.Update(key('M')); cmd != nil {
		t.Error("another order is asked for in a pause")
	}
	for _, letter := range "/pid==1" {
		p.Update(key(letter))
	}
	_, cmd := p.Update(tea.KeyPressMsg{Code: tea.KeyEnter})
	if cmd == nil {
		t.Fatal("a condition is not asked for in a pause")
	}
	p.Update(cmd())
	if n := source.asked.Load(); n != 2 || !p.state.Paused {
		t.Errorf("%d questions, paused %v", n, p.state.Paused)
	}
}
