package middlecon

import (
	"cmp"
	"context"
	"net"
	"net/netip"
	"slices"
	"strings"
	"time"

	"ddcos/protocol"
)

// Limits of what a name may stand for.
const (
	resolveWithin = time.Second
	maxPlaces     = 64
)

// place is where one broker may be: a Unix socket, or one address of a host.
type place struct {
	at   protocol.Address
	host string // as it was given, where at is a host: its name or its address
}

// near puts Unix sockets before all others, and else keeps the order.
func near(addresses []protocol.Address) []protocol.Address {
	return slices.SortedStableFunc(slices.Values(addresses), func(a, b protocol.Address) int {
		return cmp.Compare(remote(a), remote(b))
	})
}

func remote(a protocol.Address) int {
	if a.Network == "unix" {
		return 0
	}
	return 1
}

// several tells whether there is, or may be, another broker to go to.
func (c *Conn) several() bool { return len(c.addresses) > 1 || c.many.Load() }

// connect opens a session with the nearest broker that answers, as Dial says; one
// that is to be avoided comes last.
func (c *Conn) connect(ctx context.Context, avoid protocol.Address) (*link, error) {
	ctx, cancel := context.WithTimeout(ctx, c.options.Timeout)
	defer cancel()
	places := make(chan place)
	go c.places(ctx, avoid, places)
	type result struct {
		link *link
		err  error
	}
	results := make(chan result, maxPlaces)
	head := time.NewTimer(c.options.HeadStart)
	defer head.Stop()
	var failed refusals
	open, next := 0, places
	for {
		select {
		case p, ok := <-next:
			if !ok {
				places = nil
			} else {
				open++
				go func() {
					l, err := c.reach(ctx, p)
					results <- result{l, err}
				}()
			}
			next = nil
			head.Reset(c.options.HeadStart)
		case <-head.C:
			next = places
		case r := <-results:
			open--
			if r.err == nil {
				go func() { // who comes second is sent home
					for range open {
						if late := <-results; late.err == nil {
							late.link.end()
						}
					}
				}()
				return r.link, nil
			}
			failed = append(failed, r.err)
			next = places
		}
		if open == 0 && places == nil {
			return nil, failed.error(ctx)
		}
	}
}

// places gives the places of all brokers one by one, in the order in which they are
// asked, and closes the channel behind the last.
func (c *Conn) places(ctx context.Context, avoid protocol.Address, to chan<- place) {
	defer close(to)
	given := 0
	give := func(p place) bool {
		given++
		select {
		case to <- p:
			return given < maxPlaces
		case <-ctx.Done():
			return false
		}
	}
	var last []place
	for _, a := range c.addresses {
		found := resolve(ctx, a)
		if len(found) > 1 {
			c.many.Store(true)
		}
		for _, p := range found {
			if p.at == avoid {
				last = append(last, p)
			} else if !give(p) {
				return
			}
		}
	}
	for _, p := range last {
		if !give(p) {
			return
		}
	}
}

// resolve is what an address stands for: a name's addresses in the resolver's order.
// A name that cannot be resolved stays one, and fails when it is dialled.
func resolve(ctx context.Context, a protocol.Address) []place {
	host, port, err := net.SplitHostPort(a.Where)
	if a.Network == "unix" || err != nil {
		return []place{{at: a}}
	}
	whole := []place{{at: a, host: host}}
	if _, err := netip.ParseAddr(host); err == nil || host == "" {
		return whole
	}
	ctx, cancel := context.WithTimeout(ctx, resolveWithin)
	defer cancel()
	ips, err := net.DefaultResolver.LookupNetIP(ctx, "ip", host)
	if err != nil || len(ips) == 0 {
		return whole
	}
	var all []place
	for _, ip := range ips[:min(len(ips), maxPlaces)] {
		at := protocol.Address{Network: a.Network, Where: net.JoinHostPort(ip.Unmap().String(), port)}
		all = append(all, place{at: at, host: host})
	}
	return all
}

// refusals are why each of several brokers could not be reached.
type refusals []error

// error is the one there is, or all together.
func (r refusals) error(ctx context.Context) error {
	switch len(r) {
	case 0:
		return cmp.Or(context.Cause(ctx), ErrUnreachable)
	case 1:
		return r[0]
	}
	return r
}

func (r refusals) Error() string {
	var each []string
	for _, err := range r {
		each = append(each, strings.TrimPrefix(err.Error(), ErrUnreachable.Error()+" "))
	}
	return ErrUnreachable.Error() + " " + strings.Join(each, ", nor ")
}

// Unwrap keeps all of them in reach of errors.Is.
func (r refusals) Unwrap() []error { return r }
