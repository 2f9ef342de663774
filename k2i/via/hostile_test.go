package via

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"

	"ddcos/k2i"
	"ddcos/k2i/fleet"
	"ddcos/k2i/query"
	"ddcos/k2i/wire"
)

// parts are what a host could do instead of answering, and what is told of it.
// "" stands for any failure.
var parts = map[string]struct {
	play func(in *bufio.Reader, nonce string)
	req  wire.Request
	err  string
}{
	"noise without end": {func(*bufio.Reader, string) { endless(os.Stdout, "x") }, wire.Request{}, "no shell answered"},
	"lines without end": {func(*bufio.Reader, string) { endless(os.Stdout, "k2i-no Linux x86_64\n") }, wire.Request{}, "no shell answered"},
	"errors without end": {func(_ *bufio.Reader, nonce string) {
		for range 1 << 10 {
			fmt.Fprint(os.Stderr, strings.Repeat("lament ", 1<<10))
		}
		fmt.Fprint(os.Stderr, "\nthe last word\n\n")
	}, wire.Request{}, "the last word"},
	"another nonce":    {func(_ *bufio.Reader, nonce string) { fmt.Println(nonce+"x", "Linux", "x86_64") }, wire.Request{}, "no shell answered"},
	"a long machine":   {func(_ *bufio.Reader, nonce string) { fmt.Println(nonce, "Linux", strings.Repeat("m", 1000)) }, wire.Request{}, `kind "mmmm`},
	"another machine":  {func(_ *bufio.Reader, nonce string) { fmt.Println(nonce, "Linux", "vax") }, connections, `kind "vax"`},
	"another system":   {func(_ *bufio.Reader, nonce string) { fmt.Println(nonce, "SunOS", "x86_64") }, wire.Request{}, `"SunOS": k2i knows Linux only`},
	"nothing gathered": {answering(""), wire.Request{}, "ended early"},
	"no dump":          {answering(strings.Repeat("9", 1<<10)), wire.Request{}, "was not asked for"},
	"a dump of no end": {func(in *bufio.Reader, nonce string) { take(in, nonce); endless(os.Stdout, "\x00") }, wire.Request{}, "before any sample"},
	"a huge answer":    {answering("99999999999\n"), connections, "want 0 to"},
	"a negative one":   {answering("-1\n"), connections, "want 0 to"},
	"no number":        {answering("\x1b[2J\n"), connections, `\x1b[2J`},
	"less than said":   {answering("1000000\nabc"), connections, "ended after 3 of 1000000"},
	"no line":          {answering(strings.Repeat("9", 1<<16)), connections, "no answer"},
	"no msgpack":       {answering("3\n\xc1\xc1\xc1"), connections, "answer: "},
	"a wild map":       {answering("6\n\xdf\xff\xff\xff\xff\x00"), connections, "answer: "},
	"no answer at all": {answering(""), connections, "no answer"},
}

// play is this test's binary in the place of a host's shell.
func play(part string) {
	if part == "cut" {
		cut()
		return
	}
	in := bufio.NewReader(os.Stdin)
	nonce := ""
	for nonce == "" {
		line, err := in.ReadString('\n')
		if err != nil {
			return
		}
		nonce = regexp.MustCompile(`k2i-[A-Z2-7]+`).FindString(line)
	}
	if part == "liar" {
		lie(in, nonce)
		return
	}
	parts[part].play(in, nonce)
}

// answering takes the program as a shell would, and says what it was told.
func answering(text string) func(*bufio.Reader, string) {
	return func(in *bufio.Reader, nonce string) {
		take(in, nonce)
		fmt.Print(text)
	}
}

// take reads the script to its end, says the first word and takes the program.
func take(in *bufio.Reader, nonce string) {
	line := ""
	for line != "}\n" {
		var err error
		if line, err = in.ReadString('\n'); err != nil {
			return
		}
	}
	fmt.Println(nonce, "Linux", "x86_64")
	_, _ = io.Copy(io.Discard, in) // the question and the program
}

// cut is a connection that breaks while the program is carried over.
func cut() {
	shell := exec.Command("sh")
	shell.Stdin, shell.Stdout, shell.Stderr = io.LimitReader(os.Stdin, 10_000), os.Stdout, os.Stderr
	_ = shell.Run()
}

// endless writes until nobody reads any more.
func endless(w io.Writer, text string) {
	block := []byte(strings.Repeat(text, 1<<12))
	for {
		if _, err := w.Write(block); err != nil {
			return
		}
	}
}

// lie answers with another host's name.
func lie(in *bufio.Reader, nonce string) {
	take(in, nonce)
	a := wire.ConnectionsAnswer{}
	a.Host.Name, a.Host.CPUs, a.Host.TicksPerSecond, a.Host.PageBytes = "victim", 1, 100, 4096
	a.Connections.Mode = k2i.ModeProcfs
	body := wire.EncodeBody(&a)
	fmt.Printf("%d\n%s", len(body), body)
}

func TestHostileHosts(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	programs := noise(t)
	for part, want := range parts {
		t.Run(part, func(t *testing.T) {
			t.Parallel()
			r := askFor(t.Context(), t, hostile+"='"+part+"' "+self+" {host}", programs, want.req, "h")[0]
			if r.Status == fleet.StatusOK || r.Status == fleet.StatusTimeout || !strings.Contains(r.Err, want.err) {
				t.Errorf("got %+v, want %q", r, want.err)
			}
			if len(r.Err) > maxErrors+100 {
				t.Errorf("an error of %d bytes", len(r.Err))
			}
		})
	}
}

// TestHostsAreCalledAsTheyWereReached: nobody answers under another's name.
func TestHostsAreCalledAsTheyWereReached(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	replies := askFor(t.Context(), t, hostile+"=liar "+self+" {host}", noise(t), connections, "h")
	if os.Getuid() == 0 {
		replies = append(replies, ask(t.Context(), t, "HOST={host} unshare --uts sh -c 'hostname victim; exec \"$0\"'", query.Query{}, "h")...)
	}
	for _, r := range replies {
		if r.Status != fleet.StatusOK || r.Host != "h" || r.Answer.Host.Name != "h" {
			t.Errorf("got %+v", r)
		}
	}
}

func TestTail(t *testing.T) {
	kept := &tail{limit: 8}
	for _, b := range [][]byte{[]byte("abc"), bytes.Repeat([]byte("d"), 100), []byte("\nxyz\n"), nil} {
		if n, err := kept.Write(b); n != len(b) || err != nil {
			t.Errorf("took %d of %d, %v", n, len(b), err)
		}
	}
	if got := string(kept.kept); got != "ddd\nxyz\n" || kept.line() != "xyz" {
		t.Errorf("kept %q, line %q", got, kept.line())
	}
}
