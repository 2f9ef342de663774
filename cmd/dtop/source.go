package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"ddcos/k2i"
	"ddcos/k2i/fleet"
	"ddcos/k2i/procfs"
	"ddcos/middlecon"
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
// host itself. A flag goes before the environment.
func (f *flags) source(cmd *cobra.Command) (closing, error) {
	none := func() error { return nil }
	given := cmd.Flags().Changed
	if !given("agents") && f.broker == "" {
		f.agents = strings.FieldsFunc(os.Getenv("DDCOS_AGENTS"), func(r rune) bool { return r == ',' })
	}
	if given("agents") && !given("broker") {
		f.broker = ""
	}
	switch {
	case f.broker != "" && len(f.agents) > 0:
		return closing{}, misuse{errors.New("give --broker or --agents, not both")}
	case f.broker != "":
		if _, err := protocol.ParseAddress(f.broker); err != nil {
			return closing{}, misuse{fmt.Errorf("--broker: %w", err)}
		}
		broker := fleet.Broker(f.broker, f.run.Deadline)
		return closing{broker, broker.Close}, nil
	case len(f.agents) > 0:
		agents, err := fleet.Agents(f.agents, nil)
		if err != nil {
			return closing{}, misuse{fmt.Errorf("--agents: %w", err)}
		}
		return closing{agents, none}, nil
	}
	local, err := local(cmd.Context())
	return closing{local, none}, err
}

// local reads this host anew for each question and keeps the sample before, so
// that there are rates.
func local(ctx context.Context) (fleet.Source, error) {
	fs, err := procfs.New(ctx, "/proc")
	if err != nil {
		return nil, err
	}
	var before *k2i.Sample // of the question before; questions do not overlap
	return fleet.Local(func(ctx context.Context) (*k2i.Snapshot, error) {
		sample, err := fs.Read(ctx)
		if err != nil {
			return nil, err
		}
		snapshot := k2i.Derive(before, sample)
		before = sample
		return snapshot, nil
	}), nil
}

// explain adds to an error what to do about it.
func explain(err error) error {
	if errors.Is(err, middlecon.ErrUnreachable) {
		return fmt.Errorf("%w; is 'middlecon serve' running there? (--broker or DDCOS_BROKER names another)", err)
	}
	return err
}
