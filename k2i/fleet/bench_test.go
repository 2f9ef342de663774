package fleet

import (
	"context"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"testing"
	"time"

	"ddcos/k2i"
	"ddcos/k2i/query"
	"ddcos/k2i/wire"
	"ddcos/middlecon"
)

// A fleet of the size that the budget speaks of, and what a user asks it.
const (
	hostsMeasured = 1000
	rowsMeasured  = 400
)

func topFifty() query.Query {
	return query.Query{Sort: []query.Key{{Field: "rss_bytes", Descending: true}}, Limit: 50}
}

// full is a host with rowsMeasured processes that look like real ones.
func full(name string, r *rand.Rand) *k2i.Snapshot {
	s := host(name)
	for i := range rowsMeasured {
		s.Processes = append(s.Processes, &k2i.Process{
			PID: int32(1000 + i), PPID: 1, StartTicks: r.Uint64N(1 << 30), StartNS: r.Uint64N(1 << 50), User: "postgres", Group: "postgres",
			State: "S", Comm: "postgres", Args: []string{"postgres:", "writer", fmt.Sprint(i)}, CPUNS: r.Uint64N(1 << 40),
			VSZBytes: r.Uint64N(1 << 33), RSSBytes: r.Uint64N(1 << 32), Cgroup: "/system.slice/postgresql.service", Kind: "host", RCPU: 0.25,
		})
	}
	return s
}

// BenchmarkMerge is the asker's side alone: every host's top 50, decoded already.
func BenchmarkMerge(b *testing.B) {
	q, r := topFifty(), rand.New(rand.NewPCG(7, 8))
	replies := make([]Reply, hostsMeasured)
	for i := range replies {
		replies[i] = ok(full(fmt.Sprintf("h%04d", i), r), q)
	}
	for b.Loop() {
		merge(replies, q)
	}
}

// BenchmarkBroker asks 1,000 members on sockets of their own, broker and
// members in this same process, for the top 50 of 400,000 processes.
func BenchmarkBroker(b *testing.B) {
	path := filepath.Join(b.TempDir(), "m.sock")
	address := "unix://" + path
	serveBroker(b, path)
	r := rand.New(rand.NewPCG(9, 10))
	snap := full("h", r)
	for i := range hostsMeasured {
		join(b, address, fmt.Sprintf("h%04d", i), func(_ context.Context, m *middlecon.Message) ([]byte, error) {
			req, err := wire.DecodeRequest(m.Payload)
			if err != nil {
				return nil, err
			}
			return wire.Reply(snap, req, time.Now())
		})
	}
	source := Broker(address, 20*time.Second, middlecon.Options{})
	defer func() { _ = source.Close() }()
	for b.Loop() {
		table, err := Ask(b.Context(), source, topFifty())
		if err != nil || len(table.Rows) != 50 || len(table.Failed()) != 0 {
			b.Fatalf("%d failed, %v", len(table.Failed()), err)
		}
	}
}
