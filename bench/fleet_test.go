package bench

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"path/filepath"
	"strings"
	"testing"
)

// startFleet runs a fleet of nats members in this process; what it ends with comes by the channel.
func startFleet(t *testing.T, listen net.Listener, members int) (stop func(), ended chan error) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	ended = make(chan error, 1)
	address := listen.Addr().Network() + "://" + listen.Addr().String()
	go func() {
		ended <- Fleet(ctx, FleetOptions{System: "nats", Broker: address, Members: members, Rooms: 1, Out: io.Discard})
	}()
	return cancel, ended
}

// greeted accepts a member and lets it join.
func greeted(l net.Listener) (net.Conn, *bufio.Reader, error) {
	c, err := l.Accept()
	if err != nil {
		return nil, nil, err
	}
	r := bufio.NewReader(c)
	for {
		line, err := r.ReadString('\n')
		if err != nil {
			return nil, nil, err
		}
		if line == "PING\r\n" {
			_, err = c.Write([]byte("INFO {}\r\nPONG\r\n"))
			return c, r, err
		}
	}
}

// TestFleetKeepsWhatABrokerDoesNotRead fills a socket, and then reads every answer, in order.
func TestFleetKeepsWhatABrokerDoesNotRead(t *testing.T) {
	l, err := net.Listen("unix", filepath.Join(t.TempDir(), "s"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	stop, ended := startFleet(t, l, 1)
	c, r, err := greeted(l)
	if err != nil {
		t.Fatal(err)
	}
	const messages, size = 60, 16 << 10 // under maxUnsent, over what a socket holds
	for i := range messages {
		payload := bytes.Repeat([]byte{byte('a' + i%26)}, size)
		if _, err := fmt.Fprintf(c, "MSG bench 1 box.%d %d\r\n%s\r\n", i, size, payload); err != nil {
			t.Fatal(err)
		}
	}
	for i := range messages {
		line, err := r.ReadString('\n')
		if want := fmt.Sprintf("PUB box.%d %d\r\n", i, size); err != nil || line != want {
			t.Fatalf("%q, want %q, %v", line, want, err)
		}
		payload := make([]byte, size+2)
		if _, err := io.ReadFull(r, payload); err != nil || payload[0] != byte('a'+i%26) || payload[size-1] != payload[0] {
			t.Fatalf("answer %d: %.10q, %v", i, payload, err)
		}
	}
	stop()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

// TestFleetNamesWhatEndsIt has brokers that hang up, talk nonsense and take nobody.
func TestFleetNamesWhatEndsIt(t *testing.T) {
	for name, tc := range map[string]struct{ say, want string }{
		"hangs up": {"", "the broker ended the connection"},
		"nonsense": {"MSG x\r\n", "no known length"},
		"refuses":  {"-ERR 'Stale Connection'\r\n", "Stale Connection"},
	} {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		stop, ended := startFleet(t, l, 1)
		c, _, err := greeted(l)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(c, tc.say); err != nil {
			t.Error(err)
		}
		if err := errors.Join(c.Close(), l.Close()); err != nil {
			t.Error(err)
		}
		if err := <-ended; err == nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%s: %v, want %q", name, err, tc.want)
		}
		stop()
	}
}

func TestFleetRefuses(t *testing.T) {
	for name, tc := range map[string]struct {
		o    FleetOptions
		want string
	}{
		"an unknown system": {FleetOptions{System: "kafka", Broker: "tcp://127.0.0.1:1"}, `no peer is called "kafka"`},
		"no address":        {FleetOptions{System: "nats", Broker: "here"}, "want unix:///path"},
		"no room":           {FleetOptions{System: "nats", Broker: "unix:///nowhere/s", Members: 1}, "0 rooms"},
		"nobody there":      {FleetOptions{System: "nats", Broker: "unix:///nowhere/s", Members: 1, Rooms: 1}, "member 1 of 1"},
	} {
		tc.o.Out = io.Discard
		if err := Fleet(t.Context(), tc.o); err == nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%s: %v, want %q", name, err, tc.want)
		}
	}
}

// TestFleetPinged says so when every member, and not only one, has been asked whether it lives.
func TestFleetPinged(t *testing.T) {
	l, err := net.Listen("unix", filepath.Join(t.TempDir(), "s"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	ready, pinged := newAwaited(FleetReady), newAwaited(FleetPinged)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() {
		ended <- Fleet(ctx, FleetOptions{System: "nats", Broker: "unix://" + l.Addr().String(), Members: 2, Rooms: 1, Out: io.MultiWriter(ready, pinged)})
	}()
	for range 2 {
		select {
		case <-pinged.seen:
			t.Error("not all have been pinged")
		default:
		}
		c, r, err := greeted(l)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := c.Write([]byte("PING\r\n")); err != nil {
			t.Fatal(err)
		}
		if line, err := r.ReadString('\n'); line != "PONG\r\n" || err != nil {
			t.Fatalf("%q, %v", line, err)
		}
	}
	select {
	case <-pinged.seen:
	case err := <-ended:
		t.Error(err)
	}
	<-ready.seen
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}
