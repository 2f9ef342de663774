package rest

import (
	"context"
	"errors"
	"testing"

	"ddcos/k2i"
)

// host is a Machine of one answer.
type host struct{ err error }

func (h host) Read(context.Context) (*k2i.Machine, error) {
	m := k2i.NoMachine()
	m.AgeNS, m.CPU.Model, m.CPU.UserNS = 5, "Abacus", 7
	m.Mounts = []k2i.Mount{{Point: "/nfs", SizeBytes: k2i.Unread, Missing: k2i.GapDeadline}}
	return m, h.err
}

func TestHostWithMachine(t *testing.T) {
	url, _, _ := serve(t, func(o *Options) { o.Machine = host{} })
	_, _, body := get(t, url+"/v1/host", nil)
	m, ok := object(t, body)["machine"].(map[string]any)
	if !ok {
		t.Fatalf("got %s", body)
	}
	cpu, _ := m["cpu"].(map[string]any)
	mounts, _ := m["mounts"].([]any)
	if m["age_ns"] != 5.0 || cpu["model"] != "Abacus" || cpu["user_ns"] != 7.0 || cpu["steal_ns"] != nil || len(mounts) != 1 {
		t.Errorf("got %s", body)
	}
	if nfs, ok := mounts[0].(map[string]any); !ok || nfs["missing"] != "deadline" || nfs["size_bytes"] != nil {
		t.Errorf("mounts %v", mounts)
	}
	url, _, _ = serve(t, func(o *Options) { o.Machine = host{err: errors.New("gone")} })
	if status, _, body := get(t, url+"/v1/host", nil); status != 503 {
		t.Errorf("%d %s", status, body)
	}
}
