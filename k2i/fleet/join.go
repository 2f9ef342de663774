package fleet

import (
	"cmp"
	"net/netip"
	"slices"

	"ddcos/k2i"
)

// Two ends are one connection where each has the other's address as its peer. The
// same private addresses may be in use behind many hosts, so the nearest are
// joined first: within a network namespace, then within a host, then anywhere.
// Where the nearest are several nobody knows which, and none is joined: a wider
// search would be a guess. A loopback address means its own namespace alone.
const (
	inNamespace = iota
	onHost
	anywhere
	scopes
)

// pairKey is a connection as it is looked for in a scope.
type pairKey struct {
	host  *Host  // nil anywhere
	netns uint64 // 0 beyond a namespace
	low   netip.AddrPort
	high  netip.AddrPort
}

// pair are the sockets of one connection's two directions.
type pair struct{ up, down []*socket }

// join makes links of all sockets; each is in one of them.
func (s *sockets) join() []Link {
	for _, one := range s.list {
		one.end.Listens = s.listening(one)
		slices.SortFunc(one.end.Holders, func(a, b Holder) int {
			return cmp.Or(cmp.Compare(a.PID, b.PID), cmp.Compare(a.StartTicks, b.StartTicks))
		})
	}
	var links []Link
	rest := s.list
	for scope := range scopes {
		rest = joinIn(scope, rest, &links)
	}
	for _, one := range rest {
		links = append(links, linkOf(one.end, outside(one.peer)))
	}
	slices.SortFunc(links, func(a, b Link) int { return cmp.Or(compareEnds(&a.From, &b.From), compareEnds(&a.To, &b.To)) })
	return links
}

// joinIn joins what is one connection in a scope, and gives the sockets that may
// have their other end further away.
func joinIn(scope int, list []*socket, links *[]Link) (rest []*socket) {
	pairs := map[pairKey]*pair{}
	var order []*pair
	for _, one := range list {
		key, up := keyIn(scope, one)
		p := pairs[key]
		if p == nil {
			p = &pair{}
			pairs[key] = p
			order = append(order, p)
		}
		if up {
			p.up = append(p.up, one)
		} else {
			p.down = append(p.down, one)
		}
	}
	for _, p := range order {
		switch {
		case len(p.up) == 1 && len(p.down) == 1:
			*links = append(*links, linkOf(p.up[0].end, p.down[0].end))
		case len(p.up) > 0 && len(p.down) > 0:
			for _, one := range slices.Concat(p.up, p.down) {
				link := linkOf(one.end, outside(one.peer))
				link.Ambiguous = true
				*links = append(*links, link)
			}
		default:
			for _, one := range slices.Concat(p.up, p.down) {
				if rest = append(rest, one); one.alone(scope) {
					rest = rest[:len(rest)-1]
					*links = append(*links, one.alike())
				}
			}
		}
	}
	return rest
}

// alone tells a socket whose other end can be nowhere else.
func (s *socket) alone(scope int) bool {
	return scope == inNamespace && (s.end.Addr == s.peer || s.end.Addr.Addr().IsLoopback() || s.peer.Addr().IsLoopback())
}

// alike is the link of such a socket: it may be connected to itself.
func (s *socket) alike() Link {
	if s.end.Addr == s.peer {
		return Link{From: s.end, To: s.end}
	}
	return linkOf(s.end, outside(s.peer))
}

// keyIn is under what a socket is looked for; up where its own address is the lower.
func keyIn(scope int, s *socket) (key pairKey, up bool) {
	up = s.end.Addr.Compare(s.peer) <= 0
	if key.low, key.high = s.end.Addr, s.peer; !up {
		key.low, key.high = s.peer, s.end.Addr
	}
	if scope <= onHost {
		key.host = s.host
	}
	if scope == inNamespace {
		key.netns = s.end.NetNS
	}
	return key, up
}

// outside is an end of which the address alone is known.
func outside(addr netip.AddrPort) End {
	return End{Addr: addr, Rx: k2i.Unread, Tx: k2i.Unread}
}

// linkOf puts two ends into their order.
func linkOf(a, b End) Link {
	switch {
	case a.Listens != b.Listens:
		if a.Listens {
			a, b = b, a
		}
	case a.Addr.Port() < b.Addr.Port():
		a, b = b, a
	}
	return Link{From: a, To: b}
}

// listening tells whether somebody listens where a socket is.
func (s *sockets) listening(one *socket) bool {
	return slices.ContainsFunc(s.listens[listenKey{one.host, one.end.NetNS, one.end.Addr.Port()}], func(on netip.Addr) bool {
		return on.IsUnspecified() || on == one.end.Addr.Addr()
	})
}

// compareEnds is by host, process and address; who is outside comes last.
func compareEnds(a, b *End) int {
	if a.Host == nil || b.Host == nil {
		switch {
		case a.Host != nil:
			return -1
		case b.Host != nil:
			return 1
		}
		return a.Addr.Compare(b.Addr)
	}
	return cmp.Or(cmp.Compare(a.Host.Name, b.Host.Name), cmp.Compare(a.Holders[0].PID, b.Holders[0].PID),
		a.Addr.Compare(b.Addr), cmp.Compare(a.NetNS, b.NetNS))
}
