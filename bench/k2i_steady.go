package bench

import (
	"context"
	"errors"
	"fmt"
	"time"

	"ddcos/k2i/query"
)

// The load that the steady steps are named after.
const (
	steadyProcesses = 500
	steadyThreads   = 8 // of each
)

func (o K2iOptions) steady(ctx context.Context) ([]Figure, error) {
	return o.watch(ctx, "k2i-steady", steadyProcesses, steadyThreads, nil, true)
}

func (o K2iOptions) steadyMany(ctx context.Context) ([]Figure, error) {
	return o.watch(ctx, "k2i-many", o.Many, 1, nil, false)
}

func (o K2iOptions) steadyProcfs(ctx context.Context) ([]Figure, error) {
	return o.watch(ctx, "k2i-steady-procfs", steadyProcesses, steadyThreads, []string{"--mode", "procfs"}, true)
}

// usage is what a program took while it was watched.
type usage struct {
	cpu, tracing float64 // percent of a core; of cpu: in other processes, by BPF programs
	resident     float64 // MiB
	note         string
}

// watch measures an agent at work, and then, all at once, the peers.
func (o K2iOptions) watch(ctx context.Context, name string, processes, threads int, args []string, beside bool) (figures []Figure, err error) {
	err = o.among(ctx, processes, threads, func() error {
		var ours usage
		err := o.withAgent(ctx, args, func(a *k2iAgent) (err error) {
			ours, err = o.watchAgent(ctx, a)
			return err
		})
		if err != nil {
			return err
		}
		var peers map[string]usage
		if beside {
			if peers, err = o.watchPeers(ctx); err != nil {
				return err
			}
		}
		figures = o.usageFigures(name, ours, peers)
		return nil
	})
	return figures, err
}

// watchAgent measures an agent that nobody asks for anything.
func (o K2iOptions) watchAgent(ctx context.Context, a *k2iAgent) (usage, error) {
	if err := pause(ctx, time.Now().Add(o.warm)); err != nil {
		return usage{}, err
	}
	u := usage{}
	restore, err := countBPF()
	defer restore()
	if err != nil {
		u.note = "; BPF programs in other processes are not counted: " + err.Error()
	}
	began := time.Now()
	cpu, traced, err := a.used()
	if err != nil {
		return u, err
	}
	if err := pause(ctx, began.Add(o.Steady)); err != nil {
		return u, err
	}
	cpuAfter, tracedAfter, err := a.used()
	took := time.Since(began)
	if err != nil {
		return u, err
	}
	resident, err := a.resident()
	if err != nil {
		return u, err
	}
	answer, err := a.ask(ctx, query.Query{Limit: 1})
	if err != nil {
		return u, err
	}
	u.note = fmt.Sprintf("watched for %v, by %s, %d processes on the machine", o.Steady, answer.Mode, answer.Total) + u.note
	u.tracing = percent(tracedAfter-traced, took)
	u.cpu = percent(cpuAfter-cpu, took) + u.tracing
	u.resident = float64(resident) / (1 << 20)
	return u, nil
}

// used is the CPU time of a program, and of its BPF programs in other processes.
func (p *program) used() (cpu, traced time.Duration, err error) {
	cpu, err = p.cpuTime()
	if err != nil {
		return 0, 0, err
	}
	traced, err = p.tracing()
	return cpu, traced, err
}

func percent(of, whole time.Duration) float64 { return 100 * float64(of) / float64(whole) }

// watchPeers lets each peer look once a second, all at the same time.
func (o K2iOptions) watchPeers(ctx context.Context) (used map[string]usage, err error) {
	turns := map[string]func(context.Context) error{}
	programs := map[string]*program{}
	notes := map[string]string{}
	for _, c := range o.collectors(func(c collector) bool { return c.listen == nil && !c.plain }) {
		l, err := o.openLooker(c)
		if err != nil {
			return nil, err
		}
		defer func() { err = errors.Join(err, l.close()) }()
		turns[c.name] = func(ctx context.Context) error { _, err := l.look(ctx); return err }
		programs[c.name], notes[c.name] = l.program, c.note
	}
	err = o.withExporters(ctx, func(exporters []*scraped) error {
		for _, s := range exporters {
			turns[s.name] = func(ctx context.Context) error { return o.unlessGone(ctx, s) }
			programs[s.name], notes[s.name] = s.program, s.note
		}
		used, err = o.beats(ctx, turns, programs)
		return err
	})
	for name, u := range used {
		u.note = notes[name]
		used[name] = u
	}
	return used, err
}

// beats tells every peer to look once a second, and measures them.
func (o K2iOptions) beats(ctx context.Context, turns map[string]func(context.Context) error, programs map[string]*program) (map[string]usage, error) {
	if len(turns) == 0 {
		return nil, nil
	}
	seconds := max(3, int(o.Steady/time.Second)/2)
	used, before := map[string]usage{}, map[string]time.Duration{}
	var began time.Time
	for beat := range seconds + 2 {
		due := time.Now().Add(time.Second)
		if beat == 1 { // the first is a program's start
			began = time.Now()
		}
		for name, turn := range turns {
			if beat == 1 && programs[name] != nil {
				var err error
				if before[name], err = programs[name].cpuTime(); err != nil {
					delete(programs, name) // it ended by itself
				}
			}
			if err := turn(ctx); err != nil {
				return nil, fmt.Errorf("%s: %w", name, err)
			}
		}
		if err := pause(ctx, due); err != nil {
			return nil, err
		}
	}
	for name, p := range programs {
		cpu, err := p.cpuTime()
		if err != nil {
			continue // it ended by itself
		}
		resident, err := p.resident()
		if err != nil {
			continue
		}
		used[name] = usage{cpu: percent(cpu-before[name], time.Since(began)), resident: float64(resident) / (1 << 20)}
	}
	return used, nil
}

func (o K2iOptions) usageFigures(name string, ours usage, peers map[string]usage) []Figure {
	cpu := Figure{Name: name + "-cpu", Unit: "% of a core", Value: ours.cpu}
	resident := Figure{Name: name + "-rss", Unit: "MiB", Value: ours.resident}
	var busier, larger []Figure
	for _, peer := range CollectorNames() {
		if u, found := peers[peer]; found {
			busier = append(busier, Figure{Peer: peer, PeerValue: u.cpu, Note: u.note})
			larger = append(larger, Figure{Peer: peer, PeerValue: u.resident})
		}
	}
	tracing := Figure{Name: name + "-bpf", Unit: "% of a core", Value: ours.tracing, Note: name + ": " + ours.note + "; -bpf: of it, BPF programs in other processes"}
	return append(append(beside(cpu, busier), beside(resident, larger)...), tracing)
}
