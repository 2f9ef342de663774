package fleet

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"ddcos/k2i/query"
	"ddcos/k2i/wire"
	"ddcos/middlecon"
	"ddcos/protocol"
)

// two are two brokers.
func two(t *testing.T) (addresses [2]string, stop [2]func()) {
	t.Helper()
	for i := range addresses {
		path := filepath.Join(t.TempDir(), "m.sock")
		addresses[i], stop[i] = "unix://"+path, serveBroker(t, path)
	}
	return addresses, stop
}

func askBoth(t *testing.T, addresses [2]string, q query.Query) *Table {
	t.Helper()
	source := Brokers(addresses[0]+", "+addresses[1], 20*time.Second, middlecon.Options{})
	defer func() { _ = source.Close() }()
	table, err := Ask(t.Context(), source, q)
	if err != nil {
		t.Fatal(err)
	}
	return table
}

func hostsOf(table *Table) string {
	var all []string
	for _, h := range table.Hosts {
		all = append(all, h.Name+" "+string(h.Status))
	}
	return strings.Join(all, ", ")
}

// A host at two brokers is one host; one that is at either is there, and one that both
// have lost, or that only the second has, is named.
func TestBrokersAgree(t *testing.T) {
	addresses, _ := two(t)
	for _, address := range addresses {
		join(t, address, "both", answering(t, "both", 1, 2))
	}
	join(t, addresses[0], "first", answering(t, "first", 3))
	join(t, addresses[1], "second", answering(t, "second", 4))
	lost, _ := join(t, addresses[0], "moved", answering(t, "moved", 5))
	_ = lost.Close()
	join(t, addresses[1], "moved", answering(t, "moved", 5))
	for i, name := range []string{"dead-here", "dead-there"} {
		conn, _ := join(t, addresses[i], name, answering(t, name))
		_ = conn.Close()
	}
	awaitAbsent(t, addresses[0], 2)
	awaitAbsent(t, addresses[1], 1)

	table := askBoth(t, addresses, query.Query{})
	if got, want := hostsOf(table), "both ok, dead-here absent, dead-there absent, first ok, moved ok, second ok"; got != want {
		t.Errorf("hosts %s, want %s", got, want)
	}
	if len(table.Rows) != 5 {
		t.Errorf("%d rows: %s", len(table.Rows), shown(table))
	}
	if b := table.Brokers; len(b) != 2 || b[0].Questions != 1 || b[1].Questions != 0 || b[1].Hosts != 2 || b[0].Err+b[1].Err != "" {
		t.Errorf("%+v", b)
	}
	if got := hostsOf(askBoth(t, addresses, query.Query{On: "second,dead-there"})); got != "dead-there absent, second ok" {
		t.Errorf("with --on: %s", got)
	}
}

// awaitAbsent waits until a broker's room has lost so many.
func awaitAbsent(t *testing.T, address string, n int) {
	t.Helper()
	conn, err := middlecon.Dial(t.Context(), address, middlecon.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	for deadline := time.Now().Add(time.Minute); ; {
		view, err := conn.Members(t.Context(), wire.Room)
		if err != nil || time.Now().After(deadline) {
			t.Fatalf("waited for %d absent: %+v, %v", n, view, err)
		}
		if len(view.Absent) == n {
			return
		}
	}
}

// More hosts than are asked one by one are asked for together.
func TestBrokersOfManyElsewhere(t *testing.T) {
	addresses, _ := two(t)
	join(t, addresses[0], "first", answering(t, "first", 1))
	for i := range singly + 8 {
		name := fmt.Sprintf("h%02d", i)
		join(t, addresses[1], name, answering(t, name, 1))
	}
	table := askBoth(t, addresses, query.Query{})
	if len(table.Hosts) != singly+9 || len(table.Failed()) != 0 || len(table.Rows) != singly+9 {
		t.Errorf("%d hosts, %d rows", len(table.Hosts), len(table.Rows))
	}
}

// An agent that has changed its name is one host, not two.
func TestBrokersMergeByHostID(t *testing.T) {
	addresses, _ := two(t)
	join(t, addresses[0], "new", answering(t, "same", 1))
	join(t, addresses[1], "old", answering(t, "same", 1))
	if got := hostsOf(askBoth(t, addresses, query.Query{})); got != "new ok" {
		t.Errorf("hosts %s", got)
	}
}

// The labels that a question names select at every broker.
func TestBrokersByLabel(t *testing.T) {
	addresses, _ := two(t)
	for i, name := range []string{"a", "b"} {
		for n, tier := range []string{"front", "back"} {
			conn, err := middlecon.Dial(t.Context(), addresses[i], middlecon.Options{})
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = conn.Close() }()
			full := name + tier
			_, err = conn.Join(t.Context(), wire.Room, middlecon.Member{Name: full, Labels: map[string]string{"tier": tier}}, func(_ context.Context, m *middlecon.Message) ([]byte, error) {
				req, err := wire.DecodeRequest(m.Payload)
				if err != nil {
					return nil, err
				}
				snap := host(full, uint64(n+1))
				snap.Agent.Labels = map[string]string{"tier": tier}
				return wire.Reply(snap, req, time.Now())
			})
			if err != nil {
				t.Fatal(err)
			}
		}
	}
	table := askBoth(t, addresses, query.Query{Labels: map[string]string{"tier": "back"}})
	if got := hostsOf(table); got != "aback ok, bback ok" || table.Brokers[1].Hosts != 1 {
		t.Errorf("hosts %s, %+v", got, table.Brokers)
	}
}

