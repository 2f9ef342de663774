package fleet

import (
	"cmp"
	"context"
	"fmt"
	"net/netip"
	"slices"

	"ddcos/k2i"
	"ddcos/k2i/wire"
)

// MaxPeers is how many ends all hosts together may tell. A host that would have
// one more has failed, and nobody else.
const MaxPeers = 1 << 20

// Peers are the TCP connections of a fleet, each once, whichever of its ends were seen.
type Peers struct {
	Hosts []*Host // by name
	Links []Link  // by the end that opened, then by the other

	Brokers []BrokerState // of several that were asked; nil else
}

// Failed are the hosts that told no connections, or not all of them.
func (p *Peers) Failed() []*Host { return (&Table{Hosts: p.Hosts}).Failed() }

// Link is one connection: From opened it, To took it. Who listens took it; where
// neither end does any more, or both do, it is the one with the lower port.
type Link struct {
	From, To End

	// Ambiguous tells that several sockets could be the other end: addresses that
	// several hosts or networks use. It is joined with none of them.
	Ambiguous bool
}

// End is one end of a connection.
type End struct {
	Addr netip.AddrPort

	// Host is nil where nobody in the fleet has told this end: it is outside, or
	// behind a translation of addresses, or held by nobody who was seen. Then
	// there is no more than its address.
	Host    *Host
	Holders []Holder // the processes that hold the socket, by pid; one at least with Host
	State   string   // one of k2i.TCPStates; "" without Host
	NetNS   uint64   // inode of its network namespace
	Listens bool     // somebody listens on its port there
	Rx, Tx  k2i.Count
}

// Holder is a process that holds a socket.
type Holder struct {
	PID        int32  `json:"pid"`
	StartTicks uint64 `json:"start_ticks"`
	StartNS    uint64 `json:"start_ns"`
	Comm       string `json:"comm"`
}

// Sent is how many bytes went from From to To, as far as either end tells.
func (l *Link) Sent() k2i.Count { return told(l.From.Tx, l.To.Rx) }

// Received is how many came back.
func (l *Link) Received() k2i.Count { return told(l.From.Rx, l.To.Tx) }

func told(a, b k2i.Count) k2i.Count {
	if a >= 0 {
		return a
	}
	return b
}

// AskPeers looks for connections on every host of source, and joins their ends.
// A host that told none, or not all, is among the hosts with the reason. The error
// is for a source that could not be asked at all.
func AskPeers(ctx context.Context, source Source) (*Peers, error) {
	replies, err := source.Ask(ctx, wire.Request{Connections: &k2i.ConnectionFilter{}})
	if err != nil {
		return nil, err
	}
	slices.SortStableFunc(replies, func(a, b Reply) int { return cmp.Compare(a.Host, b.Host) })
	peers := &Peers{Hosts: make([]*Host, 0, len(replies)), Brokers: brokersOf(source)}
	var all sockets
	for i := range replies {
		r := &replies[i]
		h := newHost(r)
		peers.Hosts = append(peers.Hosts, h)
		if h.Status != StatusOK {
			continue
		}
		if r.Connections == nil {
			h.fail("it answered another question")
			continue
		}
		all.add(h, r.Connections)
	}
	peers.Links = all.join()
	return peers, nil
}

// connected is the reply that an answer about connections makes.
func connected(host string, a *wire.ConnectionsAnswer) Reply {
	return Reply{Host: host, Status: StatusOK, Answer: wire.WithoutRows(a.Head), Connections: &a.Connections}
}

// Read reads the body of an answer to req. Every byte of it may be an attacker's.
func Read(body []byte, req wire.Request) (Reply, error) {
	if req.Connections != nil {
		a, err := wire.DecodeConnections(body)
		if err != nil {
			return Reply{}, err
		}
		return connected(a.Host.Name, a), nil
	}
	a, err := wire.DecodeKept(body, req)
	if err != nil {
		return Reply{}, err
	}
	return Reply{Host: a.Host.Name, Status: StatusOK, Answer: a}, nil
}

func (h *Host) fail(format string, args ...any) {
	h.Status, h.Err = StatusError, fmt.Sprintf(format, args...)
}

// sockets are what all hosts have told.
type sockets struct {
	list    []*socket
	place   map[socketKey]*socket
	listens map[listenKey][]netip.Addr
}

// socket is one end that somebody holds.
type socket struct {
	host *Host
	end  End
	peer netip.AddrPort // the address of the other end
}

// socketKey is what tells ends apart: no two sockets of a network namespace have
// the same addresses.
type socketKey struct {
	host          *Host
	netns         uint64
	local, remote netip.AddrPort
}

type listenKey struct {
	host  *Host
	netns uint64
	port  uint16
}

// add takes what one host has told: all of it, or nothing where a part is wrong.
func (s *sockets) add(h *Host, told *wire.Connections) {
	if len(s.list)+len(told.Rows) > MaxPeers {
		h.fail("%d ends of connections more than the %d of others are too many", len(told.Rows), len(s.list))
		return
	}
	ends := make([]socketKey, len(told.Rows))
	for i := range told.Rows {
		c := &told.Rows[i]
		local, err := endOf(c.LocalAddr, c.LocalPort)
		if err == nil && c.RemoteAddr != "" {
			ends[i].remote, err = endOf(c.RemoteAddr, c.RemotePort)
		}
		if err != nil || c.PID < 1 {
			h.fail("it told of a connection of process %d from %.64q to %.64q", c.PID, c.LocalAddr, c.RemoteAddr)
			return
		}
		ends[i].host, ends[i].netns, ends[i].local = h, c.NetNS, local
	}
	if s.place == nil {
		s.place, s.listens = map[socketKey]*socket{}, map[listenKey][]netip.Addr{}
	}
	for i := range told.Rows {
		s.take(ends[i], &told.Rows[i])
	}
	switch {
	case told.Truncated:
		h.fail("it told %d ends of connections and has more", len(told.Rows))
	case told.Hidden:
		h.Unseen = true
	}
}

// endOf reads an address. IPv4 is that, however it is written.
func endOf(addr string, port uint16) (netip.AddrPort, error) {
	a, err := netip.ParseAddr(addr)
	return netip.AddrPortFrom(a.Unmap(), port), err
}

// take notes one process's hold of a socket.
func (s *sockets) take(key socketKey, c *k2i.Connection) {
	if !key.remote.IsValid() {
		at := listenKey{key.host, key.netns, key.local.Port()}
		s.listens[at] = append(s.listens[at], key.local.Addr())
		return
	}
	one := s.place[key]
	if one == nil {
		one = &socket{host: key.host, peer: key.remote}
		one.end = End{Addr: key.local, Host: key.host, State: c.State, NetNS: key.netns, Rx: c.RxBytes, Tx: c.TxBytes}
		s.place[key] = one
		s.list = append(s.list, one)
	}
	one.end.Holders = append(one.end.Holders, Holder{c.PID, c.StartTicks, c.StartNS, c.Comm})
}
