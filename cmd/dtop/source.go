package main

import (
	"context"
	"errors"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"ddcos/k2i"
	"ddcos/k2i/agent"
	"ddcos/k2i/fleet"
)

// source is where the processes come from: a broker, a list of agents, or this
// host itself. A flag goes before the environment.
func (f *flags) source(cmd *cobra.Command) (fleet.Closing, error) {
	given := cmd.Flags().Changed
	if !given("agents") && f.broker == "" {
		f.agents = strings.FieldsFunc(os.Getenv("DDCOS_AGENTS"), func(r rune) bool { return r == ',' })
	}
	if given("agents") && !given("broker") {
		f.broker = ""
	}
	if err := f.fromConfig(given); err != nil {
		return fleet.Closing{}, err
	}
	way := fleet.Way{
		Broker: f.broker, Agents: f.agents, Deadline: f.run.Deadline, Credentials: f.creds.For,
		Misuse: func(err error) error { return misuse{err} },
	}
	if open, err := way.Open(); err != nil || open.Source != nil {
		return open, err
	}
	return local(cmd.Context(), f.run.Interval, f.run.Deadline/2)
}

// lookAgain is how often a newer snapshot is looked for.
const lookAgain = 5 * time.Millisecond

// local runs an agent in this process, so that there are rates; patience is for
// how long a question waits for a newer sample.
func local(ctx context.Context, interval, patience time.Duration) (fleet.Closing, error) {
	options := agent.DefaultOptions()
	options.Interval, options.Unmasked = interval, true // as local dps
	own, err := agent.New(ctx, options)
	if err != nil {
		return fleet.Closing{}, err
	}
	ctx, stop := context.WithCancel(ctx)
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = own.Run(ctx) // it ends with ctx alone
	}()
	var shown *k2i.Snapshot // questions do not overlap
	source := fleet.Local(func(ctx context.Context, _ []string) (*k2i.Snapshot, error) {
		newer, err := after(ctx, own, shown, patience)
		if err == nil {
			shown = newer
		}
		return newer, err
	}, own)
	return fleet.Closing{Source: source, End: func() error {
		stop()
		<-done
		return own.Close()
	}}, nil
}

// after is a snapshot of a later sample than the one shown, which events alone do
// not make: the clocks of the agent and of the screen run at the same pace and not
// in step. Where none comes within patience, it is the newest there is; the first
// one is waited for until ctx ends.
func after(ctx context.Context, own *agent.Agent, shown *k2i.Snapshot, patience time.Duration) (*k2i.Snapshot, error) {
	tick := time.NewTicker(lookAgain)
	defer tick.Stop()
	over := time.After(patience)
	for {
		newest := own.Snapshot()
		if newest != nil && (shown == nil || newest.At.After(shown.At)) {
			return newest, nil
		}
		select {
		case <-tick.C:
		case <-over:
			if newest != nil {
				return newest, nil
			}
		case <-ctx.Done():
			return nil, errors.New("this host could not be read in time")
		}
	}
}
