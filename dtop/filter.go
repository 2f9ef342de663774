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
	default:
		if key == "space" {
			key = " "
		}
		if utf8.RuneCountInString(key) == 1 && len(s.typed)+len(key) <= query.MaxWhere {
			s.typed, s.wrong = s.typed+key, ""
		}
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

// condition is the last line while one is written, or "".
func (s *State) condition() string {
	if !s.typing {
		return ""
	}
	line := "where: " + dps.Clean(s.typed) + "_"
	if s.wrong != "" {
		line += "   " + dps.Clean(s.wrong)
	}
	return line
}
