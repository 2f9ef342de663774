package mask

import "strings"

// text looks at every run of key bytes in s: it may be a key, a flag, a program
// or a token.
func (m *masker) text(s string) {
	for i := 0; i < len(s); {
		if !keyByte(s[i]) {
			if s[i] == ':' && strings.HasPrefix(s[i:], "://") {
				i = m.url(s, i+len("://"))
				continue
			}
			i++
			continue
		}
		start := i
		for i < len(s) && keyByte(s[i]) {
			i++
		}
		i = max(m.run(s, start, i), i)
	}
}

// run looks at the run s[start:end] and tells where to go on.
func (m *masker) run(s string, start, end int) int {
	if to := m.shape(s, start, end); to > 0 {
		return to
	}
	begins := start == 0 || wordBreak(s[start-1])
	if begins || s[start-1] == '/' {
		m.learn(s[start:end])
	}
	if begins {
		if to := m.flag(s, start, end); to > 0 {
			return to
		}
		if s[start] != '-' && m.slashed(s, start) {
			return m.done
		}
	}
	if to := m.scheme(s, start, end); to > 0 {
		return to
	}
	value, sep := separator(s, end)
	if sep == 0 || start > 0 && s[start-1] == '/' && sep == ':' && (start > 1 || value < len(s) && s[value] == '/') {
		return m.bare(s, start, end) // a path, as of a volume, or no key at all
	}
	c := classify(s[start:end])
	if c == none {
		return end
	}
	to := m.valueEnd(s, start, value, sep, c)
	if !m.again(s, value, to-value) {
		return len(s)
	}
	m.hideValue(c, s, value, to)
	if m.done >= to {
		return to
	}
	return end
}

// bare looks at a key that has no separator: a flag, whose value comes next, or
// what "set" is to set.
func (m *masker) bare(s string, start, end int) int {
	flag := s[start] == '-' && (start == 0 || wordBreak(s[start-1]))
	whole := start == 0 && end == len(s)
	set := whole && m.at > 0 && m.takesBareKeys()
	if !flag && !set {
		return end
	}
	c := classify(s[start:end])
	if c == none {
		return end
	}
	if end == len(s) {
		m.asked, m.awaits, m.cut = true, c, 0
		return end
	}
	return m.nextWord(s, end, c)
}

// takesBareKeys tells whether the argument before says that a key and a value
// come: "config set KEY VALUE".
func (m *masker) takesBareKeys() bool {
	return strings.EqualFold(m.args[m.at-1], "set") || base(m.args[0]) == "nmcli"
}

// nextWord masks the word after s[end], in a title or a script.
func (m *masker) nextWord(s string, end int, c class) int {
	from := end
	for from < len(s) && space(s[from]) {
		from++
	}
	if from == end || from == len(s) || s[from] == '-' {
		return end
	}
	to := wordEnd(s, from)
	if !m.again(s, from, to-from) {
		return len(s)
	}
	m.hideValue(c, s, from, to)
	if m.done >= to {
		return to
	}
	return end
}

// separator finds where the value of a key that ends at end begins, and what
// parts the two: '=', ':' or 0 for nothing.
func separator(s string, end int) (value int, sep byte) {
	i := end
	for i < len(s) && (s[i] == '\\' || s[i] == '"' || s[i] == '\'' || s[i] == ']') {
		i++ // of "key": and headers[key]=
	}
	for i < len(s) && s[i] == ' ' {
		i++
	}
	switch rest := s[i:]; {
	case rest == "":
		return 0, 0
	case rest[0] == '=' && (len(rest) < 2 || rest[1] != '~'):
		sep = '='
		for i++; i < len(s) && (s[i] == '=' || s[i] == '>'); i++ {
		}
	case strings.HasPrefix(rest, ":="):
		sep, i = '=', i+len(":=")
	case rest[0] == ':' && !strings.HasPrefix(rest, "://") && !strings.HasPrefix(rest, "::"):
		sep, i = ':', i+1
	case strings.HasPrefix(rest, "%3D"), strings.HasPrefix(rest, "%3d"):
		sep, i = '=', i+len("%3D")
	default:
		return 0, 0
	}
	if sep == ':' || i-end > 1 {
		for i < len(s) && s[i] == ' ' {
			i++
		}
	}
	return i, sep
}

