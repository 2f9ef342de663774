package dps

import (
	"fmt"
	"io"
	"strings"
)

// infoLetters are the formats that WriteInfo tells of, as ps --info does.
var infoLetters = []struct {
	letters style
	name    string
}{
	{bsdJobs, "BSD j"},
	{bsdLong, "BSD l"},
	{bsdSignals, "BSD s"},
	{bsdUser, "BSD u"},
	{bsdMemory, "BSD v"},
	{unixFull, "SysV -f"},
	{unixFull | unixLong, "SysV -fl"},
	{unixJobs, "SysV -j"},
	{unixLong, "SysV -l"},
}

// WriteInfo tells what the environment asks for: the formats that letters mean,
// the personality, the screen, which has columns and rows, 0 for no limit.
func WriteInfo(w io.Writer, env Env, version string, columns, rows int) error {
	var b strings.Builder
	for _, l := range infoLetters {
		name, _ := env.Personality.format(l.letters)
		if name == "" {
			name = "(none)"
		}
		fmt.Fprintf(&b, "%-8s %s\n", l.name, name)
	}
	if columns == 0 {
		columns = maxLine
	}
	if rows == 0 {
		rows = pipeRows
	}
	personality := env.Personality.name
	if personality == "" {
		personality = "unknown"
	}
	fmt.Fprintf(&b, "\n%s\n\nscreen_cols=%d screen_rows=%d\npersonality=%q PS_FORMAT=%q\n", Clean(version), columns, rows, Clean(personality), Clean(env.Format))
	_, err := io.WriteString(w, b.String())
	return err
}
