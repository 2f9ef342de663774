package mask

import "strings"

// url masks the password of a URL whose authority begins at from, and the paths
// that are secrets by themselves. It tells where to go on.
func (m *masker) url(s string, from int) int {
	end, slash, at, colon := from, -1, -1, -1
	for ; end < len(s) && !space(s[end]) && s[end] != '"' && s[end] != '\'' && s[end] != 0; end++ {
		switch c := s[end]; {
		case (c == '/' || c == '?' || c == '#') && slash < 0:
			slash = end
		case c == '@':
			at = end
		case c == ':' && colon < 0:
			colon = end
		case c == ':' && strings.HasPrefix(s[end:], "://"):
			return m.authority(s, from, end, slash, at, colon) // the next URL
		}
	}
	return m.authority(s, from, end, slash, at, colon)
}

// authority is url for s[from:end], of which the first slash, the last @ and the
// first colon are known; -1 where there is none.
func (m *masker) authority(s string, from, end, slash, at, colon int) int {
	if to := m.hook(s, from, end); to > 0 {
		return to
	}
	host := end
	if slash >= 0 {
		host = slash
	}
	if n := strings.LastIndexByte(s[from:host], '@'); n >= 0 {
		at = from + n // the usual form, whatever comes behind
	} else if at >= 0 && (colon < 0 || colon > host || s[from] == '[' || digits(s[colon+1:host])) {
		return from // no user: an @ in the path
	}
	if at < 0 {
		if slash < 0 && colon >= 0 && s[from] != '[' && cutShort(s[colon+1:end]) {
			m.hide(s, colon+1, end) // the rest was cut off
			return end
		}
		return from
	}
	if colon < 0 || colon > at {
		colon = at
	}
	if random(s[from:colon]) || tokenHead(s[from:colon]) {
		m.hide(s, from, colon)
	}
	if colon < at {
		m.hide(s, colon+1, at)
	}
	return at
}

// cutShort tells whether what follows the colon of an authority is no port.
func cutShort(s string) bool {
	s = strings.TrimRight(s, ",;)]}")
	if s == "" || s[0] == '*' || s[0] == '$' || s[0] == '{' || s[0] == '%' || s[0] == '<' || has(s, ':') || has(s, ',') {
		return false
	}
	return !digits(s) && len(s) > 5
}

// hook masks the path of a URL that is all that one has to know.
func (m *masker) hook(s string, from, end int) int {
	for _, head := range [...]string{
		"hooks.slack.com/services/", "discord.com/api/webhooks/", "discordapp.com/api/webhooks/", "api.telegram.org/bot",
	} {
		if strings.HasPrefix(s[from:end], head) {
			m.hide(s, from+len(head), end)
			return end
		}
	}
	return 0
}
