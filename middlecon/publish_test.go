package middlecon_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"

	"ddcos/middlecon"
	"ddcos/protocol"
)

// Members see publishes and calls in the one order in which they were sent.
func TestPublish(t *testing.T) {
	address := serve(t)
	var orders [2][]string
	for i := range orders {
		joins(t, address, "r", fmt.Sprint(i), func(_ context.Context, m *middlecon.Message) ([]byte, error) {
			orders[i] = append(orders[i], fmt.Sprintf("%s %v", m.Payload, m.NoReply))
			return m.Payload, nil
		})
	}
	conn := dial(t, address)
	var want []string
	for i := range 10 {
		// Each call is waited for, so that no membership has more than it keeps.
		p, err := conn.Publish(t.Context(), "r", fmt.Appendf(nil, "publish %d", i), middlecon.PublishOptions{})
		if err != nil || p.Selected != 2 || p.Handed != 2 || p.View != 2 {
			t.Fatalf("%+v, %v", p, err)
		}
		a, err := conn.Call(t.Context(), "r", fmt.Appendf(nil, "call %d", i), middlecon.CallOptions{Deadline: patience})
		if err != nil || !a.Met || a.Late != 0 || a.Duplicate != 0 {
			t.Fatalf("%+v, %v", a, err)
		}
		want = append(want, fmt.Sprintf("publish %d true", i), fmt.Sprintf("call %d false", i))
	}
	for i, got := range orders {
		if !slices.Equal(got, want) {
			t.Errorf("member %d saw %q", i, got)
		}
	}
	p, err := conn.Publish(t.Context(), "r", nil, middlecon.PublishOptions{To: "1"})
	if err != nil || p.Selected != 1 || p.Handed != 1 {
		t.Errorf("to one: %+v, %v", p, err)
	}
	if _, err := conn.Publish(t.Context(), "r", nil, middlecon.PublishOptions{To: "2"}); !errors.Is(err, protocol.CodeNoSuchMember) {
		t.Errorf("to nobody: %v", err)
	}
	if p, err := conn.Publish(t.Context(), "empty", nil, middlecon.PublishOptions{}); err != nil || p.Selected != 0 {
		t.Errorf("to an empty room: %+v, %v", p, err)
	}
}
