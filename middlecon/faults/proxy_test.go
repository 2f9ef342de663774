package faults

import (
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"ddcos/protocol"
)

// proxy stands between members and their broker, and does to frames what no
// kernel here can: it delays each, so that those of several sessions change
// places, repeats what members say and breaks frames' heads.
type proxy struct {
	t       *testing.T
	to      string // unix:///...
	seed    uint64
	corrupt float64 // of the frames that members send
	repeat  float64

	mu      sync.Mutex // guards the fields below
	links   uint64
	broken  int
	again   int
	closing []net.Conn
}

// serve gives the address that members dial.
func (p *proxy) serve() string {
	p.t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		p.t.Fatal(err)
	}
	p.t.Cleanup(func() {
		_ = l.Close()
		p.mu.Lock()
		defer p.mu.Unlock()
		for _, c := range p.closing {
			_ = c.Close()
		}
	})
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			p.link(c)
		}
	}()
	return "tcp://" + l.Addr().String()
}

// link joins one member to the broker.
func (p *proxy) link(member net.Conn) {
	broker, err := net.Dial("unix", strings.TrimPrefix(p.to, "unix://"))
	if err != nil {
		_ = member.Close()
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.closing = append(p.closing, member, broker)
	p.links++
	go p.frames(member, broker, rand.New(rand.NewPCG(p.seed, p.links)), true)
	go p.frames(broker, member, rand.New(rand.NewPCG(p.seed, p.links<<32)), false)
}

// frames carries frame after frame, until either end is gone.
func (p *proxy) frames(from, to net.Conn, r *rand.Rand, ofMember bool) {
	defer func() { _, _ = from.Close(), to.Close() }()
	for {
		frame, err := oneFrame(from)
		if err != nil {
			return
		}
		<-time.After(time.Duration(r.IntN(3000)) * time.Microsecond)
		times := 1
		if kind := protocol.Kind(frame[1]); ofMember && (kind == protocol.KindReply || kind == protocol.KindReceipt) {
			times, frame = p.spoil(r, frame)
		}
		for range times {
			if _, err := to.Write(frame); err != nil {
				return
			}
		}
	}
}

// spoil repeats or breaks a frame, now and then.
func (p *proxy) spoil(r *rand.Rand, frame []byte) (int, []byte) {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch chance := r.Float64(); {
	case chance < p.corrupt:
		p.broken++
		frame[[...]int{0, 1, 4, 36}[r.IntN(4)]] ^= 0x80 // version, kind, length, reserved
	case chance < p.corrupt+p.repeat && protocol.Kind(frame[1]) == protocol.KindReply:
		p.again++
		return 2, frame
	}
	return 1, frame
}

func oneFrame(from io.Reader) ([]byte, error) {
	head := make([]byte, protocol.HeaderSize)
	if _, err := io.ReadFull(from, head); err != nil {
		return nil, err
	}
	frame := make([]byte, protocol.Need(head))
	copy(frame, head)
	_, err := io.ReadFull(from, frame[protocol.HeaderSize:])
	return frame, err
}

// TestSpoiledFrames (fault 12): frames of several sessions change places, come
// twice and come broken. A broken one ends its own session and no other; a
// second reply changes nothing; who is directly connected notices nothing.
func TestSpoiledFrames(t *testing.T) {
	for seed := range uint64(sized(2, 20)) {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			w := begin(t, setup{})
			w.members(plan{Names: names("well", 4)})
			p := &proxy{t: t, to: w.broker.socket, seed: seed, corrupt: 0.01, repeat: 0.2}
			behind := names("behind", 12)
			w.sick(behind...)
			w.members(plan{Names: behind, Address: p.serve(), Reconnect: true})
			c := w.caller("c")
			for range 60 {
				c.must(ask{})
			}
			w.finish()
			p.mu.Lock()
			defer p.mu.Unlock()
			if p.broken == 0 || p.again == 0 || p.links == 12 {
				t.Errorf("%d frames broken, %d repeated, %d sessions", p.broken, p.again, p.links)
			}
			if s := w.h.Samples[len(w.h.Samples)-1].Stats; s.Duplicate+s.Late == 0 {
				t.Error("no reply was counted as a second one")
			}
		})
	}
}
