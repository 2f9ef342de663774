package mask

import (
	"encoding/base64"
	"strings"
)

// shape masks what is a secret by its own form, wherever it stands, and tells
// where that ends; 0 where s[start:end] is none.
func (m *masker) shape(s string, start, end int) int {
	run := s[start:end]
	if len(run) < 8 {
		return 0
	}
	if strings.HasPrefix(run, "-----BEGIN") {
		return m.pem(s, start)
	}
	for start < end && s[start] == '-' {
		start++
	}
	run = s[start:end]
	if keep := tokenHead(run); keep {
		for end < len(s) && (keyByte(s[end]) || has("+/=~", s[end])) {
			end++
		}
		m.hide(s, start, end)
		return end
	}
	// A bot's token: its number, a colon and 35 bytes.
	if n := len(run); n <= 12 && end < len(s) && s[end] == ':' && digits(run) {
		to := end + 1
		for to < len(s) && keyByte(s[to]) {
			to++
		}
		if to-end > 30 {
			m.hide(s, end+1, to)
			return to
		}
	}
	return 0
}

// tokenHead tells whether a run begins as the tokens of well-known services do,
// and is long enough to be one.
func tokenHead(run string) bool {
	if len(run) < 16 {
		return false
	}
	var heads []string
	switch run[0] {
	case 'A':
		if (strings.HasPrefix(run, "AKIA") || strings.HasPrefix(run, "AIza") || strings.HasPrefix(run, "ATATT")) && len(run) >= 20 {
			return true
		}
		heads = []string{"ASIA", "AGE-SECRET-KEY-1"}
	case 'd':
		heads = []string{"dop_v1_", "doo_v1_", "dckr_pat_", "dapi"}
		if strings.HasPrefix(run, "dapi") {
			return len(run) >= 36 && random(run)
		}
	case 'e':
		return strings.HasPrefix(run, "eyJ") // {" in base64: a JWT, perhaps cut
	case 'g':
		heads = []string{"ghp_", "gho_", "ghu_", "ghs_", "ghr_", "github_pat_", "glpat-", "gldt-", "glrt-", "glsa_", "gsk_", "glc_"}
	case 'h':
		heads = []string{"hvs.", "hvb.", "hf_"}
	case 'k':
		return strings.HasPrefix(run, "key-") && len(run) == 36 && random(run)
	case 'l':
		heads = []string{"lin_api_"}
	case 'n':
		heads = []string{"npm_", "nvapi-"}
		return headed(run, heads) && random(run)
	case 'p':
		heads = []string{"pypi-AgE"}
	case 'r':
		heads = []string{"rk_live_", "rk_test_"}
	case 's':
		if strings.HasPrefix(run, "sk-") {
			return len(run) >= 20 && random(run)
		}
		heads = []string{"sk_live_", "sk_test_", "shpat_", "shpss_", "sq0atp-", "sq0csp-", "sntrys_"}
	case 'S':
		return strings.HasPrefix(run, "SG.") && strings.Count(run, ".") == 2 && len(run) > 40
	case 't':
		heads = []string{"tskey-"}
	case 'w':
		heads = []string{"whsec_"}
	case 'x':
		heads = []string{"xoxb-", "xoxp-", "xoxa-", "xoxr-", "xoxs-", "xoxe-", "xoxc-", "xoxd-", "xapp-"}
	case 'y':
		heads = []string{"ya29."}
	}
	return headed(run, heads)
}

func headed(run string, heads []string) bool {
	for _, head := range heads {
		if strings.HasPrefix(run, head) {
			return true
		}
	}
	return false
}

func digits(s string) bool {
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return true
}

// pem masks a private key, to its end or to where it was cut.
func (m *masker) pem(s string, start int) int {
	const maxTitle = 48
	if !strings.Contains(s[start:min(len(s), start+maxTitle)], "PRIVATE KEY") {
		return 0
	}
	end := len(s)
	if n := strings.Index(s[start:], "-----END"); n >= 0 {
		end = start + n + len("-----END")
		if n := strings.Index(s[end:], "-----"); n >= 0 {
			end += n + len("-----")
		}
	}
	m.hide(s, start, end)
	return end
}

// scheme masks what follows the name of a scheme of HTTP's authorization, in
// the same argument or, where it ends one, in the next.
func (m *masker) scheme(s string, start, end int) int {
	bearer := end-start == len("bearer") && strings.EqualFold(s[start:end], "bearer")
	basic := end-start == len("basic") && strings.EqualFold(s[start:end], "basic")
	if !bearer && !basic {
		return 0
	}
	if end == len(s) {
		if bearer {
			m.asked, m.awaits, m.cut = true, weak, 0
		} else if m.at+1 < len(m.args) && isBasic(m.args[m.at+1]) {
			m.asked, m.awaits, m.cut = true, strong, 0
		}
		return end
	}
	from := end
	for from < len(s) && (s[from] == ' ' || s[from] == '+') {
		from++
	}
	if strings.HasPrefix(s[from:], "%20") {
		from += len("%20")
	}
	to := from
	for to < len(s) && (keyByte(s[to]) || has("+/=~:%", s[to])) {
		to++
	}
	if !m.again(s, from, to-from) {
		return len(s)
	}
	if from == end || bearer && to-from < 6 || basic && !isBasic(s[from:to]) {
		return 0
	}
	if bearer && letters(s[from:to]) && to-from < 16 {
		return 0 // prose
	}
	m.hide(s, from, to)
	return to
}

// isBasic tells whether a text is a user and a password in base64.
func isBasic(text string) bool {
	const maxBasic = 1024
	if len(text) < 6 || len(text) > maxBasic {
		return len(text) > maxBasic
	}
	text = strings.TrimRight(text, "=")
	var buffer [maxBasic]byte
	n, err := base64.RawStdEncoding.Decode(buffer[:], []byte(text))
	return err == nil && has(string(buffer[:n]), ':')
}
