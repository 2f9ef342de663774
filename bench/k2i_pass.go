package bench

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"time"
)

// passed are the looks of one system.
type passed struct {
	*looker
	ms, allocations []float64 // of each; allocations for each process
	processes       int       // in the last
}

// passes measures whole looks at the same processes, turn by turn.
func (o K2iOptions) passes(ctx context.Context) (figures []Figure, err error) {
	all, err := o.lookers()
	defer func() {
		for _, p := range all {
			err = errors.Join(err, p.close())
		}
	}()
	if err != nil {
		return nil, err
	}
	err = o.among(ctx, o.Processes, 1, func() error {
		for round := range o.Rounds + 1 {
			for _, p := range all {
				if err := p.turn(ctx, round > 0, o.Processes); err != nil {
					return fmt.Errorf("%s: %w", p.name, err)
				}
			}
			o.progress("k2i: pass: round %d of %d", round, o.Rounds)
		}
		return nil
	})
	return passFigures(all), err
}

// lookers are the agent by both roads and then the peers.
func (o K2iOptions) lookers() ([]*passed, error) {
	var all []*passed
	for _, mode := range []string{"bpf", "procfs"} {
		c := collector{name: "k2i-" + mode, args: []string{"look", "--mode", mode}}
		l, err := launchLooker(c, filepath.Join(o.Bin, "bench"))
		if err != nil {
			return all, err
		}
		all = append(all, &passed{looker: l})
	}
	for _, c := range o.collectors(func(c collector) bool { return c.listen == nil }) {
		l, err := o.openLooker(c)
		if err != nil {
			return all, err
		}
		all = append(all, &passed{looker: l})
	}
	return all, nil
}

// turn is one round of a system. Where it is quick it looks several times, each second
// pass of an agent following its first as closely as no interval of a real one does.
func (p *passed) turn(ctx context.Context, counts bool, least int) error {
	const enough = 50 * time.Millisecond
	for began := time.Now(); ; {
		l, err := p.look(ctx)
		if err != nil {
			return err
		}
		if !p.plain && l.processes < least {
			return fmt.Errorf("it found %d processes, and there are more than %d", l.processes, least)
		}
		if counts {
			p.processes = l.processes
			p.ms = append(p.ms, milliseconds(l.took.Nanoseconds()))
			p.allocations = append(p.allocations, ratio(float64(l.allocations), float64(l.processes)))
		}
		if time.Since(began) > enough {
			return nil
		}
	}
}

func passFigures(all []*passed) []Figure {
	if len(all) < 2 {
		return nil
	}
	var figures []Figure
	for i, name := range []string{"k2i-pass", "k2i-procfs-pass"} {
		ours := all[i]
		f := Figure{Name: name, Unit: "ms", Value: median(ours.ms)}
		allocations := Figure{Name: name + "-allocations", Unit: "a process", Value: median(ours.allocations)}
		var slower, greedier []Figure
		for _, p := range all[2:] {
			slower = append(slower, Figure{Peer: p.name, PeerValue: median(p.ms), Note: p.note})
			if !p.plain {
				greedier = append(greedier, Figure{Peer: p.name, PeerValue: median(p.allocations)})
			}
		}
		figures = append(figures, beside(f, slower)...)
		figures = append(figures, beside(allocations, greedier)...)
		figures = append(figures, Figure{Name: name + "-processes", Unit: "processes", Value: float64(ours.processes), Note: name + ": the median of looks at so many, arguments included"})
	}
	return figures
}
