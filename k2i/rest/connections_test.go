package rest

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"strings"
	"testing"

	"ddcos/k2i"
	"ddcos/k2i/wire"
)

// looked is an agent that finds two connections, those that are wanted of them.
type looked struct{ err error }

func (l looked) Connections(_ context.Context, filter k2i.ConnectionFilter) (*k2i.Connections, error) {
	all := []k2i.Connection{
		{PID: 7, Comm: "a\xff", State: "established", LocalAddr: "10.0.0.1", LocalPort: 80, RemoteAddr: "::1", RemotePort: 65535, RxBytes: 5},
		{PID: 9, State: "listen", LocalAddr: "::", LocalPort: 22, RxBytes: k2i.Unread, TxBytes: k2i.Unread},
	}
	c := &k2i.Connections{Mode: k2i.ModeBPF, Rows: slices.DeleteFunc(all, func(c k2i.Connection) bool { return !filter.Wants(&c) })}
	if len(c.Rows) > filter.Most() {
		c.Rows, c.Truncated = c.Rows[:filter.Most()], true
	}
	return c, l.err
}

func TestConnections(t *testing.T) {
	url, _, _ := serve(t, func(o *Options) { o.Connections = looked{} })
	for query, want := range map[string]struct {
		pids      []int32
		truncated bool
	}{
		"": {[]int32{7, 9}, false}, "?pid=9": {[]int32{9}, false}, "?pid=9&pid=7,8": {[]int32{7, 9}, false},
		"?state=listen": {[]int32{9}, false}, "?limit=1": {[]int32{7}, true}, "?pid=7&state=listen": {nil, false},
	} {
		status, _, body := get(t, url+"/v1/connections"+query, nil)
		var answer struct {
			Host        k2i.Host        `json:"host"`
			Connections k2i.Connections `json:"connections"`
		}
		if err := json.Unmarshal([]byte(body), &answer); err != nil || status != http.StatusOK || answer.Host.Name != "node7" {
			t.Fatalf("%s: %d %v %s", query, status, err, body)
		}
		var pids []int32
		for _, c := range answer.Connections.Rows {
			pids = append(pids, c.PID)
		}
		if !slices.Equal(pids, want.pids) || answer.Connections.Truncated != want.truncated {
			t.Errorf("%s: %v, truncated %v", query, pids, answer.Connections.Truncated)
		}
	}
	for query, want := range map[string]string{
		"?pid=x": "is no process id", "?pid=0": "no positive number", "?limit=-1": "want 0 to 20000", "?limit=many": "no number",
		"?state=open": "there are established", "?sort=pid": "sort",
	} {
		if status, _, body := get(t, url+"/v1/connections"+query, nil); status != http.StatusBadRequest || !strings.Contains(body, want) {
			t.Errorf("%s: %d %s", query, status, body)
		}
	}
}

// An agent that cannot look says why.
func TestConnectionsRefused(t *testing.T) {
	for want, source := range map[int]wire.Looker{
		http.StatusNotImplemented: nil, http.StatusServiceUnavailable: looked{context.DeadlineExceeded}, http.StatusInternalServerError: looked{errors.New("no")},
	} {
		url, _, _ := serve(t, func(o *Options) { o.Connections = source })
		if status, _, body := get(t, url+"/v1/connections", nil); status != want {
			t.Errorf("%d, want %d: %s", status, want, body)
		}
	}
}
