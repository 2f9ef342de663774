package faults

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"testing"
)

func TestJournal(t *testing.T) {
	path := filepath.Join(t.TempDir(), "journal")
	want := []Line{
		{At: 5, Member: "m1", Life: 2, Step: Began, Key: Key{"x", 7}, Digest: 1 << 63},
		{At: 6, Member: "m1", Step: Effect, Key: Key{"x", 7}},
	}
	for _, l := range want { // each time anew, as a process that was killed and started again
		j, err := OpenJournal(path)
		if err != nil {
			t.Fatal(err)
		}
		if err := j.Write(l); err != nil {
			t.Fatal(err)
		}
		if err := j.Close(); err != nil {
			t.Fatal(err)
		}
	}
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for cut := range text {
		got, err := ParseJournal(text[:cut])
		whole := 0
		for _, b := range text[:cut] {
			if b == '\n' {
				whole++
			}
		}
		if err != nil || !slices.Equal(got, want[:whole]) {
			t.Fatalf("torn at %d: %v %v", cut, got, err)
		}
	}
	if got, err := ParseJournal(text); err != nil || !slices.Equal(got, want) {
		t.Errorf("got %v %v, want %v", got, err, want)
	}
	if _, err := ParseJournal([]byte("1 m1 2 began\n")); !errors.Is(err, ErrJournal) {
		t.Errorf("a short line: %v", err)
	}
}

func TestPayload(t *testing.T) {
	text := Payload(Key{"x", 3}, []string{"m1=kill:began", "*=big:5", "m2=refuse"}, 10)
	key, orders, err := ParsePayload(text, "m1")
	if err != nil || key != (Key{"x", 3}) || !slices.Equal(orders, []string{"kill:began", "big:5"}) {
		t.Errorf("%v %v %v", key, orders, err)
	}
	for _, wrong := range []string{"", "\n", "x\n", "x y\n", "x 3"} {
		if _, _, err := ParsePayload([]byte(wrong), "m1"); err == nil {
			t.Errorf("%q was read", wrong)
		}
	}
}

func FuzzParseJournal(f *testing.F) {
	f.Add([]byte("5 m1 2 began x 7 8000000000000000\n6 m1 0 effect x 7 0\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		lines, err := ParseJournal(text)
		if len(lines) > len(text) {
			t.Errorf("%d lines of %d bytes: %v", len(lines), len(text), err)
		}
	})
}
