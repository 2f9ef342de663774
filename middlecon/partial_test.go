package middlecon_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"ddcos/middlecon"
	"ddcos/protocol"
)

// TestPartial: outcomes are told while the call goes on, in the order in which
// members are settled, each once; the account has them in the view's order.
func TestPartial(t *testing.T) {
	address := serve(t)
	gates := map[string]chan struct{}{"a": make(chan struct{}), "b": make(chan struct{}), "c": make(chan struct{})}
	for _, name := range []string{"a", "b", "c"} {
		joins(t, address, "r", name, func(ctx context.Context, _ *middlecon.Message) ([]byte, error) {
			select {
			case <-gates[name]:
				return []byte("I am " + name), nil
			case <-ctx.Done():
				return nil, ctx.Err()
			}
		})
	}
	var told []string
	opened := []string{"b", "a", "c"}
	close(gates[opened[0]])
	a, err := dial(t, address).Call(t.Context(), "r", nil, middlecon.CallOptions{
		Deadline: time.Minute,
		Partial: func(outcomes []middlecon.Outcome) {
			for _, o := range outcomes {
				told = append(told, o.Name+"="+string(o.Reply))
			}
			if n := len(told); n < len(opened) { // the call goes on until the next one's gate is open
				close(gates[opened[n]])
			}
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	if want := []string{"b=I am b", "a=I am a", "c=I am c"}; !slices.Equal(told, want) {
		t.Errorf("told %q, want %q", told, want)
	}
	var names []string
	for _, o := range a.Outcomes {
		names = append(names, o.Name)
	}
	if want := []string{"a", "b", "c"}; !slices.Equal(names, want) || !a.Met {
		t.Errorf("the account has %q, met %v; want %q", names, a.Met, want)
	}
}

// TestPartialOfManyParts: a reply of many frames is told when it is whole, and
// what is told is what the account says.
func TestPartialOfManyParts(t *testing.T) {
	address := serve(t)
	for i := range 40 {
		joins(t, address, "r", fmt.Sprintf("m%02d", i), func(context.Context, *middlecon.Message) ([]byte, error) {
			return []byte(strings.Repeat(string(rune('a'+i%26)), i*5_000)), nil
		})
	}
	conn := dial(t, address)
	for _, partial := range []bool{true, false} {
		told := map[protocol.MemberID]middlecon.Outcome{}
		options := middlecon.CallOptions{Deadline: time.Minute}
		if partial {
			options.Partial = func(outcomes []middlecon.Outcome) {
				for _, o := range outcomes {
					if _, twice := told[o.Member]; twice {
						t.Errorf("%s is told twice", o.Name)
					}
					told[o.Member] = o
				}
			}
		}
		a, err := conn.Call(t.Context(), "r", nil, options)
		if err != nil {
			t.Fatal(err)
		}
		for i, o := range a.Outcomes {
			want := strings.Repeat(string(rune('a'+i%26)), i*5_000)
			if o.Name != fmt.Sprintf("m%02d", i) || string(o.Reply) != want {
				t.Fatalf("outcome %d is of %s, %d bytes", i, o.Name, len(o.Reply))
			}
			if partial && string(told[o.Member].Reply) != want {
				t.Errorf("%s was told with %d bytes of %d", o.Name, len(told[o.Member].Reply), len(want))
			}
		}
		if len(a.Outcomes) != 40 || partial && len(told) != 40 {
			t.Errorf("%d outcomes, %d told", len(a.Outcomes), len(told))
		}
	}
}

// TestPartialWithoutAccount: a call that is given up has told what it had.
func TestPartialWithoutAccount(t *testing.T) {
	address := serve(t)
	joins(t, address, "r", "quick", echo)
	joins(t, address, "r", "never", func(ctx context.Context, _ *middlecon.Message) ([]byte, error) {
		<-ctx.Done()
		return nil, ctx.Err()
	})
	ctx, cancel := context.WithCancel(t.Context())
	var told []string
	a, err := dial(t, address).Call(ctx, "r", nil, middlecon.CallOptions{
		Deadline: time.Minute,
		Partial: func(outcomes []middlecon.Outcome) {
			for _, o := range outcomes {
				told = append(told, o.Name)
			}
			cancel()
		},
	})
	if a != nil || err == nil || !slices.Equal(told, []string{"quick"}) {
		t.Errorf("%+v, %v after %q", a, err, told)
	}
}
