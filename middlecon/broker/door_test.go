package broker

import (
	"testing"
	"time"

	"ddcos/middlecon/creds/forge"
	"ddcos/protocol"
)

// inLoop is how many sessions the loop has.
func inLoop(b *Broker) int {
	open := make(chan int, 1)
	b.post(func() { open <- b.byID.Len() })
	return <-open
}

// A hello that comes byte by byte is the loop's business when it is whole, and what comes
// with it is not lost.
func TestHelloInPieces(t *testing.T) {
	for _, network := range []string{"unix", "tcp"} {
		t.Run(network, func(t *testing.T) {
			b := start(t, func(o *Options) { o.HelloTimeout = patience })
			slow, quick := connect(t, b, network), welcome(t, b, network)
			hello := helloFrame()
			for i, last := 0, len(hello)-1; i < last; i++ {
				slow.write(hello[i : i+1])
				if i%16 == 0 {
					quick.lives()
				}
			}
			until(t, "both are accepted", func() bool { return b.sessions.Load() == 2 })
			if n := inLoop(b); n != 1 {
				t.Errorf("%d sessions in the loop", n)
			}
			slow.write(append(hello[len(hello)-1:], bytesOf(protocol.Header{Kind: protocol.KindPing, Sequence: 7}, nil, nil)...))
			slow.expect(protocol.KindWelcome, nil)
			if f := slow.next(); f.Kind != protocol.KindPong || f.Sequence != 7 {
				t.Errorf("a %v frame, %d", f.Kind, f.Sequence)
			}
			slow.lives()
		})
	}
}

// What cannot be a hello is not waited for until it is whole.
func TestNoHelloIsTold(t *testing.T) {
	for _, network := range []string{"unix", "tcp"} {
		t.Run(network, func(t *testing.T) {
			b := start(t, func(o *Options) { o.HelloTimeout = time.Hour })
			r := connect(t, b, network)
			until(t, "it is accepted", func() bool { return b.sessions.Load() == 1 })
			long := protocol.Header{Version: protocol.Version, Kind: protocol.KindHello, Length: protocol.MaxFirst}
			r.write(protocol.AppendHeader(nil, long))
			if code := r.ended(); code != protocol.CodeFrameTooLarge {
				t.Errorf("ended with %v", code)
			}
		})
	}
}

// Who goes before its hello is whole leaves its place at once.
func TestGoneBeforeHello(t *testing.T) {
	for _, network := range []string{"unix", "tcp"} {
		t.Run(network, func(t *testing.T) {
			b := start(t, func(o *Options) { o.HelloTimeout = time.Hour })
			silent, half := connect(t, b, network), connect(t, b, network)
			half.write(helloFrame()[:9])
			if over == "" { // a handshake would begin
				until(t, "they are accepted", func() bool { return b.sessions.Load() == 2 })
			}
			_, _ = silent.c.Close(), half.c.Close()
			until(t, "their places are given back", func() bool { return b.sessions.Load() == 0 })
			welcome(t, b, network).lives()
		})
	}
}

// Who has said no hello when the broker ends hears that it does.
func TestEndBeforeHello(t *testing.T) {
	b := start(t, func(o *Options) { o.HelloTimeout = time.Hour })
	silent, half := connect(t, b, "unix"), connect(t, b, "tcp")
	half.write(helloFrame()[:9])
	until(t, "they are accepted", func() bool { return b.sessions.Load() == 2 })
	b.Drain(0)
	for _, r := range []*raw{silent, half} {
		if code := r.ended(); code != protocol.CodeShuttingDown {
			t.Errorf("ended with %v", code)
		}
	}
	if n := b.sessions.Load(); n != 0 {
		t.Errorf("%d places are taken still", n)
	}
}

// Where no handshake more may begin, who comes by TLS waits to be accepted, and nobody else.
func TestHandshakesFull(t *testing.T) {
	a := forge.New(t, "authority")
	b := mutual(t, a, nil)
	for range cap(b.handshakes) {
		b.handshakes <- struct{}{}
	}
	waits := shows(t, b, a.Issue(nil, "spiffe://ddcos/agent/x"))
	welcome(t, b, "unix").lives()
	welcome(t, b, "tcp").lives()
	if n := b.sessions.Load(); n != 2 {
		t.Errorf("%d sessions", n)
	}
	for range cap(b.handshakes) {
		<-b.handshakes
	}
	waits.admitted().lives()
}
