package middlecon_test

import (
	"context"
	"errors"
	"strconv"
	"strings"
	"testing"

	"ddcos/middlecon"
	"ddcos/protocol"
)

func TestState(t *testing.T) {
	address := serve(t)
	ready, starting := map[string]string{"ready": "yes"}, map[string]string{"ready": "no"}
	conn := dial(t, address)
	m, err := conn.Join(t.Context(), "r", middlecon.Member{Name: "m", State: starting}, echo)
	if err != nil {
		t.Fatal(err)
	}
	joins(t, address, "r", "other", echo)
	w, err := dial(t, address).Watch("r")
	if err != nil {
		t.Fatal(err)
	}
	next := func() *middlecon.View {
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		defer cancel()
		v, err := w.Next(ctx)
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
	if v := next(); v.Joined[0].Version != 1 || v.Joined[0].State["ready"] != "no" || v.Joined[1].Version != 0 {
		t.Errorf("the full view: %+v", v)
	}
	if version, err := m.SetState(t.Context(), ready); version != 2 || err != nil {
		t.Errorf("version %d, %v", version, err)
	}
	if v := next(); v.Number != 2 || len(v.Changed) != 1 || v.Changed[0].ID != m.ID() || v.Changed[0].Version != 2 || v.Changed[0].State["ready"] != "yes" {
		t.Errorf("the change: %+v", v)
	}
	caller := dial(t, address)
	a, err := caller.Call(t.Context(), "r", nil, middlecon.CallOptions{Deadline: patience, State: ready})
	if err != nil || a.Selected != 1 || a.Outcomes[0].Name != "m" {
		t.Errorf("who is ready: %+v, %v", a, err)
	}
	if p, err := caller.Publish(t.Context(), "r", nil, middlecon.PublishOptions{State: starting}); err != nil || p.Selected != 0 {
		t.Errorf("who is starting: %+v, %v", p, err)
	}
	large := map[string]string{}
	for _, k := range strings.Split("abcdefghijklmnopq", "") {
		large[k] = "v"
	}
	if _, err := m.SetState(t.Context(), large); !errors.Is(err, protocol.CodeBadState) {
		t.Errorf("17 pairs: %v", err)
	}
	if err := m.Leave(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := m.SetState(t.Context(), ready); !errors.Is(err, protocol.CodeNotMember) {
		t.Errorf("after leaving: %v", err)
	}
}

// A session that sets its states too often is told so, and each that was set is shown.
func TestStateTooOften(t *testing.T) {
	address := serve(t)
	m := joins(t, address, "r", "m", echo)
	var last uint64
	for i := range 1000 {
		version, err := m.SetState(t.Context(), map[string]string{"i": strconv.Itoa(i)})
		if errors.Is(err, protocol.CodeTooManyChanges) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		last = version
	}
	conn := dial(t, address)
	view, err := conn.Members(t.Context(), "r")
	if err != nil || view.Joined[0].Version != last || view.Joined[0].State["i"] != strconv.Itoa(int(last)-1) {
		t.Errorf("after %d states: %+v, %v", last, view, err)
	}
	s, err := conn.Status(t.Context())
	if err != nil || s.StatesSet != last || s.StatesRefused != 1 {
		t.Errorf("%d set, %d refused, %v", s.StatesSet, s.StatesRefused, err)
	}
}
