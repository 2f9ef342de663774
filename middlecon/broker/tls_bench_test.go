package broker

import (
	"crypto/tls"
	"net"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"ddcos/middlecon/creds"
	"ddcos/middlecon/creds/forge"
	"ddcos/protocol"
)

// BenchmarkTLS says what TLS costs, of a broker in a process of its own and mutual
// certificates (ECDSA P-256), with the clients on the same CPUs: memory of sessions that
// are held, handshakes, the return of all after the broker was killed, and the round trip
// of a call beside plain TCP's. One iteration is all of it: -benchtime 1x.
func BenchmarkTLS(b *testing.B) {
	const held = 5000
	a := forge.New(b, "authority")
	own := a.Broker()
	files := creds.ServerFiles{Cert: own.Cert, Key: own.Key, ClientCA: a.CA()}
	one := a.Issue(nil, "spiffe://ddcos/client/bench")
	cert, err := tls.LoadX509KeyPair(one.Cert, one.Key)
	if err != nil {
		b.Fatal(err)
	}
	config := &tls.Config{InsecureSkipVerify: true, NextProtos: []string{protocol.ALPN}, Certificates: []tls.Certificate{cert}}
	for b.Loop() {
		s := besiege(b, besiegedOptions{TLS: files, TLSWhere: "127.0.0.1:0"}, 0)
		for network, dial := range map[string]func() *raw{
			"tcp": func() *raw { return dialRaw(b, "tcp", s.tcp, nil) },
			"tls": func() *raw { return dialRaw(b, "tcp", s.tls, config) },
		} {
			b.ReportMetric(roundTrips(b, dial(), dial(), "r-"+network), network+"-µs/call")
		}
		before, busy := s.rest(), s.scrape()["process_cpu_seconds_total"]
		began := time.Now()
		all := many(b, held, s.tls, config)
		took := time.Since(began)
		b.ReportMetric(float64(held)/took.Seconds(), "handshakes/s")
		b.ReportMetric((s.scrape()["process_cpu_seconds_total"]-busy)/held*1e6, "broker-µs/handshake")
		b.ReportMetric(float64(s.rest()-before)/held, "B/session")
		where := s.tls
		if err := unix.Kill(s.pid, unix.SIGKILL); err != nil {
			b.Fatal(err)
		}
		for _, r := range all {
			_ = r.c.Close()
		}
		again := besiege(b, besiegedOptions{TLS: files, TLSWhere: where}, 0)
		began = time.Now()
		all = many(b, held, again.tls, config)
		b.ReportMetric(time.Since(began).Seconds(), "s/return-of-all")
		for _, r := range all {
			_ = r.c.Close()
		}
	}
}

// dialRaw is welcome, of another process.
func dialRaw(t testing.TB, network, where string, config *tls.Config) *raw {
	c, err := net.Dial(network, where)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	if config != nil {
		c = tls.Client(c, config)
	}
	r := &raw{t: t, c: c}
	return r.admitted()
}

// many opens so many sessions, all at once but for what the backlog of a socket takes.
func many(t testing.TB, n int, where string, config *tls.Config) []*raw {
	all := make([]*raw, n)
	at := make(chan int)
	var work sync.WaitGroup
	var failures atomic.Int64
	for range 128 {
		work.Go(func() {
			for i := range at {
				for all[i] == nil && failures.Load() < int64(n) { // who was too slow for the deadline comes again
					c, err := tls.Dial("tcp", where, config)
					if err != nil {
						failures.Add(1)
						continue
					}
					r := &raw{t: t, c: c}
					r.put(helloFrame())
					if f, err := r.read(); err != nil || f.Kind != protocol.KindWelcome {
						failures.Add(1)
						_ = c.Close()
						continue
					}
					r.buf, all[i] = nil, r
				}
			}
		})
	}
	for i := range n {
		at <- i
	}
	close(at)
	work.Wait()
	if slices.Contains(all, nil) {
		t.Fatalf("not all are welcome, after %d failures", failures.Load())
	}
	return all
}

// put writes where a failure is found by reading.
func (r *raw) put(b []byte) { _, _ = r.c.Write(b) }

// roundTrips is the median of calls to one member, in µs.
func roundTrips(t testing.TB, caller, member *raw, room string) float64 {
	number := member.join(room, "m")
	done := make(chan struct{})
	const calls = 3000
	go func() {
		defer close(done)
		for range calls {
			f, err := member.read()
			if err != nil {
				return
			}
			member.put(bytesOf(protocol.Header{Kind: protocol.KindReply, Sequence: f.Sequence, Room: number, Outcome: protocol.OK}, nil, f.Payload))
		}
	}()
	took := make([]time.Duration, calls)
	for i := range took {
		began := time.Now()
		caller.call(uint64(i)+1, room, time.Second, make([]byte, 64))
		if _, summary := caller.account(); !summary.Met {
			t.Fatalf("%+v", summary)
		}
		took[i] = time.Since(began)
	}
	<-done
	slices.Sort(took)
	return float64(took[calls/2].Nanoseconds()) / 1e3
}
