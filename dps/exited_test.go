package dps_test

import (
	"strings"
	"testing"
	"time"

	"ddcos/dps"
	"ddcos/k2i"
)

// ended is a process that ended so many seconds before the hosts are asked.
func ended(pid int32, ago time.Duration, change func(*k2i.Process)) *k2i.Process {
	p := k2i.Blank()
	p.PID, p.PPID, p.User, p.Comm, p.Args, p.State = pid, 1, "root", "job", []string{"job", "-x"}, k2i.StateEnded
	p.StartTicks = 1000 * 100
	p.SetEnd(3*time.Hour-ago, 0)
	change(&p)
	return &p
}

func someEnded() *scripted {
	fleet := twoHosts()
	fleet.down = nil
	fleet.hosts[0].Exited = []*k2i.Process{
		ended(50, time.Hour, func(p *k2i.Process) { p.SetEnd(2*time.Hour, 3<<8); p.PeakRSSBytes = 5 << 20 }),
		ended(51, time.Minute, func(p *k2i.Process) {
			p.SetEnd(3*time.Hour-time.Minute, 15)
			p.KilledBy, p.KillerPID, p.KillerComm = k2i.KilledByProcess, 40, "d\x1bb"
		}),
		ended(52, time.Second, func(p *k2i.Process) { p.SetEnd(3*time.Hour-time.Second, 9); p.KilledBy = k2i.KilledByOOM }),
		ended(53, time.Second, func(p *k2i.Process) {
			p.SetEnd(3*time.Hour-time.Second, 9)
			p.KilledBy = k2i.KilledByProcess
		}),
		ended(54, time.Second, func(p *k2i.Process) { p.ExitCode, p.EndSignal = k2i.Unread, k2i.Unread }),
	}
	return fleet
}

func TestExited(t *testing.T) {
	out, problems, status := over(t, someEnded(), "--exited")
	want(t, out, `
HOST           PID    PPID USER        ENDED     ELAPSED     TIME   PEAK EXIT SIG  KILLER           COMMAND
web1            50       1 root     12:00:00    01:43:20 00:00:00   5120    3 -    -                job -x
web1            51       1 root     12:59:00    02:42:20 00:00:00      -    - TERM 40/d?b           job -x
web1            52       1 root     12:59:59    02:43:19 00:00:00      -    - KILL oom              job -x
web1            53       1 root     12:59:59    02:43:19 00:00:00      -    - KILL outside          job -x
web1            54       1 root     12:59:59    02:43:19 00:00:00      -    - -    -                job -x
`)
	if problems != "" || status != dps.ExitOK {
		t.Errorf("status %d, %s", status, problems)
	}
}

func TestExitedSince(t *testing.T) {
	source := someEnded()
	out, _, _ := over(t, source, "--exited", "--since", "10m", "-o", "pid=", "--no-host", "--sort", "-ended,pid", "--limit", "2")
	want(t, out, "     52\n     53\n")
	q := source.asked[0]
	if !q.Exited || q.SinceNS != (10*time.Minute).Nanoseconds() || q.Limit != 2 {
		t.Errorf("asked %+v", q)
	}
	out, _, status := over(t, source, "--exited", "--since", "1ms")
	if strings.Count(out, "\n") != 1 || status != dps.ExitFailed {
		t.Errorf("nothing ended so shortly ago: %d, %s", status, out)
	}
}

// What lives has no end; the columns stand in any listing.
func TestEndColumnsOfTheLiving(t *testing.T) {
	out, _, _ := over(t, someEnded(), "-o", "pid,ended,exit,endsig,killer,peak,rcpux", "--no-host", "-p", "40")
	want(t, out, `
    PID    ENDED EXIT SIG  KILLER             PEAK RCPUX%
     40        -    - -    -                     -    0.0
`)
}

func TestExitedRefuses(t *testing.T) {
	for line, part := range map[string]string{
		"--since 10m --broker unix:///b":           "goes with --exited",
		"--exited":                                 "give --broker or --agents",
		"--exited --since soon --broker unix:///b": "want a time such as 30s or 10m",
		"--exited --since -1s --broker unix:///b":  "want a time",
	} {
		_, err := dps.Parse(strings.Fields(line), dps.Env{})
		if err == nil || !strings.Contains(err.Error(), part) {
			t.Errorf("%s: %v, want %s", line, err, part)
		}
	}
}
