package dps_test

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"ddcos/dps"
	"ddcos/k2i"
	"ddcos/k2i/fleet"
	"ddcos/k2i/query"
	"ddcos/k2i/wire"
)

// boot is when the hosts of these tests started.
var boot = time.Date(2026, time.March, 1, 10, 0, 0, 0, time.UTC)

// scripted is a fleet of two hosts that answer, as agents do, and two that do not.
type scripted struct {
	hosts []*k2i.Snapshot
	down  []fleet.Reply
	asked []query.Query
	err   error
}

func (s *scripted) Ask(_ context.Context, req wire.Request) ([]fleet.Reply, error) {
	s.asked = append(s.asked, req.Query)
	replies := slices.Clone(s.down)
	for _, h := range s.hosts {
		answer, err := wire.Respond(h, req, h.At.Add(250*time.Millisecond))
		if err != nil {
			return nil, err
		}
		replies = append(replies, fleet.Reply{Host: h.Host.Name, Status: fleet.StatusOK, Answer: answer})
	}
	return replies, s.err
}

func host(name string, pidMax int64, uptime time.Duration, processes ...k2i.Process) *k2i.Snapshot {
	for i := range processes {
		p := &processes[i]
		p.ReadBytes, p.WriteBytes, p.PidfdInode = k2i.Unread, k2i.Unread, k2i.Unread
		p.TPGID = -1
		if p.State == "" {
			p.State = "S"
		}
		if p.RCPU == 0 {
			p.RCPU = k2i.NoRate()
		}
	}
	return &k2i.Snapshot{
		Host: k2i.Host{
			ID: k2i.HostID("boot-" + name), Name: name, BootUnixNS: boot.UnixNano(), UptimeNS: int64(uptime), TicksPerSecond: 100,
			PageBytes: 4096, PIDMax: pidMax, CPUs: 4, MemTotalBytes: 1 << 30,
		},
		At: boot.Add(uptime), Mode: k2i.ModeBPF, Visibility: k2i.VisibilityFull, BusyCPUs: 1.5, Processes: k2i.Pointers(processes),
	}
}

func twoHosts() *scripted {
	second := uint64(time.Second)
	return &scripted{
		hosts: []*k2i.Snapshot{
			host("web1", 32768, 3*time.Hour,
				k2i.Process{PID: 1, User: "root", Comm: "init", Args: []string{"/sbin/init", "splash"}, SID: 1, StartTicks: 100, UserNS: 5 * second, RSSBytes: 8 << 20},
				k2i.Process{PID: 40, PPID: 1, User: "averyverylonguser", EUID: 1000, RUID: 7, Comm: "db", Args: []string{"db", "\x1b[2J"}, SID: 40, StartTicks: 360000, UserNS: 3600 * second, RSSBytes: 512 << 20, RCPU: 0.5}),
			host("storage-02", 4194304, 50*time.Hour,
				k2i.Process{PID: 7, User: "root", Comm: "kworker/0:1", Kernel: true, State: "I", StartTicks: 50},
				k2i.Process{PID: 1234567, PPID: 1, User: "seven", EUID: 7, RUID: 7, Comm: "big", Args: []string{"big", "\xff\u202e"}, TTYNr: k2i.EncodeDev(136, 3), SID: 9, StartTicks: 100 * 3600 * 49, SystemNS: 100 * second, RSSBytes: 16 << 20, RCPU: 2}),
		},
		down: []fleet.Reply{
			{Host: "web2", Status: fleet.StatusAbsent, Err: "lost 12s ago: connection reset"},
			{Host: "web3\x1b[1m", Status: fleet.StatusTimeout, Err: "no answer\nwithin 2s"},
		},
	}
}

// over runs dps over a fleet: standard output, standard error, exit status.
func over(t *testing.T, source fleet.Source, args ...string) (stdout, stderr string, status int) {
	t.Helper()
	c, err := dps.Parse(append([]string{"--broker", "unix:///nowhere"}, args...), dps.Env{})
	if err != nil {
		t.Fatalf("dps %q: %v", args, err)
	}
	var out, problems strings.Builder
	l := dps.Listing{Command: c, Source: source, Location: time.UTC, Stdout: &out, Stderr: &problems}
	if status, err = l.Run(t.Context()); err != nil {
		t.Fatalf("dps %q: %v", args, err)
	}
	return out.String(), problems.String(), status
}

