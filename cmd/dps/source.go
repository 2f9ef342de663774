package main

import (
	"context"
	"errors"
	"os"
	"runtime/debug"

	"ddcos"
	"ddcos/dps"
	"ddcos/k2i"
	"ddcos/k2i/agent"
	"ddcos/k2i/fleet"
	"ddcos/k2i/via"
	"ddcos/middlecon/creds"
)

// source is where the processes come from: a broker, a list of agents, or this
// host itself.
func source(c *dps.Command) (fleet.Closing, error) {
	misuse := func(err error) error { return &dps.UsageError{Text: err.Error(), Own: true} }
	switch {
	case c.Broker != "" && len(c.Agents) > 0, c.Via != "" && (c.Broker != "" || len(c.Agents) > 0):
		return fleet.Closing{}, misuse(errors.New("give one of --broker, --agents and --via"))
	case c.Via != "":
		source, err := carried(c)
		return fleet.Closing{Source: source}, err
	}
	way := fleet.Way{Broker: c.Broker, Agents: c.Agents, Deadline: c.Deadline, Credentials: credentials(c).For, Misuse: misuse}
	open, err := way.Open()
	if err == nil && open.Source == nil {
		open.Source = fleet.Local(local(c.AsksRates()), agent.LookOnce{})
	}
	return open, err
}

// credentials are the command line's, and what that leaves open the environment's.
func credentials(c *dps.Command) creds.Client {
	all := creds.FromEnv(os.Getenv)
	said := creds.Client(c.TLS)
	for i, f := range said.Flags() {
		if *f.Value != "" {
			*all.Flags()[i].Value = *f.Value
		}
	}
	return all
}

// carried are hosts on which nothing of ours is installed.
func carried(c *dps.Command) (fleet.Source, error) {
	if c.On == "" {
		return nil, &dps.UsageError{Text: "--via wants --on, as in: dps --via 'ssh {host}' --on web[01-40]", Own: true}
	}
	hosts, err := via.Hosts(c.On)
	if err != nil {
		return nil, &dps.UsageError{Text: "--on: " + err.Error(), Own: true}
	}
	spareGarbage()
	source, err := via.New(c.Via, hosts, via.Installed())
	if err != nil {
		return nil, &dps.UsageError{Text: "--via: " + err.Error(), Own: true}
	}
	return source, nil
}

// lookMemory is from how much on garbage is collected while hosts are read by this
// command, in bytes: on one that then ends it would be wasted.
const lookMemory = 512 << 20

func spareGarbage() {
	debug.SetMemoryLimit(lookMemory)
	debug.SetGCPercent(-1)
}

// local reads this host once, or twice where rates are wanted, by the road that is
// quicker for one look. Nothing is masked: whoever calls may read it all, and ps
// shows it.
func local(rates bool) func(context.Context, []string) (*k2i.Snapshot, error) {
	return func(ctx context.Context, fields []string) (*k2i.Snapshot, error) {
		spareGarbage()
		options := agent.DefaultOptions()
		options.Unmasked, options.Fields = true, fields
		options.About.Version = ddcos.Version()
		return agent.LookFor(rates)(ctx, options)
	}
}