// A broker that fails amid a question costs one more, of which the next one answers.
func TestBrokerFailsAmidAQuestion(t *testing.T) {
	addresses, stop := two(t)
	ended := make(chan struct{})
	go func() {
		<-ended
		stop[0]()
	}()
	began := make(chan struct{}, 1)
	join(t, addresses[0], "h", func(ctx context.Context, _ *middlecon.Message) ([]byte, error) {
		began <- struct{}{}
		<-ctx.Done()
		return nil, ctx.Err()
	})
	join(t, addresses[1], "h", answering(t, "h", 7))
	source := Brokers(addresses[0]+","+addresses[1], 30*time.Second, middlecon.Options{})
	defer func() { _ = source.Close() }()
	go func() {
		<-began
		source.each[0].mu.Lock() // as where the broker is killed
		_ = source.each[0].conn.Close()
		source.each[0].mu.Unlock()
		close(ended)
	}()
	table, err := Ask(t.Context(), source, query.Query{})
	if err != nil {
		t.Fatal(err)
	}
	if got := hostsOf(table); got != "h ok" || table.Brokers[0].Err == "" || table.Brokers[0].Questions != 1 || table.Brokers[1].Questions != 1 {
		t.Errorf("hosts %s, %+v", got, table.Brokers)
	}
	<-ended
}

// One broker that is not there is told, and costs no host; without any it is an error.
func TestBrokersThatAreNotThere(t *testing.T) {
	addresses, stop := two(t)
	join(t, addresses[1], "h", answering(t, "h", 7))
	stop[0]()
	table := askBoth(t, addresses, query.Query{})
	if got := hostsOf(table); got != "h ok" || !strings.Contains(table.Brokers[0].Err, "cannot be reached") || table.Brokers[0].Questions != 0 {
		t.Errorf("hosts %s, %+v", got, table.Brokers)
	}
	swapped := [2]string{addresses[1], addresses[0]}
	if table := askBoth(t, swapped, query.Query{}); hostsOf(table) != "h ok" || table.Brokers[1].Err == "" {
		t.Errorf("hosts %s, %+v", hostsOf(table), table.Brokers)
	}
	stop[1]()
	source := Brokers(addresses[0]+","+addresses[1], time.Second, middlecon.Options{})
	defer func() { _ = source.Close() }()
	if _, err := Ask(t.Context(), source, query.Query{}); !errors.Is(err, middlecon.ErrUnreachable) || !strings.Contains(err.Error(), addresses[1]) {
		t.Errorf("%v", err)
	}
}

// What says nothing of the host is asked elsewhere, and what does is not.
func TestCurable(t *testing.T) {
	var got []string
	for _, o := range protocol.Outcomes() {
		if curable(Status(o.String())) {
			got = append(got, o.String())
		}
	}
	if want := []string{"overflow", "not_sent", "lost_after_send", "left", "unreachable_broker"}; !slices.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
}
