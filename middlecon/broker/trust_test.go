package broker

import (
	"bytes"
	"context"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"
	"unsafe"

	"github.com/panjf2000/gnet/v2"

	"ddcos/middlecon/room"
	"ddcos/protocol"
)

// Over TCP without authentication nobody knows more than where it came from.
func TestTCPMembersAreKnownByAddress(t *testing.T) {
	b := start(t, nil)
	m := welcome(t, b, "tcp")
	m.join("r", "m")
	var view protocol.ViewChunk
	m.send(protocol.Header{Kind: protocol.KindWatch, Sequence: 3}, protocol.Watch{Room: "r", Once: true}, nil)
	m.expect(protocol.KindView, &view)
	if len(view.Joined) != 1 || view.Joined[0].Host != "127.0.0.1" || view.Joined[0].PID != 0 {
		t.Errorf("view %+v", view)
	}
}

// What gnet keeps of a TCP session's addresses is no more than their ports, and who is
// behind it is known all the same.
func TestAddressesAreNotKept(t *testing.T) {
	b := start(t, nil)
	m := welcome(t, b, "tcp")
	m.lives()
	done := make(chan struct{})
	b.post(func() {
		defer close(done)
		for _, s := range b.byID.All() {
			c := s.conn.(gnet.Conn)
			for _, a := range []net.Addr{c.LocalAddr(), c.RemoteAddr()} {
				if tcp := a.(*net.TCPAddr); !tcp.IP.Equal(net.IPv4zero) || &tcp.IP[0] != &net.IPv4zero[0] || tcp.Zone != "" || tcp.Port == 0 {
					t.Errorf("%v is kept", tcp)
				}
			}
			if want := (room.Peer{Host: "127.0.0.1", Principal: "127.0.0.1"}); s.peer() != want {
				t.Errorf("%+v, want %+v", s.peer(), want)
			}
		}
	})
	<-done
}

// A session is as large as very many may be.
func TestIdleSessionIsSmall(t *testing.T) {
	if n := unsafe.Sizeof(session{}); n > 128 {
		t.Errorf("a session takes %d bytes; above 128 each of very many takes 144", n)
	}
}

// A defect on the loop costs what met it, not the broker.
func TestPanicIsContained(t *testing.T) {
	b := start(t, nil)
	witness := welcome(t, b, "unix")
	b.post(func() { panic("planted") })
	witness.lives()
	welcome(t, b, "tcp").lives()
}

// bursting is a transport that meets a defect when it is written to.
type bursting struct{ transport }

func (bursting) Write([]byte) (int, error) { panic("planted") }

// A defect that one session meets while it is written to costs that one: the others that
// were to be written to still are, and the one whose call it was is not ended.
func TestPanicInFlushIsContained(t *testing.T) {
	b := start(t, nil)
	var all []*raw
	for _, name := range []string{"before", "bad", "after", "last"} {
		r := welcome(t, b, "unix")
		r.join("r", name)
		all = append(all, r)
	}
	b.post(func() {
		s := b.byID.Get(2)
		s.conn = bursting{s.conn}
	})
	caller := welcome(t, b, "unix")
	caller.call(1, "r", patience, nil)
	for i, r := range all {
		if i == 1 {
			_ = r.ended() // it hears nothing
			continue
		}
		d := r.expect(protocol.KindDeliver, nil)
		r.send(protocol.Header{Kind: protocol.KindReply, Sequence: d.Sequence, Room: d.Room, Outcome: protocol.OK}, nil, nil)
	}
	entries, _ := caller.account()
	outcomes := map[string]protocol.Outcome{}
	for _, e := range entries {
		outcomes[e.Name] = e.Outcome
	}
	if len(outcomes) != 4 || outcomes["bad"] != protocol.LostAfterSend || outcomes["after"] != protocol.OK {
		t.Errorf("%v", outcomes)
	}
}

// A defect leaves the loop with a time at which it looks again.
func TestPanicKeepsTheTimer(t *testing.T) {
	b := start(t, nil)
	caller := welcome(t, b, "unix")
	member := welcome(t, b, "unix")
	member.join("r", "m")
	caller.call(1, "r", 300*time.Millisecond, nil)
	member.expect(protocol.KindDeliver, nil)
	b.post(func() {
		b.armed = never
		b.timer.Stop() // as due leaves it
		panic("planted")
	})
	if entries, _ := caller.account(); len(entries) != 1 || entries[0].Outcome != protocol.NoReceipt {
		t.Errorf("%+v", entries)
	}
}

func TestShutdown(t *testing.T) {
	options := DefaultOptions()
	path := filepath.Join(t.TempDir(), "m.sock")
	options.Listen = []protocol.Address{{Network: "unix", Where: path}}
	b, err := New(options)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- b.Serve(ctx) }()
	r := welcome(t, b, "unix")
	r.join("r", "m")
	cancel()
	r.expect(protocol.KindGoAway, nil)
	if code := r.ended(); code != protocol.CodeShuttingDown {
		t.Errorf("ended with %v", code)
	}
	if err := <-done; err != nil {
		t.Errorf("Serve: %v", err)
	}
	if _, err := os.Stat(path); !os.IsNotExist(err) {
		t.Errorf("the socket is left behind: %v", err)
	}
}

// After every session has gone nothing of them is left.
func TestQuiescence(t *testing.T) {
	b := start(t, nil)
	welcome(t, b, "unix").lives()
	goroutines, files := runtime.NumGoroutine(), openFiles(t)
	for range 20 {
		var all []*raw
		for i := range 25 {
			r := welcome(t, b, []string{"unix", "tcp"}[i%2])
			r.send(protocol.Header{Kind: protocol.KindWatch, Sequence: 5}, protocol.Watch{Room: "r"}, nil)
			all = append(all, r)
		}
		for _, r := range all {
			_ = r.c.Close()
		}
	}
	until(t, "sessions, goroutines and files are as before", func() bool {
		return b.sessions.Load() == 1 && runtime.NumGoroutine() <= goroutines && openFiles(t) <= files
	})
	done := make(chan struct{})
	b.post(func() {
		defer close(done)
		if b.byID.Len() != 1 || len(b.blocked) != 0 || len(b.events) > 1 {
			t.Errorf("left on the loop: %d sessions, %d blocked, %d events", b.byID.Len(), len(b.blocked), len(b.events))
		}
	})
	<-done
}

func openFiles(t *testing.T) int {
	t.Helper()
	fds, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(fds)
}

// What a process says it is stands in the log, cut and on one line.
func TestSoftwareIsLogged(t *testing.T) {
	var log bytes.Buffer // written by the loop; read when it has ended
	t.Cleanup(func() {
		want := `software="a\nb` + strings.Repeat("x", protocol.MaxName-4) + "\"\n" // half of the é would fit, and is left out
		if text := log.String(); !strings.Contains(text, "msg=welcome") || !strings.Contains(text, want) || strings.Count(text, "welcome") != 1 {
			t.Errorf("logged %q, want %q", text, want)
		}
	})
	b := start(t, func(o *Options) {
		o.Log = slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	})
	r := connect(t, b, "unix")
	r.send(protocol.Header{Kind: protocol.KindHello}, protocol.Hello{
		MinVersion: protocol.Version, MaxVersion: protocol.Version, MaxFrame: protocol.MaxFrame,
		Software: "a\nb" + strings.Repeat("x", protocol.MaxName-4) + "é" + strings.Repeat("y", 300),
	}, nil)
	r.expect(protocol.KindWelcome, nil)
}
