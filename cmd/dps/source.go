package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"runtime/debug"

	"ddcos"
	"ddcos/dps"
	"ddcos/k2i"
	"ddcos/k2i/agent"
	"ddcos/k2i/fleet"
	"ddcos/k2i/via"
	"ddcos/middlecon"
	"ddcos/middlecon/creds"
	"ddcos/protocol"
)

// closing is a source and what is to be done with it at the end.
type closing struct {
	fleet.Source
	close func() error
}

// Close ends what the source holds open.
func (c closing) Close() { _ = c.close() } // nothing is lost with it: every answer has come

// source is where the processes come from: a broker, a list of agents, or this
// host itself.
func source(c *dps.Command) (closing, error) {
	none := func() error { return nil }
	switch {
	case c.Broker != "" && len(c.Agents) > 0, c.Via != "" && (c.Broker != "" || len(c.Agents) > 0):
		return closing{}, &dps.UsageError{Text: "give one of --broker, --agents and --via", Own: true}
	case c.Via != "":
		source, err := carried(c)
		return closing{source, none}, err
	case c.Broker != "":
		if _, err := protocol.ParseAddresses(c.Broker); err != nil {
			return closing{}, &dps.UsageError{Text: "--broker: " + err.Error(), Own: true}
		}
		config, token, err := credentials(c).For(c.Broker)
		if err != nil {
			return closing{}, err
		}
		broker := fleet.Brokers(c.Broker, c.Deadline, middlecon.Options{TLS: config, Token: token})
		return closing{broker, broker.Close}, nil
	case len(c.Agents) > 0:
		agents, err := fleet.Agents(c.Agents, &http.Client{Timeout: c.Deadline, Transport: &http.Transport{}})
		if err != nil {
			return closing{}, &dps.UsageError{Text: "--agents: " + err.Error(), Own: true}
		}
		return closing{agents, none}, nil
	}
	return closing{fleet.Local(local(c.AsksRates()), agent.LookOnce{}), none}, nil
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
	source, err := via.New(c.Via, hosts, via.Installed())
	if err != nil {
		return nil, &dps.UsageError{Text: "--via: " + err.Error(), Own: true}
	}
	return source, nil
}

// lookMemory is from how much on garbage is collected while this host is read, in
// bytes: on a command that then ends it would be wasted.
const lookMemory = 512 << 20

// local reads this host once, or twice where rates are wanted, by the road that is
// quicker for one look. Nothing is masked: whoever calls may read it all, and ps
// shows it.
func local(rates bool) func(context.Context, []string) (*k2i.Snapshot, error) {
	return func(ctx context.Context, fields []string) (*k2i.Snapshot, error) {
		debug.SetMemoryLimit(lookMemory)
		debug.SetGCPercent(-1)
		options := agent.DefaultOptions()
		options.Unmasked, options.Fields = true, fields
		options.About.Version = ddcos.Version()
		return agent.LookFor(rates)(ctx, options)
	}
}

// explain adds to an error what to do about it.
func explain(err error) error {
	if errors.Is(err, middlecon.ErrUnreachable) {
		return fmt.Errorf("%w; is 'middlecon serve' running there? (--broker or DDCOS_BROKER names another)", err)
	}
	return err
}
