package agent

import (
	"context"
	"slices"
	"time"

	"ddcos/k2i"
	"ddcos/k2i/procfs"
)

// taken is a sample as it comes from the goroutine that took it.
type taken struct {
	began  time.Time
	sample *k2i.Sample
	err    error
}

// pass takes one sample and publishes what it tells.
func (a *Agent) pass(ctx context.Context) {
	a.begin(ctx)
	a.publish(ctx, <-a.taking)
}

// begin has a sample taken, in a goroutine of its own: what happens meanwhile is
// not to wait for it. Where one is being taken that one is it.
func (a *Agent) begin(ctx context.Context) {
	if a.taking != nil {
		return
	}
	a.live.Begin()
	a.repaired = a.lost
	a.taking = make(chan taken, 1)
	go func(to chan<- taken, began time.Time) {
		sample, err := a.sample(ctx)
		to <- taken{began, sample, err}
	}(a.taking, time.Now())
}

// sample reads once, masks, and adds what takes files of its own. Nothing else
// uses what it changes meanwhile.
func (a *Agent) sample(ctx context.Context) (*k2i.Sample, error) {
	sample, err := a.road.read(ctx, a.last)
	if err != nil {
		return nil, err
	}
	if !a.options.Unmasked {
		a.masked.mask(sample)
	}
	if a.seldom != nil {
		a.seldom.Fill(sample)
	} else {
		sample.Missing = with(sample.Missing, procfs.SeldomFields(sample.Mode))
	}
	return sample, nil
}

// publish ends a pass, after which the agent looks at itself when it is time. It is
// true where passes come at another interval from now on.
func (a *Agent) publish(ctx context.Context, t taken) (changed bool) {
	a.taking = nil
	if s := a.self; !s.at.IsZero() && time.Since(s.at) >= s.every {
		changed = a.weigh(time.Now())
	}
	stats := a.Stats()
	switch {
	case ctx.Err() != nil:
		a.live.Abandon()
		return changed
	case t.err != nil:
		a.live.Abandon()
		stats.Failures++
		if !a.failing {
			a.options.Log.Error("cannot sample this host; the last snapshot stays", "error", t.err)
		}
	default:
		a.finish(t.sample)
		a.catchUp(t.sample)
		snap := a.live.Sample(t.sample, nil, a.events.status())
		a.snapshot.Store(snap)
		if a.options.Observe != nil {
			a.options.Observe(snap)
		}
		stats.Events, stats.EventFailures, stats.Uncounted = snap.Events, a.eventFailures, a.road.uncounted()
		a.last, a.lost = t.sample, stats.Events.Lost
		a.owed = a.lost > a.repaired // by a sample that began after it was known
		stats.Passes++
		stats.Pass = time.Since(t.began)
		a.self.told.PassNS = stats.Pass.Nanoseconds()
	}
	a.passed = time.Now()
	a.failing = t.err != nil
	a.stats.Store(&stats)
	return changed
}

// finish adds what the kernel does not know to a sample: of the agent itself, of
// users, and of containers.
func (a *Agent) finish(sample *k2i.Sample) {
	if a.options.Name != "" {
		sample.Host.Name = a.options.Name
	}
	sample.Agent, sample.Self = a.options.About, a.self.told
	sample.Missing = with(sample.Missing, slices.Concat(a.events.lacks(), a.road.lacks()))
	if a.images == nil {
		sample.Missing = with(sample.Missing, []string{"image"})
	}
	a.name(sample)
}
