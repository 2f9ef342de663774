package dps

import "strings"

// bsdNames are the names that PS_PERSONALITY has for systems whose ps speaks BSD.
const bsdNames = " bsd debian digital gnu old "

// speaksBSD tells whether the environment asks for BSD's habits: its default
// format, and every terminal instead of this one. PS_PERSONALITY counts before
// CMD_ENV. The formats of single systems are not imitated: see DIFFERENCES.md.
func speaksBSD(getenv func(string) string) bool {
	name := getenv("PS_PERSONALITY")
	if name == "" {
		name = getenv("CMD_ENV")
	}
	if strings.ContainsAny(name, " ") {
		return false
	}
	return name != "" && strings.Contains(bsdNames, " "+strings.ToLower(name)+" ") || getenv("I_WANT_A_BROKEN_PS") != ""
}
