package wire

import (
	"context"
	"errors"
	"reflect"
	"strings"
	"testing"
	"time"

	"ddcos/k2i"
	"ddcos/protocol"
)

// looker finds what it is.
type looker k2i.Connections

func (l looker) Connections(context.Context, k2i.ConnectionFilter) (*k2i.Connections, error) {
	c := k2i.Connections(l)
	return &c, nil
}

func lookedAt(t testing.TB) *ConnectionsAnswer {
	t.Helper()
	snap := &k2i.Snapshot{Host: k2i.Host{Name: "node7"}, At: time.Unix(5, 0), Missing: []string{}, BusyCPUs: 0.5}
	found := looker{Mode: k2i.ModeBPF, TookNS: 7, Hidden: true, Rows: []k2i.Connection{
		{PID: 7, StartTicks: 9, Comm: "a", FD: 3, NetNS: 5, State: "established", LocalAddr: "10.0.0.1", LocalPort: 65535, RemoteAddr: "::1", RemotePort: 1, RxBytes: 5, TxBytes: k2i.Unread},
		{PID: 8},
	}}
	a, err := Look(t.Context(), found, snap, k2i.ConnectionFilter{}, func() time.Time { return time.Unix(6, 0) })
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func TestConnectionsThereAndBack(t *testing.T) {
	a := lookedAt(t)
	got, err := DecodeConnections(EncodeBody(a))
	if err != nil || !reflect.DeepEqual(got.Connections, a.Connections) || got.Host != a.Host || got.AgeNS != int64(time.Second) {
		t.Errorf("%+v, want %+v, %v", got, a, err)
	}
	req := Request{Connections: &k2i.ConnectionFilter{PIDs: []int32{7}, States: []string{"listen"}, Limit: 5}}
	back, err := DecodeRequest(EncodeRequest(req))
	if err != nil || !reflect.DeepEqual(back.Connections, req.Connections) {
		t.Errorf("%+v, %v", back, err)
	}
	req.Connections.Limit = -1
	if _, err := DecodeRequest(EncodeRequest(req)); err == nil || !strings.Contains(err.Error(), "limit -1") {
		t.Errorf("a limit below zero: %v", err)
	}
	if _, err := Look(t.Context(), nil, nil, k2i.ConnectionFilter{}, time.Now); !errors.Is(err, ErrNotLooking) {
		t.Errorf("nobody looks: %v", err)
	}
	if n := len(protocol.Encode(k2i.Connection{})); n < minConnection {
		t.Errorf("an empty connection takes %d bytes, minConnection is %d", n, minConnection)
	}
}

func TestConnectionsOfAnAttacker(t *testing.T) {
	good := EncodeBody(lookedAt(t))
	many := protocol.Encode(map[string]any{"host": map[string]any{"name": "x"}, "connections": map[string]any{"rows": make([]map[string]any, 50_000)}})
	for name, b := range map[string][]byte{
		"nothing": nil, "cut": good[:len(good)-1], "more": append(good[:len(good):len(good)], 0),
		"too long": make([]byte, MaxAnswer+1), "no name": protocol.Encode(map[string]any{}), "rows in no room": many,
	} {
		if a, err := DecodeConnections(b); err == nil {
			t.Errorf("%s: %+v", name, a)
		}
	}
}

func FuzzDecodeConnections(f *testing.F) {
	f.Add(EncodeBody(lookedAt(f)))
	f.Fuzz(func(t *testing.T, b []byte) {
		if a, err := DecodeConnections(b); err == nil && (a.Host.Name == "" || len(a.Connections.Rows) > len(b)) {
			t.Errorf("%+v", a)
		}
	})
}
