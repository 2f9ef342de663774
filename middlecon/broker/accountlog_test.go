package broker

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"ddcos/middlecon/room"
	"ddcos/protocol"
)

// record is a log that many may write to, and a test may read meanwhile.
type record struct {
	mu   sync.Mutex // guards text
	text bytes.Buffer
}

func (r *record) Write(b []byte) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.text.Write(b)
}

func (r *record) String() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.text.String()
}

// opened is an account log at a path, with what it tells.
func opened(t *testing.T, path string, rooms ...string) (*AccountLog, *record) {
	t.Helper()
	told := &record{}
	l, err := OpenAccountLog(path, rooms, slog.New(slog.NewTextHandler(told, nil)))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(l.Close)
	return l, told
}

// linesOf reads the lines of a file, each of which must be JSON.
func linesOf(t *testing.T, path string) []accountLine {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var all []accountLine
	for line := range bytes.Lines(b) {
		var a accountLine
		if err := json.Unmarshal(line, &a); err != nil {
			t.Fatalf("%q: %v", line, err)
		}
		all = append(all, a)
	}
	return all
}

// written waits until so many lines are.
func (l *AccountLog) awaitWritten(t *testing.T, n uint64) {
	t.Helper()
	until(t, fmt.Sprintf("%d lines are written", n), func() bool { w, _ := l.counts(); return w == n })
}

// numbered is a line of its own.
func numbered(n int) []byte {
	return encodeLine(&accountLine{Room: fmt.Sprint("room ", n), Outcomes: map[string]int{}})
}

// What is told of waits for no line: each is counted, once, as written or as
// dropped.
func addAll(t *testing.T, l *AccountLog, n int) {
	t.Helper()
	before, lost := l.counts()
	for i := range n {
		l.add(numbered(i))
	}
	until(t, "every line is accounted for", func() bool { w, d := l.counts(); return w+d-before-lost == uint64(n) })
}

func TestAccountLogModeAndErrors(t *testing.T) {
	dir := t.TempDir()
	l, _ := opened(t, filepath.Join(dir, "log"))
	if info, err := os.Stat(l.path); err != nil || info.Mode()&^0o640 != 0 {
		t.Errorf("%v, %v", info.Mode(), err)
	}
	for path, rooms := range map[string][]string{
		dir: nil, filepath.Join(dir, "no", "log"): nil, filepath.Join(dir, "a"): {"[a"}, filepath.Join(dir, "b"): make([]string, accountLogRooms+1),
	} {
		if l, err := OpenAccountLog(path, rooms, slog.New(slog.DiscardHandler)); err == nil {
			l.Close()
			t.Errorf("%s for rooms %q is opened", path, rooms)
		}
	}
}

func TestAccountLogRooms(t *testing.T) {
	for _, c := range []struct {
		patterns []string
		room     string
		want     bool
	}{
		{nil, "a", true},
		{[]string{"a"}, "a", true},
		{[]string{"a"}, "ab", false},
		{[]string{"b", "a*"}, "ab", true},
		{[]string{"a*"}, "a/b", false},
		{[]string{"*/b"}, "a/b", true},
	} {
		if got := (&AccountLog{rooms: c.patterns}).wants(c.room); got != c.want {
			t.Errorf("%q for %q: %v", c.room, c.patterns, got)
		}
	}
}

// Where a file is renamed, what comes after Reopen is in the new one, and no line
// is lost or told twice.
func TestAccountLogReopen(t *testing.T) {
	path := filepath.Join(t.TempDir(), "log")
	l, _ := opened(t, path)
	const files, each = 5, 200
	var seen []string
	for file := range files {
		for i := range each {
			l.add(numbered(file*each + i))
		}
		l.awaitWritten(t, uint64((file+1)*each))
		old := fmt.Sprint(path, ".", file)
		if err := os.Rename(path, old); err != nil {
			t.Fatal(err)
		}
		for _, line := range linesOf(t, old) {
			seen = append(seen, line.Room)
		}
		l.Reopen()
		until(t, "there is a new file", func() bool { _, err := os.Stat(path); return err == nil })
	}
	for i, room := range seen {
		if room != fmt.Sprint("room ", i) {
			t.Fatalf("line %d is of %s", i, room)
		}
	}
	if len(seen) != files*each {
		t.Errorf("%d lines of %d", len(seen), files*each)
	}
}

// A path that cannot be opened anew leaves the old file in use.
func TestAccountLogReopenFails(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "d")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	l, told := opened(t, filepath.Join(dir, "log"))
	if err := os.Rename(dir, dir+"2"); err != nil {
		t.Fatal(err)
	}
	l.Reopen()
	until(t, "it is told", func() bool { return strings.Contains(told.String(), "cannot be opened anew") })
	addAll(t, l, 10)
	if got := linesOf(t, filepath.Join(dir+"2", "log")); len(got) != 10 {
		t.Errorf("%d lines", len(got))
	}
}

func TestAccountLogFullDevice(t *testing.T) {
	l, told := opened(t, "/dev/full")
	addAll(t, l, 100)
	if w, d := l.counts(); w != 0 || d != 100 {
		t.Errorf("%d written, %d dropped", w, d)
	}
	until(t, "it is told", func() bool { return strings.Contains(told.String(), "no space left") })
	if n := strings.Count(told.String(), "are dropped"); n != 1 {
		t.Errorf("told %d times", n)
	}
}

