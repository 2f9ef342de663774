package rest

import (
	"net/http"
	"slices"
	"testing"

	"ddcos/k2i"
	"ddcos/k2i/query"
	"ddcos/k2i/wire"
)

// withEnded is a snapshot after two processes ended, an hour and a second ago.
func withEnded() *k2i.Snapshot {
	s := snapshot()
	s.Host.UptimeNS = 7200e9
	s.Events = k2i.Events{Mode: k2i.EventsConnector, Seen: 12, Lost: 3, Reason: "no BPF here"}
	for pid, ended := range map[int32]k2i.Count{100: 3600e9, 101: 7199e9} {
		p := k2i.Blank()
		p.PID, p.State, p.EndedNS, p.ExitCode, p.KilledBy = pid, k2i.StateEnded, ended, 3, k2i.KilledByKernel
		s.Exited = append(s.Exited, &p)
	}
	return s
}

// Those that ended are asked for by the same parameters, as JSON and as msgpack,
// and every answer says how complete the account of them is.
func TestExited(t *testing.T) {
	url, _, s := serve(t, nil)
	s.snap.Store(withEnded())
	for query, want := range map[string][]float64{
		"?exited=true":                                   {100, 101},
		"?exited=true&since=10m":                         {101},
		"?exited=true&since=2h&sort=-ended_ns":           {101, 100},
		"?exited=true&since=1ms":                         {},
		"?exited=true&sort=ended_ns&limit=1":             {100},
		"?exited=true&pid=100":                           {100},
		"?exited=false&pid=100":                          {},
		"?exited=true&pid=100&not=true&sort=-end_signal": {101},
	} {
		status, _, body := get(t, url+"/v1/proc"+query, nil)
		if status != http.StatusOK {
			t.Fatalf("%s: %d %s", query, status, body)
		}
		m := object(t, body)
		got := []float64{}
		for _, row := range m["processes"].([]any) {
			p := row.(map[string]any)
			got = append(got, p["pid"].(float64))
			if p["exit_code"] != 3.0 || p["end_signal"] != nil || p["killed_by"] != "kernel" || p["killer_pid"] != nil || p["rcpu_with_exited"] != nil {
				t.Errorf("%s: %v", query, p)
			}
		}
		if !slices.Equal(got, want) {
			t.Errorf("%s: got %v, want %v", query, got, want)
		}
		events := m["events"].(map[string]any)
		if events["mode"] != "connector" || events["seen"] != 12.0 || events["lost"] != 3.0 || events["reason"] != "no BPF here" {
			t.Errorf("%s: events %v", query, events)
		}
	}
	_, _, body := get(t, url+"/v1/proc?exited=true&since=10m", func(r *http.Request) { r.Header.Set("Accept", wire.ContentType) })
	a, err := wire.DecodeAnswer([]byte(body), query.Query{})
	if err != nil || len(a.Processes) != 1 || a.Processes[0].PID != 101 || a.Total != 1 || a.Events.Lost != 3 || a.Processes[0].EndSignal != k2i.Unread {
		t.Errorf("%+v, %v", a, err)
	}
}

// A path names the process that lives, and where none does, the one that ended last.
func TestPathOfOneThatEnded(t *testing.T) {
	url, _, s := serve(t, nil)
	snap := snapshot()
	dead := *snap.Processes[1]
	dead.State, dead.StartTicks, dead.EndedNS = k2i.StateEnded, 1, 5
	snap.Processes[1].StartTicks = 2
	snap.Processes[2].State = k2i.StateEnded
	snap.Processes = slices.Insert(snap.Processes, 1, &dead)
	s.snap.Store(snap)
	for path, want := range map[string]float64{"/v1/proc/7": 2, "/v1/proc/9": 0} {
		status, _, body := get(t, url+path, nil)
		if status != http.StatusOK || object(t, body)["process"].(map[string]any)["start_ticks"] != want {
			t.Errorf("%s: %d %s", path, status, body)
		}
	}
}
