package dtop

import "slices"

// binding is one line of the table of keys: what it is called by bubbletea, what
// the help says, and what it does to the state.
type binding struct {
	keys []string
	help string
	act  func(s *State)
}

// bindings is the table that the keys and the help are made from.
func bindings() []binding {
	table := []binding{
		{[]string{"up", "k"}, "select the row above", func(s *State) { s.move(-1) }},
		{[]string{"down", "j"}, "select the row below", func(s *State) { s.move(1) }},
		{[]string{"pgup", "ctrl+b"}, "a page up", func(s *State) { s.move(-s.page()) }},
		{[]string{"pgdown", "ctrl+f"}, "a page down", func(s *State) { s.move(s.page()) }},
		{[]string{"home", "g"}, "the first row", func(s *State) { s.move(-maxRows) }},
		{[]string{"end", "G"}, "the last row", func(s *State) { s.move(maxRows) }},
		{[]string{"esc"}, "let go of the selection, back to the top", (*State).release},
		{[]string{"<", ","}, "sort by the column to the left", func(s *State) { s.sortBy(s.Sort - 1) }},
		{[]string{">", "."}, "sort by the column to the right", func(s *State) { s.sortBy(s.Sort + 1) }},
		{[]string{"r", "I", "R"}, "sort the other way round", func(s *State) { s.Reverse = !s.Reverse; s.sort(); s.follow() }},
		{[]string{"/"}, "write a condition, as rss > 100MiB; enter takes it", func(s *State) { s.typing, s.typed, s.wrong = true, s.Where, "" }},
		{[]string{"space"}, "pause, and go on", func(s *State) { s.Paused = !s.Paused }},
		{[]string{"?", "h", "f1"}, "this help, and back", func(s *State) { s.Help = !s.Help }},
	}
	for i, o := range sorts {
		table = append(table, binding{[]string{o.key}, "sort by " + o.name, func(s *State) { s.Reverse = false; s.sortBy(i) }})
	}
	return table
}

// quitKeys end the program.
var quitKeys = []string{"q", "ctrl+c"}

// Key changes the state as a key asks for; quit is true for those that end the
// program, changed for those after which the fleet should be asked anew: the
// rows by another sort key are other rows, and so are those of another condition,
// also during a pause, or the screen would show what the condition leaves out.
func (s *State) Key(key string) (quit, changed bool) {
	before := s.Query()
	if s.typing && key != "ctrl+c" {
		s.typeKey(key)
		return false, before.Where != s.Where
	}
	if slices.Contains(quitKeys, key) {
		return true, false
	}
	for _, b := range bindings() {
		if slices.Contains(b.keys, key) {
			b.act(s)
			after := s.Query()
			return false, !s.Paused && !slices.Equal(before.Sort, after.Sort)
		}
	}
	return false, false
}

// sortBy takes another sort key; beyond the last one there is none.
func (s *State) sortBy(i int) {
	s.Sort = max(min(i, len(sorts)-1), 0)
	s.sort()
	s.follow()
}

// Resize takes the terminal's new size.
func (s *State) Resize(width, height int) {
	s.Width, s.Height = width, height
	s.follow()
}