func want(t *testing.T, got, want string) {
	t.Helper()
	if want = strings.TrimPrefix(want, "\n"); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

func TestFleetDefault(t *testing.T) {
	out, problems, status := over(t, twoHosts())
	want(t, out, `
HOST           PID TTY          TIME CMD
storage-02       7 ?        00:00:00 kworker/0:1
storage-02 1234567 pts/3    00:01:40 big
web1             1 ?        00:00:05 init
web1            40 ?        01:00:00 db
`)
	want(t, problems, "dps: web2: absent: lost 12s ago: connection reset\ndps: web3?[1m: timeout: no answer?within 2s\n")
	if status != dps.ExitPartial {
		t.Errorf("status %d, want %d", status, dps.ExitPartial)
	}
}

func TestFleetFormats(t *testing.T) {
	fleet := twoHosts()
	fleet.down = nil
	for _, test := range []struct {
		args []string
		want string
	}{
		{[]string{"-f", "--sort", "host,-pid"}, `
HOST       UID          PID    PPID  C STIME TTY          TIME CMD
storage-02 seven    1234567       1  2 11:00 pts/3    00:01:40 big ????
storage-02 root           7       0  0 Mar01 ?        00:00:00 [kworker/0:1]
web1       averyve+      40       1 50 11:00 ?        01:00:00 db ?[2J
web1       root           1       0  0 10:00 ?        00:00:05 /sbin/init splash
`},
		{[]string{"u", "--sort=-rcpu", "--limit", "1"}, `
HOST       USER         PID %CPU %MEM    VSZ   RSS TTY      STAT START   TIME COMMAND
storage-02 seven    1234567  2.7  1.5      0 16384 pts/3    S    11:00   1:40 big ????
`},
		{[]string{"-o", "pid,ruser,rcpu,etime,start,lstart", "--no-host", "--sort", "start_time", "h"}, `
      7 root          -  2-01:59:59   Mar 01 Sun Mar  1 10:00:00 2026
      1 root          -    02:59:59 10:00:01 Sun Mar  1 10:00:01 2026
     40 7          50.0    02:00:00 11:00:00 Sun Mar  1 11:00:00 2026
1234567 seven     200.0    01:00:00 11:00:00 Tue Mar  3 11:00:00 2026
`},
		{[]string{"--forest", "-o", "pid,ppid,comm"}, `
HOST           PID    PPID COMMAND
storage-02 1234567       1 big
storage-02       7       0 kworker/0:1
web1             1       0 init
web1            40       1 db
`},
		{[]string{"-H", "-o", "pid,ppid,comm"}, `
HOST           PID    PPID COMMAND
storage-02 1234567       1 big
storage-02       7       0 kworker/0:1
web1             1       0 init
web1            40       1   db
`},
		{[]string{"-o", "pid,wchan,pidns,size,oom,sig,exe", "-C", "db"}, `
HOST           PID WCHAN       PIDNS  SIZE  OOM          PENDING EXE
web1            40 -               -     -    -                - -
`},
		{[]string{"e", "-f", "-C", "db"}, `
HOST       UID          PID    PPID  C STIME TTY      STAT   TIME CMD
web1       averyve+      40       1 50 11:00 ?        Ss    60:00 db ?[2J -
`},
		{[]string{"n", "-o", "pid,user,group", "-q", "40,1"}, `
HOST           PID     USER    GROUP
web1            40     1000        0
web1             1        0        0
`},
		{[]string{"-o", "pid=", "-o", "host="}, "      7 storage-02\n1234567 storage-02\n      1 web1\n     40 web1\n"},
		{[]string{"-o", "pid=", "-C", "db"}, "web1            40\n"},
		{[]string{"-o", "sample_age,kind,container,runtime,threads", "-p", "7"}, `
HOST       SAMPLE KIND      CONTAINER    RUNTIME    THREADS
storage-02   0.25 -         -            -                0
`},
	} {
		out, _, status := over(t, fleet, test.args...)
		t.Run(strings.Join(test.args, " "), func(t *testing.T) { want(t, out, test.want) })
		if status != dps.ExitOK {
			t.Errorf("%q: status %d", test.args, status)
		}
	}
}

// What the agents can select, sort and limit they are asked to; the rest is done here.
func TestFleetQuestion(t *testing.T) {
	for _, test := range []struct {
		args []string
		sort []query.Key
		pids []int32
		rows int
		max  int
	}{
		{[]string{"-e", "--sort", "-rss,pid", "--limit", "3"}, []query.Key{{Field: "rss_bytes", Descending: true}, {Field: "pid"}}, nil, 3, 3},
		{[]string{"-e", "--sort", "etime", "--limit", "3"}, []query.Key{{Field: "etime"}}, nil, 3, 3},
		{[]string{"aux", "--sort", "-%cpu", "--limit", "3"}, []query.Key{{Field: "pcpu", Descending: true}}, nil, 3, 3},
		{[]string{"S", "aux", "--sort", "-%cpu", "--limit", "3"}, nil, nil, 3, 0}, // children's time is added here
		{[]string{"-e", "--sort", "-pmem,time,lstart", "--limit", "3"}, []query.Key{{Field: "pmem", Descending: true}, {Field: "cputime"}, {Field: "start"}}, nil, 3, 3},
		{[]string{"-e", "--sort", "ruser", "--limit", "3"}, nil, nil, 3, 0},
		{[]string{"-p", "1,40"}, nil, []int32{1, 40}, 2, 0},
		{[]string{"x"}, nil, nil, 4, 0},
		{[]string{"a"}, nil, nil, 1, 0},
		{[]string{"g"}, nil, nil, 1, 0},
		{[]string{"-a", "-p", "7"}, nil, nil, 2, 0},
		{[]string{"-d"}, nil, nil, 2, 0},
		{[]string{"-N", "-d"}, nil, nil, 2, 0},
		{[]string{"r", "-p", "1"}, nil, []int32{1}, 0, 0},
	} {
		source := twoHosts()
		out, _, _ := over(t, source, append(test.args, "--no-headers")...)
		q := source.asked[0]
		if !slices.Equal(q.Sort, test.sort) && len(q.Sort)+len(test.sort) > 0 || q.Limit != test.max || !slices.Equal(q.Select.PIDs, test.pids) {
			t.Errorf("%q asks for %+v", test.args, q)
		}
		if rows := strings.Count(out, "\n"); rows != test.rows {
			t.Errorf("%q: %d rows, want %d\n%s", test.args, rows, test.rows, out)
		}
	}
}

func TestJSON(t *testing.T) {
	out, problems, status := over(t, twoHosts(), "--json", "-e", "--sort", "-pid")
	if status != dps.ExitPartial || strings.Count(problems, "\n") != 2 {
		t.Errorf("status %d, standard error %q", status, problems)
	}
	if !utf8.ValidString(out) || strings.ContainsAny(out, "\x1b\u202e\u2028") {
		t.Errorf("not fit for a terminal: %q", out)
	}
	var got struct {
		Hosts []map[string]any `json:"hosts"`
		Rows  []struct {
			Host string `json:"host"`
			k2i.Process
		} `json:"rows"`
	}
	if err := json.Unmarshal([]byte(out), &got); err != nil {
		t.Fatal(err)
	}
	if len(got.Hosts) != 4 || len(got.Rows) != 4 {
		t.Fatalf("%d hosts and %d rows, want 4 and 4", len(got.Hosts), len(got.Rows))
	}
	if h := got.Hosts[0]; h["host"] != "storage-02" || h["status"] != "ok" || h["age_ms"] != 250.0 || h["mode"] != "bpf" || h["visibility"] != "full" || h["total"] != 2.0 {
		t.Errorf("the first host is %v", h)
	}
	if h := got.Hosts[2]; h["host"] != "web2" || h["status"] != "absent" || h["error"] != "lost 12s ago: connection reset" || h["age_ms"] != nil {
		t.Errorf("the third host is %v", h)
	}
	if r := got.Rows[0]; r.Host != "storage-02" || r.PID != 1234567 || r.RCPU != 2 || r.Args[1] != "\ufffd\u202e" {
		t.Errorf("the first row is %+v", r)
	}
	if r := got.Rows[1]; r.Args[1] != "\x1b[2J" || r.ReadBytes != k2i.Unread {
		t.Errorf("the second row is %+v", r)
	}
	fields := k2i.Fields()
	for _, f := range fields {
		if n := strings.Count(out, `"`+f.Name+`":`); n != 4 {
			t.Errorf("field %s stands %d times, want once a row", f.Name, n)
		}
	}
}

func TestStatus(t *testing.T) {
	whole := twoHosts()
	whole.down = nil
	for _, test := range []struct {
		source *scripted
		args   []string
		want   int
	}{
		{whole, []string{"-e"}, dps.ExitOK},
		{whole, []string{"-p", "99"}, dps.ExitFailed},
		{twoHosts(), []string{"-p", "99"}, dps.ExitPartial},
		{twoHosts(), []string{"-e"}, dps.ExitPartial},
	} {
		if _, _, got := over(t, test.source, test.args...); got != test.want {
			t.Errorf("%q: status %d, want %d", test.args, got, test.want)
		}
	}
}

func TestSourceFails(t *testing.T) {
	c, err := dps.Parse([]string{"-e"}, dps.Env{Broker: "unix:///nowhere"})
	if err != nil {
		t.Fatal(err)
	}
	gone := errors.New("gone")
	l := dps.Listing{Command: c, Source: &scripted{err: gone}, Stdout: &strings.Builder{}, Stderr: &strings.Builder{}}
	if status, err := l.Run(t.Context()); !errors.Is(err, gone) || status != dps.ExitFailed {
		t.Errorf("status %d, %v", status, err)
	}
}

// A version is told by what tells builds apart: that of a release, else its commit.
func TestFleetTellsBuilds(t *testing.T) {
	for version, want := range map[string]string{
		"ddcos v0.3.0, commit 0a1b2c3d4e5f, go1.26.8 linux/amd64":           " v0.3.0 ",
		"ddcos (devel), commit 0a1b2c3d4e5f+modified, go1.26.8 linux/amd64": " 0a1b2c3d4e5f+modified ",
		"ddcos (devel), commit unknown, go1.26.8 linux/amd64":               " (devel) ",
		"a word of its own": " a word of its own ",
	} {
		source := twoHosts()
		source.hosts[0].Agent.Version = version
		if out, _, _ := over(t, source, "--fleet"); !strings.Contains(out, want) {
			t.Errorf("%s: no %q in\n%s", version, want, out)
		}
	}
}
