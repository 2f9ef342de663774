package broker

import (
	"errors"
	"net"
	"net/netip"
	"time"

	"golang.org/x/sys/unix"

	"ddcos/protocol"
)

// probing finds out that the host behind a TCP session is gone without a word.
// The kernel's own keepalive cannot: it counts from the latest traffic, so that
// sessions which were called together are probed together, in a burst that its
// queues drop; and it knows whole seconds only, too few probes for a link that
// loses some. Here the broker says when the kernel probes, each session at its
// place on the wheel, and reads from the kernel when the peer last acknowledged.
type probing struct {
	fd     int
	heard  time.Duration // when a frame came, or its kernel last said anything as far as was looked
	since  time.Duration // when it was first asked in this silence; 0: it was not
	probes int           // since then
}

// A session that nothing came from for quietFor is probed, each probeAgain until
// its peer's kernel answers; one that was silent for goneAfter, and was asked
// askedTimes within no less than askedFor, is ended. The last two keep a broker
// that was held up itself from accusing others.
const (
	quietFor   = 1200 * time.Millisecond
	goneAfter  = 2400 * time.Millisecond
	askedFor   = 900 * time.Millisecond
	askedTimes = 3
	lookEvery  = 300 * time.Millisecond
	probeAgain = 200 * time.Millisecond
)

// probesAtOnce is how many probes leave in one turn of the loop at most: the
// kernel's queue of a veth or the loopback takes 1,000 segments.
const probesAtOnce = 800

// Never, for the kernel: it probes when it is told to.
const kernelNever = 32767 // s

// probed tells whether the kernel cannot know by itself that this peer is gone.
// One of this host ends in the kernel's sight.
func probed(c *net.TCPConn) bool {
	peer, ok := addressOf(c.RemoteAddr())
	own, known := addressOf(c.LocalAddr())
	return !ok || !known || (!peer.IsLoopback() && peer != own)
}

func addressOf(a net.Addr) (netip.Addr, bool) {
	tcp, ok := a.(*net.TCPAddr)
	if !ok {
		return netip.Addr{}, false
	}
	return tcp.AddrPort().Addr().Unmap(), true
}

// tune prepares a TCP socket to be probed, or not to be. While bytes are under way the
// kernel does not probe but sends them again, later each time: by goneAfter it would
// have asked no more than four or five times, which a link that loses a tenth of all
// loses now and then. Told so, it does not wait longer the first times.
func tune(c *net.TCPConn, probed bool) error {
	if err := c.SetKeepAliveConfig(net.KeepAliveConfig{
		Enable: probed, Idle: kernelNever * time.Second, Interval: kernelNever * time.Second, Count: 127,
	}); err != nil || !probed {
		return err
	}
	raw, err := c.SyscallConn()
	if err != nil {
		return err
	}
	var failed error
	err = raw.Control(func(fd uintptr) {
		failed = unix.SetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_THIN_LINEAR_TIMEOUTS, 1)
	})
	return errors.Join(err, failed)
}

// probe makes the kernel send a probe in its next tick, where it heard nothing for a
// second: setting the idle time sets the timer anew, and it is past then.
func (p *probing) probe() {
	_ = unix.SetsockoptInt(p.fd, unix.IPPROTO_TCP, unix.TCP_KEEPIDLE, 1)
}

// watchOver begins to look at a session, if it is one to be probed. Its place on
// the wheel is its number's, not the time of its coming.
func (b *Broker) watchOver(s *session) {
	if s.probe != nil {
		const round = int64(lookEvery / wheelStep)
		b.wheel.put(s, int64(b.now()/wheelStep), 1+int64(s.id)%round)
	}
}

// watchAll looks at the sessions whose turn it is.
func (b *Broker) watchAll() {
	left := probesAtOnce
	b.wheel.turn(b.clock, func(s *session) int64 {
		if s.closing {
			return 0
		}
		return int64(b.look(s, &left) / wheelStep)
	})
}

// look probes a silent session or ends it, and says when to look again.
func (b *Broker) look(s *session, left *int) time.Duration {
	now, p := b.now(), s.probe
	if now-p.heard < quietFor { // asking the kernel costs more
		p.since = 0
		return lookEvery
	}
	info, err := unix.GetsockoptTCPInfo(p.fd, unix.IPPROTO_TCP, unix.TCP_INFO)
	if err != nil {
		return lookEvery // what is wrong with it, the loop will read
	}
	switch silent, v := p.judge(now, info); v {
	case isGone:
		b.halfOpen++
		b.end(s, protocol.CodeUnresponsive, "its host has acknowledged nothing for "+silent.Round(time.Millisecond).String())
	case isAsked:
		return probeAgain
	case isToProbe:
		if *left == 0 {
			return probeAgain
		}
		*left--
		p.probes++
		p.probe()
		return probeAgain
	case isThere:
	}
	return lookEvery
}

type verdict uint8

const (
	isThere   verdict = iota
	isToProbe         // silent, and nothing is under way that it would acknowledge
	isAsked           // it has something to acknowledge already
	isGone
)

// judge says what to make of what the kernel knows.
func (p *probing) judge(now time.Duration, info *unix.TCPInfo) (silent time.Duration, v verdict) {
	silent = time.Duration(min(info.Last_ack_recv, info.Last_data_recv)) * time.Millisecond
	p.heard = now - silent
	if silent < quietFor {
		p.since = 0
		return silent, isThere
	}
	if p.since == 0 || silent < now-p.since { // it answered since
		p.since, p.probes = now, 0
	}
	asked := max(p.probes, int(info.Probes))
	if info.Unacked > 0 {
		asked = max(asked, 1+int(info.Retransmits))
	}
	if silent >= goneAfter && now-p.since >= askedFor && asked >= askedTimes {
		return silent, isGone
	}
	if info.Unacked > 0 || info.Notsent_bytes > 0 { // the kernel asks by itself, and does not probe meanwhile
		return silent, isAsked
	}
	return silent, isToProbe
}
