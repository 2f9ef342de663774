package enrol

import (
	"net/netip"
	"sync"
	"time"
)

// An address, of IPv6 its network of 64 bits, may ask burst times at once and
// then perSecond times: so many hosts may stand behind one.
const (
	burst     = 40
	perSecond = 5
	addresses = 4096 // that are remembered
)

type rates struct {
	mu  sync.Mutex // guards all
	all map[netip.Prefix]bucket
}

type bucket struct {
	left float64
	at   time.Time
}

func newRates() *rates { return &rates{all: map[netip.Prefix]bucket{}} }

// take tells whether one more question of an address is within its rate.
func (r *rates) take(from netip.Addr, now time.Time) bool {
	bits := from.BitLen()
	if from.Is6() {
		bits = 64
	}
	who, err := from.Prefix(bits)
	if err != nil {
		who = netip.Prefix{} // all that have no address are one
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	b, found := r.all[who]
	if !found {
		r.makeRoom(now)
		b = bucket{burst, now}
	}
	b.left = min(burst, b.left+now.Sub(b.at).Seconds()*perSecond)
	b.at = now
	allowed := b.left >= 1
	if allowed {
		b.left--
	}
	r.all[who] = b
	return allowed
}

// makeRoom forgets whoever has been quiet for long enough to be like new; and
// where nobody has, anyone: who has so many addresses is not held by a rate.
func (r *rates) makeRoom(now time.Time) {
	if len(r.all) < addresses {
		return
	}
	for who, b := range r.all {
		if now.Sub(b.at).Seconds()*perSecond+b.left >= burst {
			delete(r.all, who)
		}
	}
	for who := range r.all {
		if len(r.all) < addresses {
			return
		}
		delete(r.all, who)
	}
}
