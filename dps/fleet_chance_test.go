package dps_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"ddcos/dps"
	"ddcos/k2i"
	"ddcos/k2i/fleet"
)

// manyHosts is a fleet whose processes have any parents, also each other.
func manyHosts(r *rand.Rand, hosts int) *scripted {
	s := &scripted{}
	for h := range hosts {
		var processes []k2i.Process
		for pid := range int32(12) {
			processes = append(processes, k2i.Process{
				PID: pid + 1, PPID: r.Int32N(14), SID: r.Int32N(14), PGID: r.Int32N(14), TTYNr: k2i.EncodeDev(136, r.Uint32N(2)),
				User: []string{"root", "daemon", "日本"}[r.IntN(3)], EUID: r.Uint32N(3), Group: "g", Comm: []string{"sleep", "a b", "\x1b\u202e"}[r.IntN(3)],
				Args: slices.Repeat([]string{"word"}, r.IntN(4)), State: []string{"S", "R", "Z", "D"}[r.IntN(4)], Kernel: r.IntN(4) == 0,
				StartTicks: r.Uint64N(1 << 20), UserNS: r.Uint64N(1 << 50), RSSBytes: r.Uint64N(1 << 40), VSZBytes: r.Uint64(), Threads: r.Int32N(9),
			})
		}
		s.hosts = append(s.hosts, host(fmt.Sprintf("host-%d", h), int64(r.Uint32()), time.Duration(r.Int64N(1<<50)), processes...))
	}
	return s
}

// Whatever is asked of several hosts, it is answered with HOST first and each
// host's forest by itself, or refused in one line; a host that is down is told.
func TestFleetByChance(t *testing.T) {
	g := newGrammar(t, 7, &peers{pids: []string{"1", "2", "5", "11"}})
	ours := []string{"--json", "--no-host", "--limit=5", "--delimiter=|", "--signames", "--color=always", "--deadline=1s"}
	for range 3000 {
		line := append([]string{"--broker", "unix:///nowhere"}, g.line()...)
		if g.often(3) {
			line = slices.Insert(line, 2, g.pick(ours...))
		}
		source := manyHosts(g.Rand, 1+g.IntN(4))
		if g.often(2) {
			source.down = []fleet.Reply{{Host: "gone", Status: fleet.StatusTimeout, Err: "no answer"}}
		}
		answers(t, source, line)
	}
}

// answers checks one command line over a fleet.
func answers(t *testing.T, source *scripted, line []string) {
	t.Helper()
	c, err := dps.Parse(line, dps.Env{})
	if err != nil {
		var refused *dps.UsageError
		if !errors.As(err, &refused) || refused.Status() != dps.ExitFailed && refused.Status() != dps.ExitUsage || strings.Contains(err.Error(), "\n") {
			t.Errorf("%q: %v", line, err)
		}
		return
	}
	if c.Show != dps.ShowProcesses {
		return
	}
	var out, problems strings.Builder
	l := dps.Listing{Command: c, Source: source, Location: time.UTC, Stdout: &out, Stderr: &problems}
	status, err := l.Run(t.Context())
	rows := strings.Count(out.String(), "\n")
	switch {
	case err != nil:
		t.Errorf("%q: %v", line, err)
	case len(source.down) > 0 && (status != dps.ExitPartial || problems.String() != "dps: gone: timeout: no answer\n"):
		t.Errorf("%q: status %d and %q where a host is down", line, status, &problems)
	case len(source.down) == 0 && (status > dps.ExitFailed || problems.Len() > 0 || status == dps.ExitFailed && rows > 2):
		t.Errorf("%q: status %d with %d lines and %q", line, status, rows, &problems)
	case c.JSON && !json.Valid([]byte(out.String())):
		t.Errorf("%q: not JSON: %.200q", line, out.String())
	case strings.ContainsAny(strings.NewReplacer("\x1b[1m", "", "\x1b[0m", "").Replace(out.String()), "\x1b\u202e"):
		t.Errorf("%q: not fit for a terminal: %q", line, out.String())
	case !c.JSON && c.Cells[0].Key == dps.HostKey:
		hostFirst(t, c, source, out.String())
	}
}

// hostFirst checks that every line begins with a host, and that a forest has the
// lines of each in one piece.
func hostFirst(t *testing.T, c *dps.Command, source *scripted, out string) {
	t.Helper()
	var seen []string
	for line := range strings.Lines(out) {
		name := strings.FieldsFunc(line+"|", func(r rune) bool { return r == ' ' || r == '|' || r == '\n' })
		known := len(name) > 0 && slices.ContainsFunc(source.hosts, func(h *k2i.Snapshot) bool { return h.Host.Name == name[0] })
		switch {
		case !known && (strings.HasPrefix(line, c.Cells[0].Header) || strings.HasPrefix(line, "\x1b[1mHOST")):
		case !known:
			t.Errorf("no host stands first in %q", line)
		case len(seen) == 0 || seen[len(seen)-1] != name[0]:
			seen = append(seen, name[0])
		}
	}
	if c.Tree != dps.NoTree && len(seen) > len(source.hosts) {
		t.Errorf("a forest has its hosts in pieces: %v", seen)
	}
}