// valueEnd is where the value that begins at value ends. What is an argument of
// its own is a secret to its end, whatever bytes it has.
func (m *masker) valueEnd(s string, start, value int, sep byte, c class) int {
	if start == 0 && !m.script() {
		if sep == '=' {
			return len(s)
		}
		return lineEnd(s, value)
	}
	if c == whole {
		return headerEnd(s, start, value)
	}
	if value < len(s) && (s[value] == '\\' || s[value] == '"' || s[value] == '\'') {
		return quotedEnd(s, value)
	}
	return wordEnd(s, value)
}

// script tells whether the argument is what a shell is to execute.
func (m *masker) script() bool {
	if m.at == 0 {
		return false
	}
	before := m.args[m.at-1]
	return len(before) > 1 && len(before) < 6 && before[0] == '-' && before[len(before)-1] == 'c'
}

// lineEnd is the end of the line.
func lineEnd(s string, from int) int {
	if n := strings.IndexByte(s[from:], '\n'); n >= 0 {
		return from + n
	}
	return len(s)
}

// headerEnd is the end of a header that begins at start: of its quotes, where
// it stands in some, or of its line.
func headerEnd(s string, start, value int) int {
	end := lineEnd(s, value)
	if start > 0 && (s[start-1] == '"' || s[start-1] == '\'') {
		if value < end && s[value] == s[start-1] || value > 0 && s[value-1] == s[start-1] {
			return quotedEnd(s, value) // of JSON, where the value has quotes of its own
		}
		if n := strings.IndexByte(s[value:end], s[start-1]); n >= 0 {
			return value + n
		}
	}
	return end
}

// quotedEnd is the end of a value in quotes, which may be escaped themselves:
// behind the closing one.
func quotedEnd(s string, from int) int {
	i := from
	for i < len(s) && s[i] == '\\' {
		i++
	}
	escapes := i - from
	if i == len(s) || s[i] != '"' && s[i] != '\'' {
		return wordEnd(s, i)
	}
	quote := s[i]
	slashes := 0
	for i++; i < len(s); i++ {
		switch {
		case s[i] == '\\':
			slashes++
			continue
		case s[i] == quote && slashes <= escapes:
			return i + 1
		}
		slashes = 0
	}
	return len(s)
}

// wordEnd is the end of a shell's word, or of a value in a list or a query.
func wordEnd(s string, from int) int {
	for i := from; i < len(s); i++ {
		switch s[i] {
		case '"', '\'':
			n := strings.IndexByte(s[i+1:], s[i])
			if n < 0 || i > from && !quoted(s[from:i]) {
				return i
			}
			i += n + 1
		case '\\':
			i++
		case ' ', '\t', '\n', '\r', '&', ';', ',', '|', ')', '}', ']', '<', '>', 0:
			return i
		}
	}
	return len(s)
}

// quoted tells whether a word has quotes of its own. In one that has none, a
// quote closes what was opened before the word.
func quoted(word string) bool { return strings.ContainsAny(word, `"'`) }

func keyByte(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '_' || c == '-' || c == '.'
}

func space(c byte) bool { return c == ' ' || c == '\t' || c == '\n' || c == '\r' }

// wordBreak tells whether a word may begin behind c.
func wordBreak(c byte) bool {
	return space(c) || c == '"' || c == '\'' || c == ';' || c == '|' || c == '&' || c == '(' || c == '`'
}

func has(s string, c byte) bool { return strings.IndexByte(s, c) >= 0 }
