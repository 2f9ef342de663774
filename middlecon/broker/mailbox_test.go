package broker

import (
	"testing"
	"time"

	"ddcos/protocol"
)

// Work that leaves more work for the loop, again and again, does not keep it from the
// sockets: the doorbell may come before one that was ready earlier, but not twice.
func TestLettersTakeTurns(t *testing.T) {
	b := start(t, nil)
	r := welcome(t, b, "unix")
	began, sent := make(chan struct{}), make(chan struct{})
	heard := make(chan bool, 1)
	b.post(func() {
		close(began)
		<-sent
		before := b.turns
		b.post(func() {
			b.post(func() { heard <- b.turns > before })
		})
	})
	<-began
	r.send(protocol.Header{Kind: protocol.KindReply, Sequence: 1 << 50, Outcome: protocol.OK}, nil, nil)
	close(sent)
	select {
	case before := <-heard:
		if !before {
			t.Error("letters that leave letters were opened before what a session had sent")
		}
	case <-time.After(patience):
		t.Fatal("the loop does not answer")
	}
}

// Letters are opened in the order in which they were left, those from before the loop as well.
func TestLettersInOrder(t *testing.T) {
	const letters = 100
	var m mailbox
	var got []int
	done := make(chan struct{})
	for i := range letters {
		m.post(func() {
			if got = append(got, i); i == letters-1 {
				close(done)
			}
		})
	}
	if m.reached(func() {}) {
		t.Error("a loop was reached that there is not")
	}
	hears, rings, err := socketPair()
	if err != nil {
		t.Fatal(err)
	}
	m.attach(rings)
	defer m.detach()
	defer func() { _ = hears.Close() }()
	if n, err := hears.Read(make([]byte, letters)); n != 1 || err != nil {
		t.Fatalf("%d rings, %v", n, err)
	}
	m.open()
	<-done
	for i, n := range got {
		if i != n {
			t.Fatalf("letter %d came as number %d", n, i)
		}
	}
}
