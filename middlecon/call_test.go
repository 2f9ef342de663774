package middlecon_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"ddcos/middlecon"
	"ddcos/protocol"
)

func echo(_ context.Context, m *middlecon.Message) ([]byte, error) { return m.Payload, nil }

// outcomes are an account's by name.
func outcomes(a *middlecon.Account) map[string]middlecon.Outcome {
	all := map[string]middlecon.Outcome{}
	for _, o := range a.Outcomes {
		all[o.Name] = o
	}
	return all
}

func TestCall(t *testing.T) {
	t.Parallel() // it waits for its deadline, which is as long as an answer may take on a busy machine
	address := serve(t)
	joins(t, address, "r", "echoes", echo)
	joins(t, address, "r", "fails", func(context.Context, *middlecon.Message) ([]byte, error) { return nil, errors.New("no disk") })
	joins(t, address, "r", "refuses", func(context.Context, *middlecon.Message) ([]byte, error) { return nil, middlecon.Refuse("busy") })
	joins(t, address, "r", "panics", func(context.Context, *middlecon.Message) ([]byte, error) { panic("planted") })
	joins(t, address, "r", "too large", func(context.Context, *middlecon.Message) ([]byte, error) {
		return make([]byte, protocol.MaxReply+1), nil
	})
	joins(t, address, "r", "waits", func(ctx context.Context, _ *middlecon.Message) ([]byte, error) {
		<-ctx.Done()
		return nil, ctx.Err()
	})
	a, err := dial(t, address).Call(t.Context(), "r", []byte("hi"), middlecon.CallOptions{Deadline: 5 * time.Second})
	if err != nil {
		t.Fatal(err)
	}
	got := outcomes(a)
	for name, want := range map[string]struct {
		outcome protocol.Outcome
		err     string
		reply   int
	}{
		"echoes":    {protocol.OK, "", 2},
		"fails":     {protocol.AppError, "no disk", 0},
		"refuses":   {protocol.Refused, "busy", 0},
		"panics":    {protocol.AppError, "the handler panicked: planted", 0},
		"too large": {protocol.AppError, "16777217 bytes", 0},
		"waits":     {protocol.Timeout, "", 0},
	} {
		o := got[name]
		if o.Outcome != want.outcome || !strings.Contains(o.Error, want.err) || len(o.Reply) != want.reply || o.PID != os.Getpid() {
			t.Errorf("%s: %v %q, a reply of %d bytes, pid %d", name, o.Outcome, o.Error, len(o.Reply), o.PID)
		}
	}
	if a.Selected != 6 || a.Met || a.ViewSize != 6 || a.Counts()[protocol.OK] != 1 {
		t.Errorf("selected %d, met %v, size %d, counts %v", a.Selected, a.Met, a.ViewSize, a.Counts())
	}
}

// The largest reply there may be comes home whole, in parts and chunks.
func TestLargestReply(t *testing.T) {
	address := serve(t)
	want := bytes.Repeat([]byte("0123456789abcdef"), protocol.MaxReply/16)
	joins(t, address, "r", "large", func(context.Context, *middlecon.Message) ([]byte, error) { return want, nil })
	joins(t, address, "r", "small", echo)
	a, err := dial(t, address).Call(t.Context(), "r", []byte("x"), middlecon.CallOptions{Deadline: protocol.MaxDeadline})
	if err != nil || !a.Met || len(a.Outcomes) != 2 {
		t.Fatalf("%v, %v", a.Counts(), err)
	}
	if !bytes.Equal(outcomes(a)["large"].Reply, want) {
		t.Errorf("the reply of %d bytes is not what was sent", len(outcomes(a)["large"].Reply))
	}
}

// A handler's context ends at the deadline, when the rule is met without it,
// when its member leaves, and when the session ends.
func TestHandlerContextEnds(t *testing.T) {
	for _, c := range []struct {
		name     string
		deadline time.Duration
		need     protocol.Rule
		act      func(m *middlecon.Membership, conn *middlecon.Conn)
		want     protocol.Outcome
	}{
		{"deadline", 3 * time.Second, protocol.Rule{}, nil, protocol.Timeout},
		{"rule met", patience, protocol.Rule{Kind: protocol.RuleAtLeast, N: 1}, nil, protocol.Cancelled},
		{"leave", patience, protocol.Rule{}, func(m *middlecon.Membership, _ *middlecon.Conn) { _ = m.Leave(context.Background()) }, protocol.Left},
		{"close", patience, protocol.Rule{}, func(_ *middlecon.Membership, c *middlecon.Conn) { _ = c.Close() }, protocol.LostAfterSend},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			address := serve(t)
			started, ended := make(chan struct{}), make(chan struct{})
			conn := dial(t, address)
			m, err := conn.Join(t.Context(), "r", middlecon.Member{Name: "waits"}, func(ctx context.Context, _ *middlecon.Message) ([]byte, error) {
				close(started)
				<-ctx.Done()
				close(ended)
				return nil, ctx.Err()
			})
			if err != nil {
				t.Fatal(err)
			}
			if c.need.N == 1 {
				joins(t, address, "r", "quick", func(context.Context, *middlecon.Message) ([]byte, error) { <-started; return nil, nil })
			}
			if c.act != nil {
				go func() { <-started; c.act(m, conn) }()
			}
			a, err := dial(t, address).Call(t.Context(), "r", nil, middlecon.CallOptions{Deadline: c.deadline, Need: c.need})
			if err != nil {
				t.Fatal(err)
			}
			if o := outcomes(a)["waits"]; o.Outcome != c.want {
				t.Errorf("%v, want %v", o.Outcome, c.want)
			}
			<-ended
		})
	}
}

