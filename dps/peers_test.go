package dps_test

import (
	"context"
	"encoding/csv"
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"ddcos/dps"
	"ddcos/k2i"
	"ddcos/k2i/fleet"
	"ddcos/k2i/wire"
)

// talking is a fleet whose processes have connections.
type talking struct {
	*scripted
	rows   map[string]wire.ConnectionRows
	hidden bool
	silent bool // it answers who talks to whom, and nothing else
}

func (s talking) Ask(ctx context.Context, req wire.Request) ([]fleet.Reply, error) {
	if req.Connections == nil {
		if s.silent {
			return []fleet.Reply{{Host: "web1", Status: fleet.StatusTimeout, Err: "no answer in time"}}, nil
		}
		return s.scripted.Ask(ctx, req)
	}
	replies := slices.Clone(s.down)
	for _, h := range s.hosts {
		body := wire.EncodeBody(&wire.ConnectionsAnswer{
			Head:        wire.HeadOf(h, h.At.Add(time.Second)),
			Connections: wire.Connections{Rows: s.rows[h.Host.Name], Hidden: s.hidden && h.Host.Name == "web1"},
		})
		r, err := fleet.Read(body, req)
		if err != nil {
			return nil, err
		}
		replies = append(replies, r)
	}
	return replies, nil
}

// end is one hold of a socket.
func end(pid int32, ticks uint64, comm, state, local string, port uint16, remote string, remotePort uint16, rx, tx k2i.Count) k2i.Connection {
	return k2i.Connection{
		PID: pid, StartTicks: ticks, Comm: comm, State: state, NetNS: 1, LocalAddr: local, LocalPort: port,
		RemoteAddr: remote, RemotePort: remotePort, RxBytes: rx, TxBytes: tx,
	}
}

// someTalk is a database that is asked by a process of the other host twice, by a
// stranger, and by a name that a spreadsheet would calculate.
func someTalk() talking {
	s := talking{scripted: twoHosts()}
	s.down = nil
	s.rows = map[string]wire.ConnectionRows{
		"web1": {
			end(40, 360000, "db", "listen", "0.0.0.0", 5432, "", 0, k2i.Unread, k2i.Unread),
			end(40, 360000, "db", "established", "10.0.0.1", 5432, "10.0.0.2", 50000, 10, 2048),
			end(40, 360000, "db", "close_wait", "10.0.0.1", 5432, "10.0.0.2", 50001, 20, 1024),
			end(40, 360000, "db", "established", "10.0.0.1", 5432, "192.0.2.9", 6000, 1, 2),
			end(41, 1, "=cmd\x1b", "established", "127.0.0.1", 7000, "127.0.0.1", 7001, k2i.Unread, k2i.Unread),
		},
		"storage-02": {
			end(1234567, 100*3600*49, "big", "established", "10.0.0.2", 50000, "10.0.0.1", 5432, 2048, 10),
			end(1234568, 7, "big", "established", "10.0.0.2", 50000, "10.0.0.1", 5432, 2048, 10),
			end(1234567, 100*3600*49, "big", "fin_wait2", "10.0.0.2", 50001, "10.0.0.1", 5432, k2i.Unread, k2i.Unread),
		},
	}
	return s
}

