package broker

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"ddcos/bench/hosts"
	"ddcos/protocol"
)

// wired is a broker on one host and two hosts that reach it by cables.
type wired struct {
	*Broker
	center       *hosts.Datacenter
	at           string
	near, remote *hosts.Host
}

// wire serves a broker in a network of its own, until the test ends.
func wire(t *testing.T, change func(*Options)) *wired {
	t.Helper()
	center, err := hosts.Start(t.Context(), hosts.Spec{
		Network: netip.MustParsePrefix("10.78.0.0/24"), Hub: "hub", Hosts: []string{"near", "remote"},
	})
	if errors.Is(err, syscall.EPERM) || errors.Is(err, fs.ErrPermission) {
		t.Skip("namespaces need root")
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := center.Close(); err != nil {
			t.Error(err)
		}
	})
	w := &wired{center: center, near: center.Hosts[0], remote: center.Hosts[1]}
	within(t, center.Hub, func() {
		w.Broker = start(t, func(o *Options) {
			o.Listen = []protocol.Address{
				{Network: "unix", Where: filepath.Join(t.TempDir(), "m.sock")},
				{Network: "tcp", Where: center.Hub.Addr.String() + ":0"},
			}
			o.InsecurePlaintext = true
			if change != nil {
				change(o)
			}
		})
	})
	for _, a := range w.Addresses() {
		if a.Network == "tcp" {
			w.at = a.Where
		}
	}
	return w
}

// within does something in a host's network: sockets that it opens stay there.
func within(t *testing.T, h *hosts.Host, do func()) {
	t.Helper()
	var done sync.WaitGroup
	done.Go(func() {
		runtime.LockOSThread() // and never unlocked: the thread ends with its goroutine
		f, err := os.Open(fmt.Sprintf("/proc/%d/ns/net", h.PID()))
		if err != nil {
			t.Error(err)
			return
		}
		defer func() { _ = f.Close() }()
		if err := unix.Setns(int(f.Fd()), unix.CLONE_NEWNET); err != nil {
			t.Error(err)
			return
		}
		do()
	})
	done.Wait()
	if t.Failed() {
		t.FailNow()
	}
}

// members joins so many sessions of that host to the room r.
func (w *wired) members(t *testing.T, h *hosts.Host, n int) {
	t.Helper()
	within(t, h, func() {
		for i := range n {
			c, err := net.Dial("tcp", w.at)
			if err != nil {
				t.Error(err)
				return
			}
			t.Cleanup(func() { _ = c.Close() })
			r := &raw{t: t, c: c}
			r.write(append(helloFrame(), bytesOf(protocol.Header{Kind: protocol.KindJoin, Sequence: 1},
				protocol.Join{Room: "r", Name: fmt.Sprintf("%s-%d", h.Name, i)}, nil)...))
			r.expect(protocol.KindWelcome, nil)
			r.expect(protocol.KindJoined, nil)
		}
	})
}

func (w *wired) count(t *testing.T) protocol.Stats {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	s, err := w.Stats(ctx)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// Hosts whose cable is out are found by probes, long before a ping is due, however
// many sessions they have and whether they were called before or are called
// afterwards; those of another host, who were called together with them, stay.
func TestHalfOpen(t *testing.T) {
	for _, c := range []struct {
		name   string
		n      int
		called bool // after the cable is out
	}{{"one", 1, false}, {"one, called", 1, true}, {"six hundred", 600, false}, {"six hundred, called", 600, true}} {
		t.Run(c.name, func(t *testing.T) {
			w := wire(t, func(o *Options) { o.PingEvery = time.Hour })
			w.members(t, w.near, c.n)
			w.members(t, w.remote, c.n)
			caller := welcome(t, w.Broker, "unix")
			caller.call(1, "r", 50*time.Millisecond, []byte("all of you, now")) // in step from here on
			if _, s := caller.account(); int(s.Selected) != 2*c.n {
				t.Fatalf("%d were called", s.Selected)
			}
			if err := w.center.SetLink(w.remote, false); err != nil {
				t.Fatal(err)
			}
			cut := time.Now()
			if c.called {
				caller.call(2, "r", 20*time.Millisecond, []byte("and once more"))
				caller.account()
			}
			// The loop is asked until they are gone; each question is answered by it.
			for w.count(t).Members > uint64(c.n) {
				if time.Since(cut) > patience {
					t.Fatalf("%d members are left", w.count(t).Members)
				}
				caller.lives()
			}
			t.Logf("found after %v", time.Since(cut))
			if s := w.count(t); s.Members != uint64(c.n) || s.HalfOpen != uint64(c.n) {
				t.Errorf("%d members are left, %d were half open, want %d and %d", s.Members, s.HalfOpen, c.n, c.n)
			}
		})
	}
}
