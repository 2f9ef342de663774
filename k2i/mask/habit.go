package mask

import "strings"

// habit is how a program takes secrets: letters of its flags, mostly.
type habit struct {
	glued    string // -pSECRET
	separate string // -p SECRET
	pairs    string // -u user:SECRET, glued or not
	long     string // --long user:SECRET
	cut      byte   // what parts the pair
	slash    bool   // user/SECRET@db as a word of its own
	prefix   string // /p:SECRET
	last     bool   // the last argument
	lastWith byte   // the last argument, where this flag is given
}

// maxHabits is how many programs of a command line are remembered.
const maxHabits = 4

// base is the name of a program without its directory.
func base(name string) string { return name[strings.LastIndexByte(name, '/')+1:] }

// learn remembers the habit of a program. Any word may be one: programs run
// others, and whoever is named like one of these is seldom anything else.
func (m *masker) learn(name string) {
	if len(name) < 2 || len(name) > 20 {
		return
	}
	if m.at > 0 {
		switch name {
		case "login": // docker, podman, helm, oc
			m.add(habit{glued: "p", separate: "p"})
			if base(m.args[0]) == "vault" {
				m.skip = 1
			}
			return
		case "add_user", "change_password", "authenticate_user":
			if m.args[m.at] == name && strings.HasPrefix(base(m.args[0]), "rabbitmq") {
				m.skip = 2
			}
			return
		}
	}
	if h, known := habitOf(name); known {
		m.add(h)
	}
}

func (m *masker) add(h habit) {
	if m.known < maxHabits {
		m.habits[m.known] = h
		m.known++
	}
}

func habitOf(name string) (habit, bool) {
	switch name {
	case "mysql", "mysqldump", "mysqladmin", "mysqlimport", "mysqlshow", "mysqlcheck", "mysqlsh", "mysqlslap", "mysqlpump",
		"mariadb", "mariadb-dump", "mariadb-admin", "mariadb-import", "mycli", "xtrabackup", "mariabackup", "7z", "7za", "7zr", "rar", "unrar":
		return habit{glued: "p"}, true
	case "sshpass", "mongo", "mongosh", "mongodump", "mongorestore", "mongoexport", "mongoimport", "mongostat", "mongotop",
		"cqlsh", "rdesktop", "useradd", "usermod", "ncftpput", "ncftpget", "kinit-pass", "arangosh":
		return habit{glued: "p", separate: "p"}, true
	case "redis-cli", "valkey-cli", "keydb-cli":
		return habit{separate: "a"}, true
	case "curl":
		return habit{pairs: "uU", long: "user", cut: ':'}, true
	case "etcdctl":
		return habit{long: "user", cut: ':'}, true
	case "http", "https", "xh", "xhs":
		return habit{pairs: "a", cut: ':'}, true
	case "smbclient", "rpcclient", "smbget", "net":
		return habit{pairs: "U", long: "user", cut: '%'}, true
	case "lftp":
		return habit{pairs: "u", long: "user", cut: ','}, true
	case "ldapsearch", "ldapadd", "ldapmodify", "ldapdelete", "ldapwhoami", "ldapcompare", "ldappasswd", "ldapmodrdn":
		return habit{glued: "w", separate: "w"}, true
	case "sqlcmd", "bcp", "tsql", "ipmitool", "zip", "unzip", "osql",
		"mosquitto_pub", "mosquitto_sub": //nolint:misspell // their names
		return habit{glued: "P", separate: "P"}, true
	case "snmpget", "snmpwalk", "snmpbulkwalk", "snmpset", "snmpgetnext", "snmptrap":
		return habit{separate: "cAX"}, true
	case "openssl":
		return habit{separate: "kK"}, true
	case "sqlplus", "rman", "expdp", "impdp", "sqlldr":
		return habit{slash: true}, true
	case "xfreerdp", "xfreerdp3", "wlfreerdp":
		return habit{prefix: "/p:"}, true
	case "htpasswd":
		return habit{lastWith: 'b'}, true
	case "wpa_passphrase":
		return habit{last: true}, true
	}
	return habit{}, false
}

// flag masks the value of a flag that is a program's own habit; 0 where the run
// s[start:end], which begins a word, is none.
func (m *masker) flag(s string, start, end int) int {
	if m.known == 0 || end-start < 2 || s[start] != '-' {
		return 0
	}
	wholeArg := start == 0 && !m.script()
	for _, h := range m.habits[:m.known] {
		if to := m.habitual(h, s, start, end, wholeArg); to > 0 {
			return to
		}
	}
	return 0
}

// habitual is flag for one habit.
func (m *masker) habitual(h habit, s string, start, end int, wholeArg bool) int {
	letter := s[start+1]
	switch {
	case letter == '-':
		if h.long == "" || s[start+2:end] != h.long {
			return 0
		}
		if end < len(s) && s[end] == '=' {
			return m.glued(s, end+1, wholeArg, h.cut)
		}
		return m.following(s, end, h.cut)
	case has(h.glued, letter) && start+2 < len(s) && !wordBreakAt(s, start+2):
		return m.glued(s, start+2, wholeArg, 0)
	case has(h.separate, letter) && end == start+2:
		return m.following(s, end, 0)
	case has(h.pairs, letter) && end > start+2:
		return m.glued(s, start+2, wholeArg, h.cut)
	case h.pairs != "" && has(h.pairs, s[end-1]) && end-start < 6:
		return m.following(s, end, h.cut)
	}
	return 0
}

// wordBreakAt tells whether the word ends before i; quotes do not end it.
func wordBreakAt(s string, i int) bool {
	return wordBreak(s[i]) && s[i] != '"' && s[i] != '\''
}

// glued masks a value that begins at from; cut is 0 unless it is a pair.
func (m *masker) glued(s string, from int, wholeArg bool, cut byte) int {
	to := len(s)
	if !wholeArg {
		to = wordEnd(s, from)
		if !m.again(s, from, to-from) {
			return len(s)
		}
	}
	if cut == 0 {
		from, to := unquote(s, from, to)
		m.hide(s, from, to)
	} else if !m.hidePair(s, from, to, cut) {
		return 0
	}
	return to
}

// following masks the next word, or the next argument.
func (m *masker) following(s string, end int, cut byte) int {
	if end == len(s) {
		m.asked, m.awaits, m.cut = true, strong, cut
		return end
	}
	from := end
	for from < len(s) && space(s[from]) {
		from++
	}
	if from == end || from == len(s) || s[from] == '-' {
		return 0
	}
	return m.glued(s, from, false, cut)
}

// slashed masks the password of user/password@database.
func (m *masker) slashed(s string, start int) bool {
	for _, h := range m.habits[:m.known] {
		if !h.slash || m.at == 0 && start == 0 {
			continue
		}
		end := wordEnd(s, start)
		if !m.again(s, start, end-start) {
			return true
		}
		n := strings.IndexByte(s[start:end], '/')
		if n <= 0 || has(s[start:start+n], '=') || has(s[start:start+n], '.') {
			continue
		}
		to := end
		if at := strings.LastIndexByte(s[start:end], '@'); at > n {
			to = start + at
		}
		m.hide(s, start+n+1, to)
		return m.done >= to
	}
	return false
}