func TestPeers(t *testing.T) {
	for _, test := range []struct{ line, want string }{
		{"--peers", `
FROM                      FROM_ADDR      TO            TO_ADDR        STATE                SENT RECEIVED
storage-02:1234567 big +1 10.0.0.2:50000 web1:40 db    10.0.0.1:5432  established            10     2.0K
storage-02:1234567 big    10.0.0.2:50001 web1:40 db    10.0.0.1:5432  fin_wait2/close_wait   20     1.0K
127.0.0.1                 127.0.0.1:7001 web1:41 =cmd? 127.0.0.1:7000 established             -        -
192.0.2.9                 192.0.2.9:6000 web1:40 db    10.0.0.1:5432  established             1        2
`},
		{"--peers --by host --sort=-connections", `
FROM       TO   CONNECTIONS SENT RECEIVED
storage-02 web1           2   30     3.0K
127.0.0.1  web1           1    -        -
192.0.2.9  web1           1    1        2
`},
		{"--peers --by comm --sort -received --limit 1", "FROM TO CONNECTIONS SENT RECEIVED\nbig  db           2   30     3.0K\n"},
		{"--peers --by process --no-headers --sort connections,-from --where pid>100", "storage-02:1234567 big web1:40 db           2   30     3.0K\n"},
		{"--peers --proc storage-02:1234567 --csv --sort=-from_addr", `
from_host,from_pid,from_comm,from_addr,to_host,to_pid,to_comm,to_addr,state,sent,received,ambiguous
storage-02,1234567,big,10.0.0.2:50001,web1,40,db,10.0.0.1:5432,fin_wait2/close_wait,20,1024,false
storage-02,1234567,big,10.0.0.2:50000,web1,40,db,10.0.0.1:5432,established,10,2048,false
`},
		{"--peers --csv --by host -C db --limit 1", "from,to,connections,sent,received\n192.0.2.9,web1,1,1,2\n"},
		{"--peers --on storage* --by host --no-headers", "storage-02 web1           2   30     3.0K\n"},
		{"--peers -p 40 --by host --no-headers --sort from", "192.0.2.9  web1           1    1        2\nstorage-02 web1           2   30     3.0K\n"},
		{`--peers --no-headers --links to_port==5432~and~from_host==""`, "192.0.2.9 192.0.2.9:6000 web1:40 db 10.0.0.1:5432 established    1        2\n"},
		{`--peers --no-headers --links from_pid==nil --by host --links not~(to_comm~matches~"^=")`, "192.0.2.9 web1           1    1        2\n"},
		{`--peers --by host --no-headers --links received>=1KiB~and~state~contains~"close_wait"`, "storage-02 web1           1   20     1.0K\n"},
		{`--peers --by comm --no-headers --links from_comm=="big"~and~to_pid==40~and~not~ambiguous --where pid==40`, "big  db           2   30     3.0K\n"},
		{`--peers --csv --sort=-from_port --limit 1 --links from_addr~in~["10.0.0.2","::1"]`, `
from_host,from_pid,from_comm,from_addr,to_host,to_pid,to_comm,to_addr,state,sent,received,ambiguous
storage-02,1234567,big,10.0.0.2:50001,web1,40,db,10.0.0.1:5432,fin_wait2/close_wait,20,1024,false
`},
		{"--peers --links false", "FROM FROM_ADDR TO TO_ADDR STATE SENT RECEIVED\n"},
		{"--peers --where false", "FROM FROM_ADDR TO TO_ADDR STATE SENT RECEIVED\n"},
	} {
		out, problems, status := over(t, someTalk(), lineWords(test.line)...)
		want(t, out, test.want)
		if expected := map[bool]int{true: dps.ExitFailed, false: dps.ExitOK}[strings.Contains(test.line, "false")]; problems != "" || status != expected {
			t.Errorf("%s: status %d, %s", test.line, status, problems)
		}
	}
}

// Who cannot tell is named, and the status says that the answer is partial.
func TestPeersPartial(t *testing.T) {
	s := someTalk()
	s.down = []fleet.Reply{{Host: "web9", Status: fleet.StatusAbsent, Err: "lost 3s ago"}}
	s.hidden = true
	_, problems, status := over(t, s, "--peers")
	want(t, problems, "dps: web9: absent: lost 3s ago\ndps: web1: connections of other users' processes were not seen\n")
	if status != dps.ExitPartial {
		t.Errorf("status %d", status)
	}
	s = someTalk()
	s.silent = true
	out, problems, status := over(t, s, "--peers", "--where", "true")
	if status != dps.ExitPartial || problems != "dps: web1: timeout: no answer in time\n" || strings.Count(out, "\n") != 1 {
		t.Errorf("which processes are selected is not known: status %d, %s%s", status, out, problems)
	}
}