// Messages reach every member in one order, and a caller's in the order it sent them.
func TestOrder(t *testing.T) {
	address := serve(t)
	const members, callers, each = 5, 4, 50
	var mu sync.Mutex
	seen := make([][]string, members)
	for i := range members {
		joins(t, address, "r", fmt.Sprint("m", i), func(_ context.Context, m *middlecon.Message) ([]byte, error) {
			mu.Lock()
			defer mu.Unlock()
			seen[i] = append(seen[i], string(m.Payload))
			return nil, nil
		})
	}
	var all sync.WaitGroup
	for c := range callers {
		conn := dial(t, address)
		all.Go(func() {
			for n := range each {
				a, err := conn.Call(t.Context(), "r", fmt.Appendf(nil, "%d %03d", c, n), middlecon.CallOptions{Deadline: patience})
				if err != nil || !a.Met {
					t.Errorf("call %d of %d: %v", n, c, err)
				}
			}
		})
	}
	all.Wait()
	mu.Lock()
	defer mu.Unlock()
	last := map[string]string{}
	for _, message := range seen[0] {
		if message <= last[message[:1]] {
			t.Errorf("%q came after %q", message, last[message[:1]])
		}
		last[message[:1]] = message
	}
	for i := range seen {
		if len(seen[i]) != callers*each || strings.Join(seen[i], ",") != strings.Join(seen[0], ",") {
			t.Errorf("member %d saw %d messages in an order of its own", i, len(seen[i]))
		}
	}
}

func TestCallRefusals(t *testing.T) {
	conn := dial(t, serve(t))
	for _, c := range []struct {
		name    string
		room    string
		payload []byte
		options middlecon.CallOptions
		want    protocol.Code
	}{
		{"no room", "", nil, middlecon.CallOptions{}, protocol.CodeBadName},
		{"a room with an escape", "a\x1b[2J", nil, middlecon.CallOptions{}, protocol.CodeBadName},
		{"a deadline too short", "r", nil, middlecon.CallOptions{Deadline: time.Microsecond}, protocol.CodeBadDeadline},
		{"a deadline too long", "r", nil, middlecon.CallOptions{Deadline: time.Hour}, protocol.CodeBadDeadline},
		{"a share over 100", "r", nil, middlecon.CallOptions{Need: protocol.Rule{Kind: protocol.RuleShare, N: 101}}, protocol.CodeBadRule},
		{"a payload that leaves no room", "r", make([]byte, protocol.MaxPayload+1), middlecon.CallOptions{}, protocol.CodeFrameTooLarge},
		{"a payload over a frame", "r", make([]byte, protocol.MaxFrame), middlecon.CallOptions{}, protocol.CodeFrameTooLarge},
		{"a label without a key", "r", nil, middlecon.CallOptions{Labels: map[string]string{"": "v"}}, protocol.CodeBadLabel},
	} {
		if _, err := conn.Call(t.Context(), c.room, c.payload, c.options); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", c.name, err, c.want)
		}
	}
	a, err := conn.Call(t.Context(), "nobody is here", make([]byte, protocol.MaxPayload), middlecon.CallOptions{Deadline: patience})
	if err != nil || !a.Met || a.Selected != 0 || len(a.Outcomes) != 0 {
		t.Errorf("an empty room: %+v, %v", a, err)
	}
}

// A caller that gives up cancels its call, and the member's handler learns of it.
func TestCallerGivesUp(t *testing.T) {
	address := serve(t)
	started, ended := make(chan struct{}), make(chan struct{})
	joins(t, address, "r", "waits", func(ctx context.Context, _ *middlecon.Message) ([]byte, error) {
		close(started)
		<-ctx.Done()
		close(ended)
		return nil, nil
	})
	ctx, cancel := context.WithCancel(t.Context())
	go func() { <-started; cancel() }()
	conn := dial(t, address)
	if _, err := conn.Call(ctx, "r", nil, middlecon.CallOptions{Deadline: patience}); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v", err)
	}
	<-ended
	if err := conn.Err(); err != nil {
		t.Errorf("the session ended: %v", err)
	}
}
