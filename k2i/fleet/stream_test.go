package fleet

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"time"

	"ddcos/k2i"
	"ddcos/k2i/wire"
	"ddcos/middlecon"
	"ddcos/protocol"
)

// handing is a fleet that hands replies on in an order by chance.
type handing struct {
	hosts []*k2i.Snapshot
	down  []Reply
	r     *rand.Rand
}

func (h *handing) Ask(ctx context.Context, req wire.Request) ([]Reply, error) {
	return h.Stream(ctx, req, nil)
}

func (h *handing) Stream(_ context.Context, req wire.Request, each func(Reply) Reply) ([]Reply, error) {
	replies := slices.Clone(h.down)
	for _, s := range h.hosts {
		a, err := wire.Respond(s, req, s.At)
		if err != nil {
			return nil, err
		}
		replies = append(replies, Reply{Host: s.Host.Name, Status: StatusOK, Answer: a})
	}
	h.r.Shuffle(len(replies), func(i, j int) { replies[i], replies[j] = replies[j], replies[i] })
	var group sync.WaitGroup
	for i := range replies {
		group.Go(func() { replies[i] = passed(each, replies[i]) })
	}
	group.Wait()
	return replies, nil
}

// What is told in parts is what is told at once: every row once, every host.
func TestAskEach(t *testing.T) {
	for seed := range uint64(500) {
		r := rand.New(rand.NewPCG(seed, 7)) //nolint:gosec // not a secret
		source := &handing{hosts: fleetOf(r), down: []Reply{{Host: "x", Status: StatusTimeout, Err: "late"}}, r: r}
		q, _ := questionOf(r)
		want, err := Ask(t.Context(), source, q)
		if err != nil {
			t.Fatal(err)
		}
		var rows []Row
		parts := 0
		table, err := AskEach(t.Context(), source, q, func(part *Table) {
			parts++ // one call at a time, or the race detector says so
			if len(part.Hosts) != 1 || len(part.Rows) == 0 {
				t.Errorf("seed %d: a part of %d hosts, %d rows", seed, len(part.Hosts), len(part.Rows))
			}
			rows = append(rows, part.Rows...)
		})
		if err != nil {
			t.Fatal(err)
		}
		if parts > 0 && (len(q.Sort) > 0 || q.Limit > 0 || q.By != "") || parts == 0 && len(rows) != 0 {
			t.Fatalf("seed %d: %+v was told in parts", seed, q)
		}
		rows = append(rows, table.Rows...)
		got, all := rowNames(rows), rowNames(want.Rows)
		if parts > 0 {
			slices.Sort(got)
			slices.Sort(all)
		}
		if !slices.Equal(got, all) || len(table.Hosts) != len(want.Hosts) || len(table.Failed()) != len(want.Failed()) || len(table.Groups) != len(want.Groups) {
			t.Fatalf("seed %d, %+v: got %q, want %q; %d hosts of %d", seed, q, got, all, len(table.Hosts), len(want.Hosts))
		}
	}
}

func rowNames(rows []Row) []string {
	names := make([]string, 0, len(rows))
	for _, r := range rows {
		names = append(names, fmt.Sprint(r.Host.Name, "/", r.Process.PID))
	}
	return names
}

// A call that was begun anew tells of some members twice, and of some not at all
// while it goes on: each has one reply, and is handed on once.
func TestReadingTwice(t *testing.T) {
	var mu sync.Mutex
	handed := map[string]int{}
	b := Broker("unix:///nowhere", time.Second, middlecon.Options{})
	r := b.reading(wire.Request{}, func(reply Reply) Reply {
		mu.Lock()
		defer mu.Unlock()
		handed[reply.Host]++
		reply.Err = "handed on"
		return reply
	})
	var account []middlecon.Outcome
	for i := range 50 {
		account = append(account, middlecon.Outcome{Name: fmt.Sprint("h", i), Outcome: protocol.Timeout})
	}
	r.read(account[:30])
	r.read(account[10:40])
	for i, reply := range r.replies(account) {
		name := fmt.Sprint("h", i)
		if reply.Host != name || reply.Err != "handed on" || handed[name] != 1 {
			t.Errorf("%s: %+v, handed on %d times", name, reply, handed[name])
		}
	}
}
