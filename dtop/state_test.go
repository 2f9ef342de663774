package dtop

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"ddcos/k2i"
	"ddcos/k2i/fleet"
)

// at is when the answers of these tests came.
var at = time.Date(2026, time.March, 1, 10, 0, 0, 0, time.UTC)

func process(pid int32, start uint64, user, comm string, rcpu k2i.Rate, rssMiB, cpuSeconds uint64) k2i.Process {
	return k2i.Process{
		PID: pid, StartTicks: start, User: user, Comm: comm, Args: []string{comm, "--flag"}, State: "S", RCPU: rcpu,
		RSSBytes: rssMiB << 20, UserNS: cpuSeconds * uint64(time.Second), CPUNS: cpuSeconds * uint64(time.Second),
	}
}

func host(name string, busy k2i.Rate, processes ...k2i.Process) (*fleet.Host, []fleet.Row) {
	h := &fleet.Host{
		Name: name, Status: fleet.StatusOK, BusyCPUs: busy, Total: len(processes) + 100,
		Info: k2i.Host{ID: k2i.HostID("id-" + name), Name: name, CPUs: 4, MemTotalBytes: 8 << 30, MemAvailableBytes: 6 << 30, PIDMax: 32768},
	}
	var rows []fleet.Row
	for i := range processes {
		rows = append(rows, fleet.Row{Host: h, Process: &processes[i]})
	}
	return h, rows
}

// answerOf is an answer of two hosts, and of one that is lost.
func answerOf() *fleet.Table {
	a, rowsA := host("web1", 1.25,
		process(1, 10, "root", "init", 0, 8, 3),
		process(200, 500, "www", "nginx\x1b[2J", 0.75, 64, 4000))
	b, rowsB := host("web2", k2i.NoRate(),
		process(1, 11, "root", "init", k2i.NoRate(), 8, 5),
		process(77, 900, "averyverylonguser", "java", 2.5, 2048, 100))
	lost := &fleet.Host{Name: "web3", Status: fleet.StatusAbsent, Err: "lost 12s ago: \x1b]0;x\x07reset", BusyCPUs: k2i.NoRate()}
	return &fleet.Table{Hosts: []*fleet.Host{a, b, lost}, Rows: append(rowsA, rowsB...)}
}

// screen is a state with an answer.
func screen(width, height int) State {
	s := NewState(width, height, time.Second)
	s.Plain = true
	s.Answer(answerOf(), nil, at, 10*time.Millisecond)
	return s
}

func press(t *testing.T, s *State, keys ...string) {
	t.Helper()
	for _, key := range keys {
		if quit, _ := s.Key(key); quit {
			t.Fatalf("%q quits", key)
		}
	}
}

