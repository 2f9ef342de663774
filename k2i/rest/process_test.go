package rest

import (
	"context"
	"net/http"
	"testing"

	"ddcos/k2i"
)

// What is asked for is read of the process that the sample has, and what is
// missing is told with its reason.
func TestDetail(t *testing.T) {
	url, _, _ := serve(t, nil)
	for query, want := range map[string][]string{
		"?detail=all":                {"pss", "fds", "limits", "wchan", "stack"},
		"?detail=stack,pss":          {"stack", "pss"},
		"?detail=fds&detail=fds,pss": {"fds", "pss"},
		"?detail=pss,all":            {"pss", "fds", "limits", "wchan", "stack"},
	} {
		status, header, body := get(t, url+"/v1/proc/7"+query, nil)
		d, ok := object(t, body)["detail"].(map[string]any)
		if status != http.StatusOK || !ok || d["fd_count"] != 7.0 || d["pss_bytes"] != nil || header.Get("ETag") != "" {
			t.Fatalf("%s: %d %s", query, status, body)
		}
		gaps := d["gaps"].([]any)
		for i, part := range want {
			if g := gaps[i].(map[string]any); g["part"] != part || g["reason"] != "denied" || g["help"] == "" || len(gaps) != len(want) {
				t.Errorf("%s: %v", query, gaps)
			}
		}
	}
	if _, _, body := get(t, url+"/v1/proc/7", nil); object(t, body)["detail"] != nil {
		t.Errorf("nobody asked: %s", body)
	}
}

// known has something in each part.
type known struct{}

func (known) Read(_ context.Context, _ *k2i.Process, parts []k2i.Part) *k2i.Detail {
	d := k2i.NoDetail()
	d.PSSBytes, d.FDCount = 7, 1
	d.FDs = []k2i.FD{{FD: 3, Kind: "socket", Target: "socket:[1]"}}
	d.Limits = []k2i.Limit{{Name: "max_open_files", Soft: 1024, Hard: k2i.Unread, Unit: "files"}}
	d.Stack = []string{"do_wait"}
	d.Gaps = k2i.AddGap(d.Gaps, parts[0], k2i.GapDeadline, 1)
	return d
}

func (known) Fill(_ context.Context, rows []*k2i.Process, fields []string) []k2i.Gap {
	for _, p := range rows {
		p.PSSBytes = 1000 - k2i.Count(p.PID)
	}
	return k2i.AddGap(nil, k2i.PartPSS, k2i.GapKernel, len(fields))
}

func (known) Threads(_ context.Context, processes []*k2i.Process) (threads []*k2i.Process, gaps []k2i.Gap) {
	for _, p := range processes {
		for tid := range k2i.Count(2) {
			thread := *p
			thread.TID, thread.CPUNS = k2i.Count(p.PID)+tid, uint64(tid)
			threads = append(threads, &thread)
		}
	}
	return threads, nil
}
