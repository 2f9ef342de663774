package middlecon_test

import (
	"errors"
	"net"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"ddcos/middlecon"
	"ddcos/middlecon/broker/started"
	"ddcos/protocol"
)

// serveTCP runs a broker on loopback until the test ends.
func serveTCP(t *testing.T) string {
	t.Helper()
	return started.At(t, protocol.Address{Network: "tcp", Where: "127.0.0.1:0"}).Addresses()[0].String()
}

// stuck accepts as the kernel does, and never answers.
func stuck(t *testing.T, network string) string {
	t.Helper()
	where := "127.0.0.1:0"
	if network == "unix" {
		where = filepath.Join(t.TempDir(), "stuck.sock")
	}
	l, err := net.Listen(network, where)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	return network + "://" + l.Addr().String()
}

// The nearest that answers is a Unix socket before all, and else the first of the
// list; one that refuses or is stuck costs no more than its head start.
func TestNearest(t *testing.T) {
	unix, first, second := serve(t), serveTCP(t), serveTCP(t)
	nobody := "unix://" + filepath.Join(t.TempDir(), "nobody.sock")
	for _, test := range []struct {
		name string
		list []string
		want string
		head time.Duration
	}{
		{"a Unix socket behind the others", []string{first, second, unix}, unix, patience},
		{"the first of two hosts", []string{first, second}, first, patience},
		{"the other way round", []string{second, first}, second, patience},
		{"after one that refuses", []string{nobody, first, second}, first, patience},
		{"after a stuck socket", []string{first, stuck(t, "unix")}, first, time.Millisecond},
		{"after a stuck host", []string{stuck(t, "tcp"), second}, second, time.Millisecond},
		{"named twice", []string{first, first}, first, patience},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			conn, err := middlecon.Dial(t.Context(), strings.Join(test.list, ", "), middlecon.Options{Timeout: patience, HeadStart: test.head})
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = conn.Close() }()
			if got := conn.At().String(); got != test.want {
				t.Errorf("reached %s of %v, want %s", got, test.list, test.want)
			}
		})
	}
}

// A name stands for all its addresses.
func TestNearestOfAName(t *testing.T) {
	_, port, _ := net.SplitHostPort(strings.TrimPrefix(serveTCP(t), "tcp://"))
	if got := dial(t, "tcp://localhost:"+port).At().Where; got != "127.0.0.1:"+port {
		t.Errorf("reached %s", got)
	}
}

// Where none answers the error says so of each.
func TestNoneAnswers(t *testing.T) {
	dir := t.TempDir()
	one, two := "unix://"+filepath.Join(dir, "one"), "unix://"+filepath.Join(dir, "two")
	_, err := middlecon.Dial(t.Context(), one+","+two, middlecon.Options{Timeout: patience})
	if !errors.Is(err, middlecon.ErrUnreachable) || !strings.Contains(err.Error(), one) || !strings.Contains(err.Error(), two) {
		t.Errorf("%v", err)
	}
	if _, err = middlecon.Dial(t.Context(), stuck(t, "unix")+","+stuck(t, "tcp"), middlecon.Options{Timeout: 300 * time.Millisecond}); !errors.Is(err, middlecon.ErrUnreachable) {
		t.Errorf("%v", err)
	}
	if _, err = middlecon.Dial(t.Context(), one+",", middlecon.Options{}); err == nil || errors.Is(err, middlecon.ErrUnreachable) {
		t.Errorf("an empty address: %v", err)
	}
}