func TestPeersForPrograms(t *testing.T) {
	out, _, _ := over(t, someTalk(), "--peers", "--json")
	var all struct {
		Hosts []map[string]any
		Exit  int
		Links []struct {
			From, To struct {
				Host      *string
				Address   string
				Port      int
				Listens   bool
				Processes []struct{ PID int }
			}
			Sent *int `json:"sent_bytes"`
		}
	}
	if err := json.Unmarshal([]byte(out), &all); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	if len(all.Hosts) != 2 || len(all.Links) != 4 || all.Exit != 0 {
		t.Fatalf("%+v", all)
	}
	first, third := all.Links[0], all.Links[3]
	if *first.From.Host != "storage-02" || len(first.From.Processes) != 2 || !first.To.Listens || *first.Sent != 10 ||
		third.From.Host != nil || third.From.Address != "192.0.2.9" || third.From.Port != 6000 || third.From.Processes == nil || all.Links[2].Sent != nil {
		t.Errorf("%+v", all.Links)
	}
	if strings.Contains(out, "\x1b") {
		t.Error("an escape code came through")
	}
	out, _, _ = over(t, someTalk(), "--peers", "--ndjson", "--by", "comm")
	lines := strings.Split(strings.TrimSpace(out), "\n")
	if len(lines) != 3+2+1 || !strings.HasPrefix(lines[0], `{"record":"pair","by":"comm","from":`) || !strings.Contains(lines[5], `"groups":3`) {
		t.Errorf("%s", out)
	}
	out, _, _ = over(t, someTalk(), "--peers", "--csv")
	cells, err := csv.NewReader(strings.NewReader(out)).ReadAll()
	if err != nil || len(cells) != 5 || cells[3][6] != "'=cmd?" || cells[3][9] != "" {
		t.Errorf("%q, %v", cells, err)
	}
}

// lineWords are the words of a line; a ~ is a blank within one.
func lineWords(line string) []string {
	words := strings.Fields(line)
	for i := range words {
		words[i] = strings.ReplaceAll(words[i], "~", " ")
	}
	return words
}

func TestPeersMisused(t *testing.T) {
	for line, want := range map[string]string{
		"--peers --by user":              `error: --peers --by "user": want host, process or comm (see dps --help)`,
		"--peers --sort rss":             `error: --peers --sort "rss": want from, from_host, `,
		"--peers --by host --sort state": `error: --peers --sort "state": want from, to, connections, sent, received (see dps --help)`,
		"--peers --fleet":                "error: --peers shows connections: leave out --fleet and --exited (see dps --help)",
		"--peers -f":                     "",
		"--peers -o pid":                 "error: --peers shows connections, which have columns of their own: ",
		"--peers --forest":               "error: --peers shows connections, which have columns of their own: ",
		"--peers --where rss":            "error: --where: ",
		"--links to_port==1":             "error: --links is a condition on connections: give --peers with it (see dps --help)",
		"--peers --links to_prt==1":      "error: --links: no name \"to_prt\"; there are to_port",
		"--peers --links rss>1":          "error: --links: no name \"rss\"; there are from_host, from_pid, ",
		"--peers --links to_port":        "error: --links: to_port alone is no condition; compare it with something, as in to_port > 1",
		"--peers --links sent>5":         "error: --links: ",
		"--peers --links to_port==\"a\"": "error: --links: ",
	} {
		_, err := dps.Parse(strings.Fields(line), dps.Env{})
		if want == "" && err != nil || want != "" && (err == nil || !strings.HasPrefix(err.Error(), want)) {
			t.Errorf("%s: %v, want %s", line, err, want)
		}
	}
}
