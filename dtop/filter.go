package dtop

import (
	"strings"
	"unicode/utf8"

	"ddcos/dps"
	"ddcos/k2i/query"
)

// typeKey takes one key while a condition is written.
func (s *State) typeKey(key string) {
	switch key {
	case "enter":
		s.takeCondition()
	case "esc":
		s.typing = false
	case "backspace":
		_, size := utf8.DecodeLastRuneInString(s.typed)
		s.typed, s.wrong = s.typed[:len(s.typed)-size], ""
	case "ctrl+u":
		s.typed, s.wrong = "", ""
	case "space":
		s.insert(" ")
	default:
		if utf8.RuneCountInString(key) == 1 {
			s.insert(key)
		}
	}
}

// insert is text that was typed or pasted, where a condition is written.
func (s *State) insert(text string) {
	if s.typing && len(s.typed)+len(text) <= query.MaxWhere {
		s.typed, s.wrong = s.typed+text, ""
	}
}

// takeCondition asks for the rows of the condition that was written, if it is one.
func (s *State) takeCondition() {
	text := strings.TrimSpace(s.typed)
	if text != "" {
		if _, err := query.Compile(text); err != nil {
			s.wrong, _, _ = strings.Cut(err.Error(), "\n")
			return
		}
	}
	s.typing, s.Where = false, text
	s.release()
}

// condition is the last line while one is written: of a long one the end. What is
// wrong with it stands above.
func (s *State) condition() []string {
	const prompt = "where: "
	typed := []rune(dps.Clean(s.typed) + "_")
	from, room := len(typed), s.Width-len(prompt)
	for from > 0 {
		if room -= dps.Width(string(typed[from-1])); room < 0 && s.Width > 0 {
			break
		}
		from--
	}
	lines := []string{s.cut(prompt + string(typed[from:]))}
	if s.wrong != "" {
		lines = append([]string{s.warn(dps.Clean(s.wrong))}, lines...)
	}
	return lines
}
