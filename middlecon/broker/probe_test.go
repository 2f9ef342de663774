package broker

import (
	"net"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// heard is what the kernel knows of a peer that it last heard so long ago.
func heard(ago time.Duration) *unix.TCPInfo {
	ms := uint32(ago.Milliseconds())
	return &unix.TCPInfo{Last_ack_recv: ms, Last_data_recv: ms + 5000}
}

// The rule on a peer that never answers: it is asked once a second of silence has
// passed, several times, and then gone, within three seconds.
func TestJudgeSilentPeer(t *testing.T) {
	const lastHeard = time.Minute
	for first := quietFor; first < quietFor+lookEvery; first += wheelStep {
		p, now := probing{}, lastHeard+first
		for {
			silent, v := p.judge(now, heard(now-lastHeard))
			if v == isGone {
				if silent > goneAfter+probeAgain || p.probes < 4 {
					t.Errorf("first looked at after %v: gone after %v and %d probes", first, silent, p.probes)
				}
				break
			}
			if v != isToProbe || silent > 3*time.Second {
				t.Fatalf("after %v: %d", silent, v)
			}
			p.probes++
			now += probeAgain
		}
	}
}

func TestJudge(t *testing.T) {
	const now = time.Minute
	old := probing{since: now - 2*time.Second, probes: 6}
	for name, c := range map[string]struct {
		p    probing
		info *unix.TCPInfo
		want verdict
	}{
		"acknowledged half a second ago":            {old, heard(500 * time.Millisecond), isThere},
		"data came, no acknowledgement":             {old, &unix.TCPInfo{Last_ack_recv: 9000, Last_data_recv: 100}, isThere},
		"never asked, since the broker was held up": {probing{}, heard(time.Minute), isToProbe},
		"asked often, within a moment":              {probing{since: now - askedFor/2, probes: 9}, heard(time.Minute), isToProbe},
		"asked long ago, once":                      {probing{since: now - 5*time.Second, probes: 1}, heard(time.Minute), isToProbe},
		"it answered a probe of before":             {old, heard(1500 * time.Millisecond), isToProbe},
		"asked and silent":                          {old, heard(goneAfter), isGone},
		"silent, and not long enough":               {old, heard(goneAfter - 100*time.Millisecond), isToProbe},
		"bytes are under way": {probing{}, func() *unix.TCPInfo {
			i := heard(1500 * time.Millisecond)
			i.Unacked = 3
			return i
		}(), isAsked},
		"bytes were sent again and again": {probing{since: now - askedFor}, func() *unix.TCPInfo {
			i := heard(goneAfter)
			i.Unacked, i.Retransmits = 3, askedTimes-1
			return i
		}(), isGone},
		"a far peer's first bytes are under way": {probing{since: now - askedFor}, func() *unix.TCPInfo {
			i := heard(goneAfter)
			i.Unacked, i.Retransmits = 3, askedTimes-2
			return i
		}(), isAsked},
		"a stopped process's window is full, its kernel says so less and less often": {probing{since: now - 5*time.Second}, func() *unix.TCPInfo {
			i := heard(20 * time.Second)
			i.Notsent_bytes = 70000
			return i
		}(), isAsked},
		"the window was full and its kernel does not say so any more": {probing{since: now - 5*time.Second}, func() *unix.TCPInfo {
			i := heard(20 * time.Second)
			i.Notsent_bytes, i.Probes = 70000, askedTimes
			return i
		}(), isGone},
	} {
		if _, got := c.p.judge(now, c.info); got != c.want {
			t.Errorf("%s: %d, want %d", name, got, c.want)
		}
	}
}

// Peers of this host are not probed, and who is probed is not by the kernel's own clock.
func TestProbed(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	client, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = client.Close() }()
	c, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Close() }()
	tcp := c.(*net.TCPConn)
	if probed(tcp) {
		t.Error("a peer on loopback is probed")
	}
	for _, probed := range []bool{true, false} {
		if err := tune(tcp, probed); err != nil {
			t.Fatal(err)
		}
		if got := option(t, tcp, unix.SOL_SOCKET, unix.SO_KEEPALIVE) == 1; got != probed {
			t.Errorf("keepalive %v, want %v", got, probed)
		}
		if got := option(t, tcp, unix.IPPROTO_TCP, unix.TCP_THIN_LINEAR_TIMEOUTS) == 1; probed && !got {
			t.Error("bytes that are lost are sent again later each time")
		}
		for _, name := range []int{unix.TCP_KEEPIDLE, unix.TCP_KEEPINTVL} {
			if got := option(t, tcp, unix.IPPROTO_TCP, name); probed && got != kernelNever {
				t.Errorf("option %d: %d, want %d", name, got, kernelNever)
			}
		}
	}
}

// option reads one of a socket's options.
func option(t *testing.T, c *net.TCPConn, level, name int) (value int) {
	t.Helper()
	raw, err := c.SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	if err := raw.Control(func(fd uintptr) { value, err = unix.GetsockoptInt(int(fd), level, name) }); err != nil {
		t.Fatal(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	return value
}
