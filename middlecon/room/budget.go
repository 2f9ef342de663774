package room

import (
	"maps"
	"time"

	"ddcos/protocol"
)

// Principal is on whose account deliveries are: what the broker can tell apart
// that a peer cannot choose, such as a user or an address.
type Principal string

// budget is how many deliveries principals may cause. Each may be asked for as
// long as what its principal caused before is not more than a burst beyond the
// rate: so one call to very many is let through, and what follows waits for it.
type budget struct {
	paid  map[Principal]time.Duration // when all that it caused is paid for; where that is past, it is forgotten
	swept time.Duration               // when those were looked for
}

// others is the principal of all for whom there is no place of their own.
const others Principal = ""

// owesPart is of what a principal may cause at once, for Owes.
const owesPart = 10

// sweepEvery bounds what a full table can cost.
const sweepEvery = time.Second

// afford refuses a principal that has caused too many deliveries, and tells when
// it may cause more.
func (r *Rooms) afford(p Principal) error {
	if r.limits.Deliveries == 0 {
		return nil
	}
	wait := r.budget.paid[r.place(p)] - r.now - r.worth(r.limits.DeliveryBurst)
	if wait < 0 {
		return nil
	}
	r.stats.Throttled++
	err := protocol.Errorf(protocol.CodeTooManyDeliveries, "%d a second are allowed to one principal, and %d at once", r.limits.Deliveries, r.limits.DeliveryBurst)
	err.Wait = wait + 1
	return err
}

// spend charges a principal for so many deliveries.
func (r *Rooms) spend(p Principal, deliveries int) {
	if r.limits.Deliveries == 0 || deliveries == 0 {
		return
	}
	p = r.place(p)
	r.budget.paid[p] = max(r.budget.paid[p], r.now) + r.worth(deliveries)
}

// Owes tells whether a principal has lately caused so much more than its rate that a tenth
// of what it may cause at once is used up.
func (r *Rooms) Owes(p Principal) bool {
	if r.limits.Deliveries == 0 {
		return false
	}
	paid, known := r.budget.paid[p]
	if !known && len(r.budget.paid) >= r.limits.Principals {
		paid = r.budget.paid[others]
	}
	return paid-r.now > r.worth(r.limits.DeliveryBurst)/owesPart
}

// place is where a principal's count is, or may be.
func (r *Rooms) place(p Principal) Principal {
	if _, known := r.budget.paid[p]; known || len(r.budget.paid) < r.limits.Principals || r.sweep() {
		return p
	}
	return others
}

// worth is how long a principal has to earn so many deliveries.
func (r *Rooms) worth(deliveries int) time.Duration {
	return time.Duration(deliveries) * time.Second / time.Duration(r.limits.Deliveries)
}

// sweep forgets who owes nothing, and tells whether there is room then.
func (r *Rooms) sweep() bool {
	if r.now-r.budget.swept < sweepEvery && r.budget.swept > 0 {
		return false
	}
	r.budget.swept = r.now
	maps.DeleteFunc(r.budget.paid, func(_ Principal, at time.Duration) bool { return at <= r.now })
	return len(r.budget.paid) < r.limits.Principals
}
