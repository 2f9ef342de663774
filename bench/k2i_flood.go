package bench

import (
	"context"
	"errors"
	"fmt"
	"syscall"
	"time"

	"ddcos/bench/crowd"
	"ddcos/k2i"
	"ddcos/k2i/query"
)

const (
	floodTime  = 3 * time.Second // that as many processes as can be begin and end
	floodSleep = 2 * time.Second // of which the agent is stopped
	floodCalm  = time.Minute     // until all must be known

	// eventsOfOne are those of a process that runs a program: it is made, runs it,
	// ends, and is forgotten by the kernel.
	eventsOfOne = 4
)

// flood stops the agent while processes begin and end as fast as they can, so that the kernel's
// ring is full, and then looks whether every event was read or is counted as lost.
func (o K2iOptions) flood(ctx context.Context) (figures []Figure, err error) {
	err = o.withStorm(ctx, func(a *k2iAgent, program string) error {
		before, err := a.events(ctx)
		if err != nil {
			return err
		}
		fallen, err := a.drown(ctx, program)
		if err != nil {
			return err
		}
		after, err := a.caughtUp(ctx, before, eventsOfOne*fallen.Number)
		if err != nil {
			return err
		}
		made := float64(eventsOfOne * fallen.Number)
		known := float64(after.Seen - before.Seen + after.Lost - before.Lost)
		note := fmt.Sprintf("%d processes in %v, the agent stopped for %v of it; other processes' events are in the sum", fallen.Number, fallen.Took.Round(time.Millisecond), floodSleep)
		figures = []Figure{
			{Name: "k2i-flood-uncounted", Unit: "events", Value: max(0, made-known), Note: note},
			{Name: "k2i-flood-known", Unit: "events", Value: known, Peer: "made", PeerValue: made, Ratio: ratio(known, made), Note: "made: four events of each process that wait(2) told of"},
			{Name: "k2i-flood-lost", Unit: "events", Value: float64(after.Lost - before.Lost)},
		}
		return nil
	})
	return figures, err
}

// drown makes the processes.
func (a *k2iAgent) drown(ctx context.Context, program string) (crowd.Fallen, error) {
	short, cancel := context.WithTimeout(ctx, floodTime)
	defer cancel()
	if err := a.cmd.Process.Signal(syscall.SIGSTOP); err != nil {
		return crowd.Fallen{}, err
	}
	wake := time.AfterFunc(floodSleep, func() { _ = a.cmd.Process.Signal(syscall.SIGCONT) })
	fallen, err := crowd.Storm{Program: program, Number: 1 << 20}.Run(short)
	wake.Stop()
	return fallen, errors.Join(err, a.cmd.Process.Signal(syscall.SIGCONT), ctx.Err())
}

// events are the agent's counts of them.
func (a *k2iAgent) events(ctx context.Context) (k2i.Events, error) {
	answer, err := a.ask(ctx, query.Query{Limit: 1})
	if err != nil {
		return k2i.Events{}, err
	}
	return answer.Events, nil
}

// caughtUp waits until so many events more than before are known, or for so long that they would be.
func (a *k2iAgent) caughtUp(ctx context.Context, before k2i.Events, made int) (k2i.Events, error) {
	end := time.Now().Add(floodCalm)
	for {
		// What was lost by interruption is counted once a second.
		if err := pause(ctx, time.Now().Add(time.Second)); err != nil {
			return k2i.Events{}, err
		}
		now, err := a.events(ctx)
		if err != nil || now.Seen+now.Lost-before.Seen-before.Lost >= uint64(made) || time.Now().After(end) {
			return now, err
		}
	}
}
