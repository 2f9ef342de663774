package fleet

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"ddcos/k2i/query"
	"ddcos/k2i/wire"
	"ddcos/middlecon"
	"ddcos/middlecon/broker/started"
	"ddcos/protocol"
)

// serveBroker runs a real broker on a socket of its own until stop is called.
func serveBroker(t testing.TB, path string) (stop func()) {
	t.Helper()
	return started.At(t, protocol.Address{Network: "unix", Where: path}).Stop
}

// join makes a session that is a member of the agents' room.
func join(t testing.TB, address, name string, handler middlecon.Handler) (*middlecon.Conn, *middlecon.Membership) {
	t.Helper()
	conn, err := middlecon.Dial(t.Context(), address, middlecon.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	member, err := conn.Join(t.Context(), wire.Room, middlecon.Member{Name: name}, handler)
	if err != nil {
		t.Fatal(err)
	}
	return conn, member
}

// answering is the handler of an agent with that many processes.
func answering(t *testing.T, name string, rss ...uint64) middlecon.Handler {
	return func(_ context.Context, m *middlecon.Message) ([]byte, error) {
		req, err := wire.DecodeRequest(m.Payload)
		if err != nil {
			t.Error(err)
			return nil, err
		}
		return wire.Reply(host(name, rss...), req, time.Now())
	}
}

func TestBroker(t *testing.T) {
	path := filepath.Join(t.TempDir(), "m.sock")
	address := "unix://" + path
	serveBroker(t, path)

	join(t, address, "a", answering(t, "a", 10, 30))
	join(t, address, "b", answering(t, "another name of its own", 20))
	join(t, address, "fails", func(context.Context, *middlecon.Message) ([]byte, error) {
		return nil, errors.New("no sample yet\nreally")
	})
	join(t, address, "garbles", func(context.Context, *middlecon.Message) ([]byte, error) { return []byte{0xc1}, nil })
	join(t, address, "sleeps", func(context.Context, *middlecon.Message) ([]byte, error) {
		<-t.Context().Done() // an error at the deadline might come before the broker's
		return nil, t.Context().Err()
	})
	var dying *middlecon.Conn
	dying, _ = join(t, address, "dies", func(ctx context.Context, _ *middlecon.Message) ([]byte, error) {
		_ = dying.Close()
		<-ctx.Done()
		return nil, ctx.Err()
	})
	_, leaver := join(t, address, "left", answering(t, "left", 1))
	if err := leaver.Leave(t.Context()); err != nil {
		t.Fatal(err)
	}

	source := Broker(address, 3*time.Second, middlecon.Options{}) // in which the others answer
	defer func() { _ = source.Close() }()
	q := query.Query{Sort: []query.Key{{Field: "rss_bytes", Descending: true}}}
	expect := func(want map[string]string) {
		t.Helper()
		table, err := Ask(t.Context(), source, q)
		if err != nil {
			t.Fatal(err)
		}
		if got := shown(table); got != "a/2 b/1 a/1" {
			t.Errorf("rows %s", got)
		}
		failed := table.Failed()
		if len(failed) != len(want) {
			t.Errorf("%d failed, want %d", len(failed), len(want))
		}
		for _, h := range failed {
			status, text, _ := strings.Cut(want[h.Name], ": ")
			if string(h.Status) != status || !strings.Contains(h.Err, text) || strings.Contains(h.Err, "\n") {
				t.Errorf("%s: got %s %q, want %s", h.Name, h.Status, h.Err, want[h.Name])
			}
		}
	}
	want := map[string]string{
		"fails":   "app_error: the agent says: no sample yet",
		"garbles": "error: malformed",
		"sleeps":  "timeout: received the question and gave no answer within 3s",
		"dies":    "lost_after_send: its session ended",
	}
	expect(want)
	want["dies"] = "absent: lost"
	expect(want)
}

func TestBrokerComesBack(t *testing.T) {
	path := filepath.Join(t.TempDir(), "m.sock")
	address := "unix://" + path
	source := Broker(address, 20*time.Second, middlecon.Options{})
	defer func() { _ = source.Close() }()
	if _, err := Ask(t.Context(), source, query.Query{}); !errors.Is(err, middlecon.ErrUnreachable) {
		t.Fatalf("without a broker: %v", err)
	}
	for range 2 {
		stop := serveBroker(t, path)
		join(t, address, "a", answering(t, "a", 1))
		table, err := Ask(t.Context(), source, query.Query{})
		if err != nil || shown(table) != "a/1" {
			t.Fatalf("got %+v, %v", table, err)
		}
		stop()
		<-source.conn.Done()
	}
}

func TestBrokerOfAnEmptyRoom(t *testing.T) {
	path := filepath.Join(t.TempDir(), "m.sock")
	serveBroker(t, path)
	source := Broker("unix://"+path, 0, middlecon.Options{})
	table, err := Ask(t.Context(), source, query.Query{})
	if err != nil || len(table.Hosts) != 0 || len(table.Rows) != 0 {
		t.Errorf("got %+v, %v", table, err)
	}
	if err := errors.Join(source.Close(), source.Close()); err != nil {
		t.Error(err)
	}
}

// TestEveryOutcomeHasASentence keeps people from reading a wire word.
func TestEveryOutcomeHasASentence(t *testing.T) {
	source := Broker("unix:///x", 2*time.Second, middlecon.Options{})
	for _, o := range protocol.Outcomes() {
		r := source.reply(&middlecon.Outcome{Name: "h", Outcome: o, Error: "why"}, wire.Request{})
		if o == protocol.OK {
			continue
		}
		if string(r.Status) != o.String() || r.Err == o.String() || r.Err == "" || r.Answer != nil {
			t.Errorf("%s: %+v", o, r)
		}
	}
	if got := source.reply(&middlecon.Outcome{Outcome: protocol.NoReceipt}, wire.Request{}).Err; got != "no receipt within 2s: the process may be stopped" {
		t.Errorf("got %q", got)
	}
	for want, gone := range map[string]middlecon.Absent{
		"lost 1m30s ago: reset": {Ago: 90*time.Second + time.Millisecond, Reason: "reset"},
		"lost 12ms ago":         {Ago: 12345 * time.Microsecond},
	} {
		if got := absence(&gone); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

// What an error of a broker means for its reader is told once, for every command.
func TestExplain(t *testing.T) {
	for _, c := range []struct {
		err  error
		want string
	}{
		{fmt.Errorf("calling: %w", &protocol.Error{Code: protocol.CodeForbidden, Text: "nobody may"}), "calling: forbidden: nobody may; that is for a certificate of the role client"},
		{fmt.Errorf("dialling: %w", middlecon.ErrUnreachable), "is 'middlecon serve' running there?"},
		{errors.New("else"), "else"},
		{fmt.Errorf("asking: %w", context.Canceled), "interrupted: "},
		{fmt.Errorf("asking: %w", context.DeadlineExceeded), "nothing came in time: is the broker stopped? 'middlecon status' tells"},
	} {
		if got := Explain(c.err); !strings.Contains(got.Error(), c.want) || !errors.Is(got, c.err) {
			t.Errorf("%v is explained as %v", c.err, got)
		}
	}
	if Explain(nil) != nil {
		t.Error("nothing is explained")
	}
}
