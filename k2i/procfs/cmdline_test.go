package procfs

import (
	"slices"
	"strings"
	"testing"

	"ddcos/k2i"
)

func TestParseCmdline(t *testing.T) {
	for name, c := range map[string]struct {
		text string
		want []string
	}{
		"none":               {"", []string{}},
		"only NULs":          {"\x00\x00", []string{}},
		"one":                {"cat\x00", []string{"cat"}},
		"an empty one":       {"cat\x00\x00-n\x00", []string{"cat", "", "-n"}},
		"empty first":        {"\x00-n\x00", []string{"", "-n"}},
		"title, padded":      {"nginx: worker\x00\x00\x00\x00", []string{"nginx: worker"}},
		"no NUL at the end":  {"title that runs on", []string{"title that runs on"}},
		"control characters": {"a\nb\x00\x1b[2J\x00\xff\x00", []string{"a\nb", "\x1b[2J", "\xff"}},
	} {
		if got := ParseCmdline([]byte(c.text)); got == nil || !slices.Equal(got, c.want) {
			t.Errorf("%s: got %q", name, got)
		}
	}
}

// Two megabytes of arguments cost what the first 4,096 bytes cost.
func TestCmdlineIsCut(t *testing.T) {
	tr := newTree(t)
	tr.process(9)
	tr.write("9/cmdline", "cat\x00"+strings.Repeat("x", 2<<20)+"\x00")
	fs := tr.open()
	r := fs.reader(-1)
	p, _, err := fs.read(&r, 9)
	if err != nil {
		t.Fatal(err)
	}
	same(t, "arguments", len(p.Args), 2)
	same(t, "bytes kept", len(p.Args[1]), k2i.MaxArgs-len("cat\x00"))
	same(t, "buffer", len(r.buf), MaxFile)

	tr.write("9/cmdline", strings.Repeat("y\x00", 1<<20))
	if p, err = fs.Process(9); err != nil {
		t.Fatal(err)
	}
	same(t, "short arguments", len(p.Args), k2i.MaxArgs/2)
}

func FuzzCmdline(f *testing.F) {
	o := newOracle(f, "cmdline")
	f.Add([]byte("cat\x00-n\x00\x00"))
	f.Add([]byte("\x00a"))
	f.Add([]byte(strings.Repeat("x", k2i.MaxArgs+1)))
	f.Fuzz(func(t *testing.T, b []byte) {
		args := ParseCmdline(b)
		if joined := strings.Join(args, "\x00"); args == nil || len(joined) > k2i.MaxArgs || !strings.HasPrefix(string(b), joined) {
			t.Errorf("%q became %q", b, args)
		}
		o.set(t, b)
		want, err := o.proc.CmdLine()
		if err == nil && len(b) <= k2i.MaxArgs && len(args) > 0 && !slices.Equal(args, want) {
			t.Errorf("got %q, the library %q", args, want)
		}
	})
}
