package dtop

import (
	"slices"
	"strings"
	"testing"

	"ddcos/dps"
	"ddcos/k2i/fleet"
)

func TestColumnsOfAFormat(t *testing.T) {
	cells, err := Cells("pid:5,comm=NAME,nice")
	if err != nil {
		t.Fatal(err)
	}
	s := NewState(60, 8, 0)
	s.Plain, s.cells = true, cells
	s.Answer(answerOf(), nil, at, 0)
	lines := strings.Split(View(&s), "\n")
	if want := "HOST   PID NAME"; !strings.HasPrefix(lines[2], want) {
		t.Errorf("got %q, want %q", lines[2], want)
	}
	for _, field := range []string{"nice", "rcpu", "pid"} { // a column's, and a sort key's
		if !slices.Contains(s.Query().Fields, field) {
			t.Errorf("%s is not asked for: %v", field, s.Query().Fields)
		}
	}
	if slices.Contains(s.Query().Fields, "args") {
		t.Error("what no column shows is asked for")
	}
	if own, err := Cells("comm,host"); err != nil || len(own) != 2 || own[1].Key != "host" {
		t.Errorf("the host is not where it was asked for: %v", err)
	}
	for _, wrong := range []string{"nosuch", ","} {
		if _, err := Cells(wrong); err == nil {
			t.Errorf("%q is taken", wrong)
		}
	}
	if none, err := Cells(""); err != nil || len(none) != len(usual) {
		t.Errorf("%d usual columns, %v", len(none), err)
	}
}

// A broker that could not be asked is told before the hosts: who is at none but that
// one stands nowhere else.
func TestBrokersThatFailed(t *testing.T) {
	table := answerOf()
	table.Brokers = []fleet.BrokerState{
		{Address: "tcp://a:1", Questions: 1},
		{Address: "tcp://b:2", Err: "the broker cannot be reached at tcp://b:2: connection refused\x1b[2J"},
	}
	s := NewState(80, 24, 0)
	s.Plain = true
	s.Answer(table, nil, at, 0)
	lines := strings.Split(View(&s), "\n")
	if !strings.Contains(lines[0], "2 hosts, 1 failed, 1 of 2 brokers failed |") {
		t.Errorf("got %q", lines[0])
	}
	if want := "broker tcp://b:2: cannot be reached: connection refused?[2J"; lines[1] != want || !strings.HasPrefix(lines[2], "web3: absent") {
		t.Errorf("got %q, want %q, then web3", lines[1:3], want)
	}
	table.Brokers = table.Brokers[:1]
	if s.Answer(table, nil, at, 0); strings.Contains(View(&s), "broker") {
		t.Errorf("a broker that answered is told of:\n%s", View(&s))
	}
}

// Without colours there is bold and reverse still: a selection shows.
func TestColorless(t *testing.T) {
	s := NewState(80, 12, 0)
	s.Answer(answerOf(), nil, at, 0)
	press(t, &s, "down")
	colored := View(&s)
	s.Colorless = true
	plain := View(&s)
	if !strings.Contains(colored, "\x1b[1;31m") || strings.Contains(plain, "31m") || strings.Contains(plain, "\x1b[3") {
		t.Errorf("colours:\n%q\nnone:\n%q", colored, plain)
	}
	if !strings.Contains(plain, "\x1b[1;7m") && !strings.Contains(plain, "\x1b[7;1m") {
		t.Errorf("a selection does not show: %q", plain)
	}
	if dps.Tint(s.rows()[0].Process) == "" {
		t.Error("nothing here has a colour in dps")
	}
}
