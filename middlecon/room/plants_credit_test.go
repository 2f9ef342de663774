//go:build planted

package room

// creditPlants let somebody have more than is its share.
func creditPlants() []planted {
	return []planted{
		{"a credit comes back before the account is home", "settle.go", "	r.session(c.session).home++\n", ""},
		{"a call beyond the credits", "credit.go", "s.calls+s.home < r.limits.SessionCalls", "s.calls+s.home <= r.limits.SessionCalls"},
		{"who asks again and again stays", "credit.go", "s.overdrawn > r.limits.Overdraws", "s.overdrawn > r.limits.Overdraws+1"},
		{"greed is held against who reforms", "call.go", "		s.overdrawn = 0\n", "		_ = s\n"},
		{"entries of finished calls are still counted", "settle.go", "	r.entries -= c.entries\n", ""},
		{"a call that waited is let in", "wait.go", "if err := r.spacious(&c.whom); err != nil {", "if err := r.spacious(&c.whom); err != nil && false {"},
		{"a call that found no room has no account", "credit.go", ", Account: &c.account}", "}"},
		{"nor has one whose caller is lost", "credit.go", "		r.emit(Abandoned{&c.account})\n", ""},
		{"calls are delivered for nothing", "call.go", "	r.spend(caller.Principal, len(c.slots))\n", ""},
		{"messages are delivered for nothing", "publish.go", "	r.spend(e.Peer.Principal, len(m.To))\n", ""},
		{"one pays for all", "budget.go", "	p = r.place(p)\n	r.budget", "	p = others\n	r.budget"},
		{"no memory is no reason", "call.go", "	if r.short {", "	if r.short && false {"},
		{"members show more without memory", "weight.go", "	if r.short && more > 0 {", "	if r.short && more > 1<<20 {"},
		{"memory is short for ever", "rooms.go", "r.short = e.Short", "r.short = r.short || e.Short"},
		{"nothing is earned by waiting", "budget.go", "wait := r.budget.paid[r.place(p)] - r.now - ", "wait := r.budget.paid[r.place(p)] - "},
	}
}
