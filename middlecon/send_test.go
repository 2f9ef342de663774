package middlecon_test

import (
	"errors"
	"fmt"
	"sync"
	"testing"

	"ddcos/middlecon"
	"ddcos/protocol"
)

func TestSend(t *testing.T) {
	address := serve(t)
	joins(t, address, "r", "beside", echo)
	one := joins(t, address, "r", "one", echo)
	gone := dial(t, address)
	lost, err := gone.Join(t.Context(), "r", middlecon.Member{Name: "gone"}, echo)
	if err != nil {
		t.Fatal(err)
	}
	_ = gone.Close()
	awaitSize(t, address, "r", 2)
	conn := dial(t, address)
	for _, to := range []string{"one", one.ID().String()} {
		a, err := conn.Send(t.Context(), "r", to, []byte("hi"), middlecon.CallOptions{Deadline: patience})
		if err != nil {
			t.Fatal(err)
		}
		if o := outcomes(a)["one"]; !a.Met || a.Selected != 1 || a.ViewSize != 2 || string(o.Reply) != "hi" {
			t.Errorf("to %s: %+v", to, a)
		}
	}
	for _, to := range []string{"gone", lost.ID().String()} {
		a, err := conn.Send(t.Context(), "r", to, nil, middlecon.CallOptions{Deadline: patience})
		if err != nil || a.Met || a.Selected != 0 || len(a.Absent) != 1 || a.Absent[0].Name != "gone" {
			t.Errorf("to %s, which is lost: %+v, %v", to, a, err)
		}
	}
	for _, to := range []string{"nobody", "000000.99", "one "} {
		want := protocol.CodeNoSuchMember
		if to == "one " {
			want = protocol.CodeBadName
		}
		if _, err := conn.Send(t.Context(), "r", to, nil, middlecon.CallOptions{Deadline: patience}); !errors.Is(err, want) {
			t.Errorf("to %q: %v", to, err)
		}
	}
	if _, err := conn.Send(t.Context(), "r", "", nil, middlecon.CallOptions{Deadline: patience}); !errors.Is(err, protocol.CodeBadName) {
		t.Errorf("to nobody: %v", err)
	}
}

// Many sends are in flight on one session at once, and each has its own answer.
func TestSendFromManyGoroutines(t *testing.T) {
	address := serve(t)
	for i := range 4 {
		joins(t, address, "r", fmt.Sprint(i), echo)
	}
	conn := dial(t, address)
	var sending sync.WaitGroup
	for i := range 32 {
		sending.Go(func() {
			for n := range 20 {
				want := fmt.Sprintf("%d of %d", n, i)
				to := fmt.Sprint(i % 4)
				a, err := conn.Send(t.Context(), "r", to, []byte(want), middlecon.CallOptions{Deadline: patience})
				if err != nil {
					t.Error(err)
					return
				}
				if o := outcomes(a)[to]; o.Outcome == protocol.Refused && o.Error == "busy" {
					continue // a membership keeps four messages here
				} else if string(o.Reply) != want {
					t.Errorf("%q, want %q: %+v", o.Reply, want, a)
				}
			}
		})
	}
	sending.Wait()
}
