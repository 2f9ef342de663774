package bench

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"ddcos/bench/crowd"
	"ddcos/bench/sshd"
	"ddcos/k2i/via"
)

// ViaOptions say what [Via] measures.
type ViaOptions struct {
	Setting
	Hosts     int // each behind a server of ssh of its own
	Processes int // of each, beside what serves it
	Asked     int // turns, in each of which both commands are run
}

// DefaultViaOptions asks eight hosts.
func DefaultViaOptions() ViaOptions {
	o := ViaOptions{Setting: DefaultSetting(), Hosts: 8, Processes: 200, Asked: 20}
	o.Peers = nil
	return o
}

func (o ViaOptions) check() error {
	switch {
	case o.Hosts < 1 || o.Hosts > via.MaxParallel: // the loop asks all at the same time
		return fmt.Errorf("%w: %d hosts; 1 to %d are possible", ErrOptions, o.Hosts, via.MaxParallel)
	case o.Processes < 0 || o.Processes*o.Hosts > crowd.MaxProcesses:
		return fmt.Errorf("%w: %d processes on each of %d hosts; 0 to %d are possible", ErrOptions, o.Processes, o.Hosts, crowd.MaxProcesses/o.Hosts)
	case o.Asked < 1 || o.Asked > maxCalls:
		return fmt.Errorf("%w: asked %d times; 1 to %d are possible", ErrOptions, o.Asked, maxCalls)
	}
	return nil
}

// Via measures `dps --via` over hosts behind servers of ssh, the whole command, beside a shell's
// loop that runs ps by ssh on as many at the same time.
func Via(ctx context.Context, o ViaOptions) error { return o.publish(ctx, o.once) }

func (o ViaOptions) once(ctx context.Context) (found *result, err error) {
	if err := o.check(); err != nil {
		return nil, err
	}
	path := filepath.Join(o.Bin, "dps")
	if _, err := os.Stat(path); err != nil {
		return nil, fmt.Errorf("%s: %w: run 'make build'", path, os.ErrNotExist)
	}
	hosts, err := sshd.Start(ctx, o.Hosts, o.Processes)
	if err != nil {
		return nil, cause(ctx, err)
	}
	defer func() { err = errors.Join(err, hosts.Close()) }()
	o.progress("via: %d hosts with %d processes each are there", o.Hosts, o.Processes)
	remote := "ssh -F " + hosts.Config
	ours := &viaCommand{name: "dps --via", argv: []string{path, "--via", remote + " {host}", "--on", fmt.Sprintf("host[1-%d]", o.Hosts), "aux", "--sort=-rss"}}
	loop := &viaCommand{name: "the loop of ssh", argv: []string{"sh", "-c", "for h in " + strings.Join(hosts.Names, " ") + "; do " + remote + " $h ps aux & done; wait"}}
	if err := o.prove(ctx, hosts, ours, loop); err != nil {
		return nil, cause(ctx, err)
	}
	if err := o.turns(ctx, hosts, ours, loop); err != nil {
		return nil, cause(ctx, err)
	}
	title := fmt.Sprintf("dps --via ssh aux --sort=-rss over %d hosts with %d processes each beside a shell's loop of ssh HOST ps aux, as whole commands, %d times each in turn: the medians of the time until they had ended.",
		o.Hosts, o.Processes, o.Asked)
	return &result{title: title, figures: viaFigures(ours, loop)}, nil
}

// prove runs both commands once, unmeasured, and holds dps to its table.
func (o ViaOptions) prove(ctx context.Context, hosts *sshd.Hosts, ours, loop *viaCommand) error {
	if err := errors.Join(ours.run(ctx), loop.run(ctx)); err != nil {
		return err
	}
	if err := tableByMemory(ours.out.String(), hosts.Names, o.Processes); err != nil {
		return fmt.Errorf("dps --via: %w", err)
	}
	return errors.Join(o.whole(loop), hosts.Rest(ctx))
}

// turns runs one after the other; who was first is second the next time.
func (o ViaOptions) turns(ctx context.Context, hosts *sshd.Hosts, commands ...*viaCommand) error {
	for range o.Asked {
		for _, c := range commands {
			if err := c.turn(ctx, hosts); err != nil {
				return err
			}
			if err := o.whole(c); err != nil {
				return err
			}
		}
		slices.Reverse(commands)
	}
	return nil
}

// whole finds a turn in which a host did not answer: a shell's wait says nothing of it.
func (o ViaOptions) whole(c *viaCommand) error {
	if rows := bytes.Count(c.out.Bytes(), []byte{'\n'}); rows < o.Hosts*max(o.Processes, 1) {
		return fmt.Errorf("%w: %s printed %d lines of %d hosts with %d processes each: %s", ErrWrong, c.name, rows, o.Hosts, o.Processes, c.said.lastLine())
	}
	return nil
}

// viaFigures puts the first of the commands beside the other.
func viaFigures(ours, loop *viaCommand) []Figure {
	figure := func(name string, value, peers float64, note string) Figure {
		return Figure{Name: name, Unit: "ms", Value: value, Peer: "ssh-loop", PeerValue: peers, Ratio: ratio(value, peers), Note: note}
	}
	sum := func(c *viaCommand) float64 { return milliseconds(c.cpu.Nanoseconds()) }
	return []Figure{
		figure("via", median(ours.took), median(loop.took), "ssh-loop: what it prints is no one table, and in no order"),
		figure("via-cpu", sum(ours), sum(loop), fmt.Sprintf("via-cpu: of both ends, all of %d turns", len(ours.took))),
	}
}
