package dps

import (
	"strings"
	"testing"
	"unicode/utf8"
)

// forbidden tells whether a text holds what must never reach a screen.
func forbidden(s string) (rune, bool) {
	if !utf8.ValidString(s) {
		return utf8.RuneError, true
	}
	for _, r := range s {
		switch {
		case r < ' ', r >= 0x7f && r <= 0x9f, r >= 0x202A && r <= 0x202E, r >= 0x2066 && r <= 0x2069,
			r >= 0x200B && r <= 0x200F, r == 0x2028, r == 0x2029, r == 0xFEFF, r >= 0xE0000 && r <= 0xE0FFF, r == 0x61C:
			return r, true
		}
	}
	return 0, false
}

func TestCleanEveryByteAndCharacter(t *testing.T) {
	for b := range 256 {
		got := Clean("a" + string([]byte{byte(b)}) + "b")
		if r, bad := forbidden(got); bad {
			t.Errorf("byte %#x: %U came through", b, r)
		}
		if len(got) != 3 {
			t.Errorf("byte %#x: %q, want one character for a byte", b, got)
		}
	}
	for r := rune(0); r <= 0x10FFFF; r++ {
		got := Clean("a" + string(r))
		if bad, found := forbidden(got); found {
			t.Fatalf("%U came through as %U", r, bad)
		}
	}
}

func TestCleanKeepsWhatPeopleRead(t *testing.T) {
	for _, s := range []string{"", "plain text", "naïve", "プロセス", "한국어", "العربية", "हिन्दी", "e\u0301", "🙂", "a b)"} {
		if got := Clean(s); got != s {
			t.Errorf("%q became %q", s, got)
		}
	}
}

func TestCleanSequences(t *testing.T) {
	for _, test := range []struct{ give, want string }{
		{"\x1b[31mred", "?[31mred"},
		{"\x1b]52;c;QUJD\x07", "?]52;c;QUJD?"},
		{"\x1b]8;;http://x\x1b\\link", "?]8;;http://x?\\link"},
		{"\u009b2J", "?2J"},
		{"a\tb\nc\r", "a?b?c?"},
		{"\u202egpj.exe", "?gpj.exe"},
		{"\xff\xfe\xc3", "???"},
		{"a\U000e0041", "a?"},
		{"e" + strings.Repeat("\u0301", 6), "e" + strings.Repeat("\u0301", 4) + "??"},
		{"\u0301x", "?x"},
		{"é\xffé\x01", "é???."},
		{"é\xe4\xb8", "é??"},
		{"\xe4\xb8 é", "?? é"},
		{"\xed\xa0\x80é", "???é"},
		{"\xf4\x90\x80\x80é", "?é"},
		{"\xf4\x90\x80 é", "??? é"},
	} {
		if got := Clean(test.give); got != test.want {
			t.Errorf("%q: %q, want %q", test.give, got, test.want)
		}
	}
}

func TestWidthAndCut(t *testing.T) {
	for _, test := range []struct {
		text  string
		width int
		at3   string
	}{
		{"", 0, ""},
		{"abc", 3, "abc"},
		{"abcd", 4, "abc"},
		{"日本語", 6, "日"},
		{"a日本", 5, "a日"},
		{"e\u0301e\u0301e\u0301e\u0301", 4, "e\u0301e\u0301e"},
		{"🙂🙂", 4, "🙂"},
	} {
		if got := Width(test.text); got != test.width {
			t.Errorf("%q is %d wide, want %d", test.text, got, test.width)
		}
		if got := Cut(test.text, 3); got != test.at3 {
			t.Errorf("%q cut to 3: %q, want %q", test.text, got, test.at3)
		}
	}
	if got := Width(Cut(Clean("x"+strings.Repeat("\u0301", 10_000)+"y"), 10)); got != 10 {
		t.Errorf("a heap of marks is %d wide, want 10", got)
	}
}

func FuzzClean(f *testing.F) {
	f.Add("a\x1b[0m\u202e\xff日e\u0301")
	f.Fuzz(func(t *testing.T, s string) {
		got := Clean(s)
		if r, bad := forbidden(got); bad {
			t.Fatalf("%q: %U came through", s, r)
		}
		if again := Clean(got); again != got {
			t.Fatalf("%q is not clean the second time: %q", got, again)
		}
		for _, width := range []int{0, 1, 2, 7} {
			if w := Width(Cut(got, width)); w > width {
				t.Fatalf("%q cut to %d is %d wide", got, width, w)
			}
		}
	})
}