func expect(t *testing.T, s *State, want string) {
	t.Helper()
	if got := View(s); got != strings.TrimPrefix(want, "\n") {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

func TestFrame(t *testing.T) {
	s := screen(80, 10)
	expect(t, &s, `
dtop 10:00:00 | 2 hosts, 1 failed | 204 processes | 1.25 of 8 CPUs busy | 4.0 of
web3: absent: lost 12s ago: ?]0;x?reset
HOST   PID USER      RCPU% %MEM      RSS     TIME S COMMAND
web2    77 averyve+  250.0 25.0  2097152 00:01:40 S java --flag
web1   200 www        75.0  0.7    65536 01:06:40 S nginx?[2J --flag
web1     1 root        0.0  0.0     8192 00:00:03 S init --flag
web2     1 root          -  0.0     8192 00:00:05 S init --flag


by cpu, down | every 1s | q quit  ? help  r reverse  / where  space pause  H hos`)
}

func TestFrameBeforeTheFirstAnswer(t *testing.T) {
	s := NewState(40, 4, time.Second)
	s.Plain = true
	expect(t, &s, "asking the hosts\n\n\nby cpu, down | every 1s | q quit  ? help")
	s.Answer(nil, errors.New("the broker\x1b[H cannot be reached"), at, 0)
	expect(t, &s, "no answer: the broker?[H cannot be reach\n\n\nby cpu, down | every 1s | q quit  ? help")
}

// An error does not take the table away.
func TestFrameAfterAnError(t *testing.T) {
	s := screen(60, 9)
	s.Answer(nil, errors.New("broker gone"), at.Add(time.Minute), 0)
	lines := strings.Split(View(&s), "\n")
	if lines[1] != "no answer since 10:00:00: broker gone" || !strings.HasPrefix(lines[4], "web2    77") {
		t.Errorf("got\n%s", View(&s))
	}
}

func TestSortKeys(t *testing.T) {
	for _, test := range []struct {
		keys []string
		want string
	}{
		{nil, "web2/77 web1/200 web1/1 web2/1"},
		{[]string{"r"}, "web2/1 web1/1 web1/200 web2/77"},
		{[]string{"M"}, "web2/77 web1/200 web1/1 web2/1"},
		{[]string{"T"}, "web1/200 web2/77 web2/1 web1/1"},
		{[]string{"T", "I"}, "web1/1 web2/1 web2/77 web1/200"},
		{[]string{"N"}, "web1/1 web2/1 web2/77 web1/200"},
		{[]string{"H"}, "web1/1 web1/200 web2/1 web2/77"},
		{[]string{"<"}, "web1/1 web2/1 web2/77 web1/200"},
		{[]string{"<", "<", "<", "<"}, "web1/1 web1/200 web2/1 web2/77"},
		{[]string{">", ">", ">"}, "web1/200 web2/77 web2/1 web1/1"},
		{[]string{"r", "P"}, "web2/77 web1/200 web1/1 web2/1"},
	} {
		s := screen(80, 20)
		press(t, &s, test.keys...)
		var got []string
		for _, r := range s.rows() {
			got = append(got, fmt.Sprintf("%s/%d", r.Host.Name, r.Process.PID))
		}
		if strings.Join(got, " ") != test.want {
			t.Errorf("%q: %v, want %s", test.keys, got, test.want)
		}
	}
}

// The agents are asked by what the screen is sorted by, and anew when that changes.
func TestQueryFollowsTheSortKey(t *testing.T) {
	s := screen(80, 20)
	if q := s.Query(); q.Sort[0].Field != "rcpu" || !q.Sort[0].Descending || q.Limit != maxRows || q.Check() != nil {
		t.Errorf("%+v, %v", q, q.Check())
	}
	if _, changed := s.Key("M"); !changed || s.Query().Sort[0].Field != "rss_bytes" {
		t.Errorf("after M: changed %v, %+v", changed, s.Query())
	}
	if _, changed := s.Key("down"); changed {
		t.Error("a move asks anew")
	}
	if _, changed := s.Key("H"); !changed || s.Query().Limit != maxRows || s.Query().Sort[0].Field != "host" {
		t.Errorf("after H: changed %v, %+v", changed, s.Query())
	}
	for _, o := range sorts {
		s.Sort = 0
		press(t, &s, o.key)
		if err := s.Query().Check(); err != nil {
			t.Errorf("%s: %v", o.name, err)
		}
	}
}

// The selection stays on its process, wherever that goes, and does not pass to
// another process that has the same pid.
func TestSelectionIsPinnedByIdentity(t *testing.T) {
	s := screen(80, 20)
	press(t, &s, "down", "down")
	if got := pinOf(s.rows()[s.cursor]); got != s.selected || s.rows()[s.cursor].Process.PID != 200 {
		t.Fatalf("selected %v, at %v", s.selected, got)
	}
	next := answerOf()
	next.Rows[1].Process.RCPU = 3 // to the top
	s.Answer(next, nil, at, 0)
	if s.cursor != 0 || s.rows()[0].Process.PID != 200 {
		t.Errorf("the cursor is at %d, want 0", s.cursor)
	}
	again := answerOf()
	again.Rows[1].Process.StartTicks++ // the pid was used again
	s.Answer(again, nil, at, 0)
	if strings.Contains(View(&s), " <") {
		t.Errorf("another process is selected:\n%s", View(&s))
	}
	press(t, &s, "esc")
	if s.pinned || s.offset != 0 {
		t.Error("esc did not let go")
	}
}

func TestScroll(t *testing.T) {
	many := make([]k2i.Process, 100)
	for i := range many {
		many[i] = process(int32(i+1), 1, "u", "p", k2i.Rate(100-i), 1, 1)
	}
	h, rows := host("h", 1, many...)
	s := NewState(80, 23, time.Second)
	s.Plain = true
	s.Answer(&fleet.Table{Hosts: []*fleet.Host{h}, Rows: rows}, nil, at, 0)
	for _, test := range []struct {
		key         string
		cursor, top int
	}{
		{"down", 0, 0},
		{"pgdown", 20, 1},
		{"pgdown", 40, 21},
		{"up", 39, 21},
		{"end", 99, 80},
		{"down", 99, 80},
		{"pgup", 79, 79},
		{"home", 0, 0},
		{"up", 0, 0},
		{"G", 99, 80},
		{"esc", 0, 0},
		{"pgdown", 19, 0},
	} {
		press(t, &s, test.key)
		if s.cursor != test.cursor || s.offset != test.top {
			t.Errorf("%s: cursor %d, top %d; want %d, %d", test.key, s.cursor, s.offset, test.cursor, test.top)
		}
		if lines := strings.Count(View(&s), "\n") + 1; lines != 23 {
			t.Errorf("%s: %d lines on a screen of 23", test.key, lines)
		}
	}
	s.Resize(80, 10)
	if s.cursor < s.offset || s.cursor >= s.offset+s.page() {
		t.Errorf("after a smaller screen the cursor %d is not among %d rows from %d", s.cursor, s.page(), s.offset)
	}
}

// No screen is so small, and no answer so poor, that a view breaks its bounds.
func TestEveryScreenSize(t *testing.T) {
	for width := range 100 {
		for height := 1; height < 14; height++ {
			s := screen(max(width, 1), height)
			press(t, &s, "down", "pgdown")
			lines := strings.Split(View(&s), "\n")
			if len(lines) > height {
				t.Fatalf("%dx%d: %d lines", width, height, len(lines))
			}
		}
	}
	empty := NewState(80, 24, time.Second)
	empty.Answer(&fleet.Table{}, nil, at, 0)
	press(t, &empty, "down", "up", "end", "pgup", "r", "H", "space")
	if !strings.Contains(View(&empty), "PAUSED") {
		t.Error("a pause does not show")
	}
}

func TestManyFailures(t *testing.T) {
	table := answerOf()
	for i := range 50 {
		table.Hosts = append(table.Hosts, &fleet.Host{Name: fmt.Sprintf("down%02d", i), Status: fleet.StatusTimeout, BusyCPUs: k2i.NoRate()})
	}
	s := NewState(80, 24, time.Second)
	s.Plain = true
	s.Answer(table, nil, at, 0)
	lines := strings.Split(View(&s), "\n")
	if lines[maxFailures] != "and 48 more hosts failed; dps names all" || !strings.HasPrefix(lines[maxFailures+1], "HOST") {
		t.Errorf("got\n%s", View(&s))
	}
}

func TestHelpAndQuit(t *testing.T) {
	s := screen(80, 40)
	press(t, &s, "?")
	for _, b := range bindings() {
		if !strings.Contains(View(&s), b.help) {
			t.Errorf("the help says nothing of %q", b.keys)
		}
	}
	press(t, &s, "?")
	s.Resize(80, 6)
	press(t, &s, "?")
	all := View(&s)
	for range len(helpLines()) {
		press(t, &s, "down")
		all += View(&s)
	}
	for _, line := range helpLines() {
		if !strings.Contains(all, line) {
			t.Errorf("no scrolling shows %q", line)
		}
	}
	press(t, &s, "up")
	if last := helpLines()[len(helpLines())-1]; strings.Contains(View(&s), last) || strings.Count(View(&s), "\n") != 5 {
		t.Errorf("a line up from the end it shows\n%s", View(&s))
	}
	press(t, &s, "?")
	for _, key := range quitKeys {
		if quit, _ := s.Key(key); !quit {
			t.Errorf("%q does not quit", key)
		}
	}
	seen := map[string]bool{}
	for _, b := range bindings() {
		for _, key := range b.keys {
			if seen[key] {
				t.Errorf("%q is bound twice", key)
			}
			seen[key] = true
		}
	}
}
