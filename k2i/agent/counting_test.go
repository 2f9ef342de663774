package agent

import (
	"bytes"
	"context"
	"log/slog"
	"net"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"ddcos/k2i"
	"ddcos/k2i/probe"
)

// An agent that counts sockets tells totals and rates; one that was not asked to,
// or cannot, names the fields that it does not have.
func TestCounting(t *testing.T) {
	options := DefaultOptions()
	options.Mode, options.Interval = k2i.ModeBPF, 50*time.Millisecond
	options.Count = probe.Counting{Sockets: true}
	a, err := New(t.Context(), options)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = a.Close() }()
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- a.Run(ctx) }()
	defer func() { cancel(); <-done }()
	x, y := connected(t)
	own := int32(os.Getpid())
	go func() {
		for buf := make([]byte, 1<<10); ; {
			if _, err := y.Read(buf); err != nil {
				return // closed
			}
		}
	}()
	sent := 0
	snap := until(t, a, "rate of what was sent", func(snap *k2i.Snapshot) bool {
		n, err := x.Write(make([]byte, 700))
		if err != nil {
			t.Error(err)
		}
		sent += n
		p := snap.Find(own)
		return p != nil && p.NetTx > 0 && p.NetRx > 0
	})
	p := snap.Find(own)
	if p.NetTxBytes < 700 || p.NetTxBytes > k2i.Count(sent) || p.UnixTxBytes < 0 || p.RunDelayNS != k2i.Unread {
		t.Errorf("%d bytes were sent; %+v", sent, p)
	}
	want := append(k2i.BlockIOFields(), k2i.RunDelayFields()...)
	if !slices.Equal(snap.Missing, want) || a.Stats().Uncounted != 0 {
		t.Errorf("missing %v, want %v; %d uncounted", snap.Missing, want, a.Stats().Uncounted)
	}
}

func connected(t *testing.T) (x, y net.Conn) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	if x, err = net.Dial("tcp", l.Addr().String()); err != nil {
		t.Fatal(err)
	}
	if y, err = l.Accept(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _, _ = x.Close(), y.Close() })
	return x, y
}

func TestNotCounting(t *testing.T) {
	var log bytes.Buffer
	options := DefaultOptions()
	options.Mode, options.Log = k2i.ModeProcfs, slog.New(slog.NewTextHandler(&log, nil))
	options.Count = probe.Counting{Sockets: true}
	snap, err := Once(t.Context(), options)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range (probe.Counting{}).Lacks() {
		if !slices.Contains(snap.Missing, name) {
			t.Errorf("%s is not named as missing in %v", name, snap.Missing)
		}
	}
	a, err := New(t.Context(), options)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := a.Run(ctx); err != nil {
		t.Error(err)
	}
	if err := a.Close(); err != nil || !strings.Contains(log.String(), "only BPF counts") {
		t.Errorf("%v, %s", err, log.String())
	}
}
