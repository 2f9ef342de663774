package mask

import "strings"

// class is how much a key tells of its value.
type class int

const (
	none   class = iota
	weak         // the value is a secret if it looks like one
	pair         // what follows the first colon of the value is a secret
	file         // the value is a secret unless it is a path
	strong       // the value is a secret
	whole        // a header: all of the value, without the name of a scheme
)

// maxKey is how much of a key is looked at, from its end.
const maxKey = 64

// classify says what a key, or a flag with its dashes, tells.
func classify(key string) class {
	if len(key) > maxKey {
		key = key[len(key)-maxKey:]
	}
	if negated(key) {
		return none
	}
	var buffer [maxKey]byte
	n := 0
	for i := range len(key) {
		switch c := key[i]; {
		case c >= 'A' && c <= 'Z':
			buffer[n] = c + 'a' - 'A'
			n++
		case c != '-' && c != '_' && c != '.':
			buffer[n] = c
			n++
		}
	}
	name := buffer[:n]
	for n > 0 && name[n-1] >= '0' && name[n-1] <= '9' {
		n--
	}
	for _, tail := range [...]string{"value", "plaintext", "text", "base64", "base", "b64", "hash", "raw", "prod", "old", "new", "default"} {
		if n > len(tail) && string(name[n-len(tail):n]) == tail {
			n -= len(tail)
			break
		}
	}
	return classOf(name[:n])
}

// negated tells whether a flag asks for something rather than giving it.
func negated(key string) bool {
	if key == "" || key[0] != '-' {
		return false
	}
	flag := strings.TrimLeft(key, "-")
	for _, no := range [...]string{"no-", "skip-", "ask-", "prompt-", "disable-", "enable-", "show-", "hide-", "without-", "allow-", "print-", "reset-"} {
		if len(flag) > len(no) && strings.EqualFold(flag[:len(no)], no) {
			return true
		}
	}
	return false
}

// classOf is classify for a name in small letters, without separators.
func classOf(name []byte) class {
	if len(name) < 2 {
		return none
	}
	switch name[len(name)-1] { // quick: most keys end here
	case 'd', 'e', 's', 't', 'n', 'y', 'w', 'k', 'h', 'g', 'a', 'l', 'p', 'r':
	default:
		return none
	}
	switch string(name) {
	case "authorization", "proxyauthorization", "cookie", "setcookie", "xauthorization":
		return whole
	case "key", "sig", "signature", "session", "sessionid", "sid", "salt", "oauth", "passin":
		return weak
	case "auth", "httpauth", "basicauth", "cred", "creds", "srccreds", "destcreds", "credential", "credentials", "proxyuser", "userpass":
		return pair
	case "fromliteral":
		return strong
	case "rediscliauth", "masterauth", "npmconfigauth", "jwt", "sas", "psk", "otp", "totp", "pin", "secretid", "community":
		return strong
	case "bypass", "compass":
		return none
	case "pwd", "oldpwd":
		return file // a shell's directory
	}
	for _, end := range [...]string{"privatekey", "sslkey", "tlskey", "sshkey"} {
		if ends(name, end) {
			return file
		}
	}
	for _, end := range [...]string{
		"password", "passwd", "passphrase", "passcode", "passkey", "pwd", "pass", "pw", "secret", "token",
		"apikey", "accesskey", "secretkey", "authkey", "accountkey", "sharedkey", "signingkey", "encryptionkey", "masterkey",
		"sessionkey", "servicekey", "licensekey", "appkey", "storagekey", "hmackey", "aeskey", "jwtkey", "encryptkey",
		"presharedkey", "subscriptionkey", "amzsignature", "wifisecpsk", "securitypsk", "jwt", "cryptkey",
	} {
		if ends(name, end) {
			return strong
		}
	}
	return none
}

func ends(name []byte, end string) bool {
	return len(name) >= len(end) && string(name[len(name)-len(end):]) == end
}

// hideValue masks the value s[from:to] of a key, without quotes around it.
func (m *masker) hideValue(c class, s string, from, to int) {
	from, to = unquote(s, from, to)
	value := s[from:to]
	if plain(value) {
		return
	}
	switch c {
	case none:
	case strong:
		m.hide(s, from, to)
	case file:
		if !path(value) {
			m.hide(s, from, to)
		}
	case weak:
		if random(value) {
			m.hide(s, from, to)
		}
	case pair:
		if !m.hidePair(s, from, to, ':') && random(value) {
			m.hide(s, from, to)
		}
	case whole:
		if n := strings.IndexByte(value, ' '); n > 0 && letters(value[:n]) {
			from += n + 1
		}
		m.hide(s, from, to)
	}
}

// hidePair masks what comes after the first cut of s[from:to].
func (m *masker) hidePair(s string, from, to int, cut byte) bool {
	from, to = unquote(s, from, to)
	n := strings.IndexByte(s[from:to], cut)
	if n < 0 || strings.HasPrefix(s[from+n:to], "://") {
		return false
	}
	m.hide(s, from+n+1, to)
	return true
}

// unquote leaves quotes, and escapes before them, out of a value. What has them
// at one end only keeps it.
func unquote(s string, from, to int) (int, int) {
	i := from
	for i < to && s[i] == '\\' {
		i++
	}
	escapes := i - from
	if to-i < 2+escapes || s[i] != '"' && s[i] != '\'' || s[to-1] != s[i] {
		return from, to
	}
	return i + 1, to - 1 - escapes
}

// plain tells whether a value is no secret under any key.
func plain(value string) bool {
	switch len(value) {
	case 0:
		return true
	case 2, 3, 4, 5, 6:
		for _, word := range [...]string{"true", "false", "yes", "no", "on", "off", "null", "none", "nil", "prompt", "stdin"} {
			if strings.EqualFold(value, word) {
				return true
			}
		}
	}
	return strings.HasPrefix(value, "file:") || strings.HasPrefix(value, "env:")
}

// path tells whether a value names a file.
func path(value string) bool {
	for _, head := range [...]string{"/", "./", "../", "~/"} {
		if strings.HasPrefix(value, head) {
			return true
		}
	}
	return strings.HasSuffix(value, ".pem") || strings.HasSuffix(value, ".key")
}

// random tells whether a value looks like a key or a token rather than a word.
func random(value string) bool {
	if len(value) < 16 || value[0] == '/' {
		return false
	}
	var digits, others int
	for i := range len(value) {
		switch c := value[i]; {
		case c >= '0' && c <= '9':
			digits++
		case c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z':
			others++
		case c != '+' && c != '/' && c != '_' && c != '=' && c != '%' && c != '-':
			return false
		}
	}
	return digits > 1 && others > 1
}

func letters(s string) bool {
	for i := range len(s) {
		if c := s[i] | 0x20; c < 'a' || c > 'z' {
			return false
		}
	}
	return true
}
