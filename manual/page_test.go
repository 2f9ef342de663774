package manual_test

import (
	"bytes"
	"errors"
	"os/exec"
	"strings"
	"testing"

	"ddcos/manual"
)

// somePage has all that a page may have, and what roff would take for its own.
func somePage() *manual.Page {
	p := manual.New("prog sub", `does "it"`)
	p.Section("DESCRIPTION")
	p.Text("First it's ~here\nand \\fBnot bold\\fP.\n\n  --table  `cell`\n.TH not a request\n\nlast")
	p.Section("OPTIONS")
	p.Part("Some")
	p.Item(`--where 'comm matches "^a|^b"'`, "'quoted' at the beginning")
	p.Item(".dotted", ".too")
	p.See([]string{"prog", "prog-other"})
	return p
}

func TestPage(t *testing.T) {
	want := `.TH PROG\-SUB 1 "" ddcos "User Commands"
.SH NAME
prog\-sub \- does \(dqit\(dq
.SH DESCRIPTION
First it\(aqs \(tihere
and \efBnot bold\efP.
.PP
.nf
  \-\-table  \(gacell\(ga
\&.TH not a request
.fi
.PP
last
.SH OPTIONS
.SS Some
.TP
.B \-\-where \(aqcomm matches \(dq\(haa|\(hab\(dq\(aq
\(aqquoted\(aq at the beginning
.TP
.B \&.dotted
\&.too
.SH SEE ALSO
.BR prog (1),
.BR prog\-other (1)
`
	if got := somePage().String(); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

// The real formatters have nothing to say of it, and show every character.
func TestFormatters(t *testing.T) {
	for _, command := range []string{"groff -mandoc -ww -Tutf8 -P-cbou", "groff -man -ww -Tascii -P-cbou", "mandoc -Tutf8 -Wwarning"} {
		words := strings.Fields(command)
		if _, err := exec.LookPath(words[0]); err != nil {
			t.Logf("%s is not here", words[0])
			continue
		}
		formatter := exec.CommandContext(t.Context(), words[0], words[1:]...)
		formatter.Stdin = strings.NewReader(somePage().String())
		var warnings bytes.Buffer
		formatter.Stderr = &warnings
		shown, err := formatter.Output()
		var said []string
		for line := range strings.Lines(warnings.String()) { // a page without a date is the same each time
			if !strings.Contains(line, "missing date") && !strings.Contains(line, "see above the output") {
				said = append(said, line)
			}
		}
		if exit := (*exec.ExitError)(nil); err != nil && !errors.As(err, &exit) || len(said) > 0 || len(shown) == 0 {
			t.Errorf("%s: %v, %s", command, err, said)
		}
		text := string(shown)
		if words[0] == "mandoc" { // it strikes twice for bold
			var plain []rune
			for _, r := range text {
				if r == '\b' {
					plain = plain[:len(plain)-1]
					continue
				}
				plain = append(plain, r)
			}
			text = string(plain)
		}
		for _, want := range []string{`--where 'comm matches "^a|^b"'`, `\fBnot bold\fP`, "  --table  `cell`\n", ".TH not a request", "it's ~here", "prog-other(1)"} {
			if !strings.Contains(text, want) {
				t.Errorf("%s does not show %s:\n%s", command, want, text)
			}
		}
	}
}