// A disk that was full is written to again when it is not, and of what it has
// nothing but the line where it was full is spoiled.
func TestAccountLogFullDisk(t *testing.T) {
	dir := t.TempDir()
	if err := unix.Mount("none", dir, "tmpfs", 0, "size=64k"); err != nil {
		t.Skipf("no tmpfs here: %v", err)
	}
	t.Cleanup(func() {
		if err := unix.Unmount(dir, unix.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
	path := filepath.Join(dir, "log")
	l, _ := opened(t, path)
	addAll(t, l, 1000)
	full, dropped := l.counts()
	if full == 0 || dropped == 0 {
		t.Fatalf("%d written, %d dropped", full, dropped)
	}
	spoiled, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if n := bytes.Count(spoiled, []byte{'\n'}); uint64(n) != full {
		t.Errorf("%d whole lines, %d counted", n, full)
	}
	if err := os.Truncate(path, 1000); err != nil {
		t.Fatal(err)
	}
	addAll(t, l, 10)
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSuffix(string(b), "\n"), "\n")
	for _, line := range lines[len(lines)-10:] {
		if !json.Valid([]byte(line)) {
			t.Errorf("after a full disk: %q", line)
		}
	}
}

// A FIFO without a reader, one whose reader does not read, and one whose reader
// goes: nobody waits, and what is read is whole lines.
func TestAccountLogFIFO(t *testing.T) {
	path := filepath.Join(t.TempDir(), "fifo")
	if err := unix.Mkfifo(path, 0o600); err != nil {
		t.Fatal(err)
	}
	l, _ := opened(t, path)
	addAll(t, l, 10)
	if w, d := l.counts(); w != 0 || d != 10 {
		t.Fatalf("%d written, %d dropped, and nobody reads", w, d)
	}
	reader, err := os.OpenFile(path, os.O_RDONLY|unix.O_NONBLOCK, 0)
	if err != nil {
		t.Fatal(err)
	}
	l.Reopen()
	addAll(t, l, 10)
	if w, _ := l.counts(); w != 10 {
		t.Fatalf("%d written", w)
	}
	const many = 30_000 // more than pipe and queue hold
	for i := range many {
		l.add(numbered(i))
	}
	if _, d := l.counts(); d == 10 {
		t.Error("a reader that does not read drops nothing")
	}
	if err := reader.Close(); err != nil {
		t.Fatal(err)
	}
	until(t, "every line is accounted for", func() bool { w, d := l.counts(); return w+d == 20+many })
}

// Close waits for no reader.
func TestAccountLogCloseStuck(t *testing.T) {
	path := filepath.Join(t.TempDir(), "fifo")
	if err := unix.Mkfifo(path, 0o600); err != nil {
		t.Fatal(err)
	}
	reader, err := os.OpenFile(path, os.O_RDONLY|unix.O_NONBLOCK, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = reader.Close() }()
	l, _ := opened(t, path)
	for i := range 5000 {
		l.add(numbered(i))
	}
	l.Close()
	select {
	case <-l.done:
	case <-time.After(patience):
		t.Error("the writer goes on")
	}
	if w, d := l.counts(); w+d != 5000 || d == 0 {
		t.Errorf("%d written, %d dropped", w, d)
	}
}

// Reopen takes a writer away from a reader that does not read.
func TestAccountLogReopenStuck(t *testing.T) {
	path := filepath.Join(t.TempDir(), "log")
	if err := unix.Mkfifo(path, 0o600); err != nil {
		t.Fatal(err)
	}
	reader, err := os.OpenFile(path, os.O_RDONLY|unix.O_NONBLOCK, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = reader.Close() }()
	l, _ := opened(t, path)
	for i := range 3000 {
		l.add(numbered(i))
	}
	if err := os.Rename(path, path+".1"); err != nil {
		t.Fatal(err)
	}
	l.Reopen()
	until(t, "every line is accounted for", func() bool { w, d := l.counts(); return w+d == 3000 })
	if got := linesOf(t, path); len(got) == 0 {
		t.Error("nothing is in the new file")
	}
}

// What the network named does nothing to a line, nor to a terminal.
func TestAccountLineEscapes(t *testing.T) {
	evil := "a\n{\"room\":\"x\"}\x1b[2J\x7f\u009b\u2028\u202e\U000e0001\xff"
	a := &room.Account{Caller: room.Peer{Host: evil, Software: evil, Principal: "uid 7"}, Summary: protocol.Summary{Room: evil}}
	for range accountLogNames + 3 {
		a.Entries = append(a.Entries, protocol.Entry{Name: evil, Outcome: protocol.Timeout})
	}
	b := encodeLine(newAccountLine(a, evil, time.Unix(1, 0)))
	for i, c := range b[:len(b)-1] {
		if c < 0x20 || c > 0x7e {
			t.Fatalf("byte %#x at %d of %q", c, i, b)
		}
	}
	var line accountLine
	if err := json.Unmarshal(b, &line); err != nil {
		t.Fatal(err)
	}
	want := strings.ToValidUTF8(evil, "\uFFFD")
	names := slices.Compact([]string{line.Room, line.Caller.Name, line.Caller.Software, line.Caller.Host, line.NotOK[0].Name, want})
	if len(names) != 1 {
		t.Errorf("%q", names)
	}
	if len(line.NotOK) != accountLogNames || line.More != 3 || line.Outcomes["timeout"] != accountLogNames+3 || *line.Caller.UID != 7 {
		t.Errorf("%+v", line)
	}
}
