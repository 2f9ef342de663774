package bench

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	"ddcos/bench/crowd"
	"ddcos/k2i"
	"ddcos/k2i/query"
	k2iwire "ddcos/k2i/wire"
)

const (
	gatherEvery = time.Second            // those that ended are asked for so often
	gatherSlack = 500 * time.Millisecond // and looked for so much further back: CPU times are told late
	settleTime  = 3 * time.Second        // until the last is told
	enderName   = "ender"
)

// gathered is what an agent told of processes that ended.
type gathered struct {
	rows map[k2i.Key]*k2i.Process
	last time.Time
}

func newGathered() *gathered { return &gathered{rows: map[k2i.Key]*k2i.Process{}, last: time.Now()} }

// gather asks once for those that ended lately.
func (g *gathered) gather(ctx context.Context, a *k2iAgent) error {
	now := time.Now()
	answer, err := a.ask(ctx, query.Query{Exited: true, SinceNS: (now.Sub(g.last) + gatherSlack).Nanoseconds()})
	if err != nil {
		return err
	}
	if time.Since(now) < gatherSlack/2 { // else the agent may have counted back from so late that some are in no answer
		g.last = now
	}
	for i := range answer.Processes {
		p := &answer.Processes[i]
		g.rows[p.Key()] = p // the latest has the whole CPU time
	}
	return nil
}

// execs lets processes begin and end at a rate and compares what the agent tells with what was done.
func (o K2iOptions) execs(ctx context.Context) (figures []Figure, err error) {
	err = o.withStorm(ctx, func(a *k2iAgent, program string) error {
		before, err := a.sampled(ctx)
		if err != nil {
			return err
		}
		cpu, traced, err := a.used()
		if err != nil {
			return err
		}
		began := time.Now()
		fallen, g, err := o.storm(ctx, a, crowd.Storm{Program: program, Rate: o.ExecRate, Number: o.ExecRate * o.Seconds})
		if err != nil {
			return err
		}
		cpuAfter, tracedAfter, err := a.used()
		if err != nil {
			return err
		}
		took := time.Since(began)
		after, err := a.sampled(ctx)
		if err != nil {
			return err
		}
		if err := g.gather(ctx, a); err != nil {
			return err
		}
		figures = o.execFigures(fallen, g, before, after)
		figures = append(figures, Figure{
			Name: "k2i-execs-cpu", Unit: "% of a core", Value: percent(cpuAfter-cpu+tracedAfter-traced, took),
			Note: "k2i-execs-cpu: the agent's, with its BPF programs in other processes and with answering who ended, once a second",
		})
		return nil
	})
	return figures, err
}

// beheld is what an agent told of all processes, and the scheduler's own sum when it looked.
type beheld struct {
	*k2iwire.Answer
	ran int64 // ns, see ranSoFar
}

// sampled waits for the next sample, so that what is read beside it is of the same instant.
func (a *k2iAgent) sampled(ctx context.Context) (beheld, error) {
	var last int64
	for {
		answer, err := a.ask(ctx, query.Query{Limit: 1})
		if err != nil {
			return beheld{}, err
		}
		if last != 0 && answer.SampledNS != last {
			break
		}
		last = answer.SampledNS
		if err := pause(ctx, time.Now().Add(5*time.Millisecond)); err != nil {
			return beheld{}, err
		}
	}
	ran := ranSoFar()
	answer, err := a.ask(ctx, query.Query{})
	return beheld{answer, ran}, err
}

// ranSoFar is the time, ns, that the scheduler has charged to all tasks since the machine
// was booted: exact, where /proc/stat counts ticks. 0 where no cpuacct is mounted.
func ranSoFar() int64 {
	for _, dir := range []string{"cpuacct", "cpu,cpuacct"} {
		text, err := os.ReadFile("/sys/fs/cgroup/" + dir + "/cpuacct.usage")
		if err != nil {
			continue
		}
		if ns, err := strconv.ParseInt(strings.TrimSpace(string(text)), 10, 64); err == nil {
			return ns
		}
	}
	return 0
}

// withStorm starts an agent and installs a program that ends at once.
func (o K2iOptions) withStorm(ctx context.Context, with func(a *k2iAgent, program string) error) error {
	dir, err := os.MkdirTemp("", "bench-")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(dir) }() // a program of a hundred bytes
	program, err := crowd.Ender(0).Install(dir, enderName)
	if err != nil {
		return err
	}
	restore, err := countBPF()
	defer restore()
	if err != nil {
		o.progress("k2i: BPF programs in other processes are not counted: %v", err)
	}
	return o.withAgent(ctx, nil, func(a *k2iAgent) error { return with(a, program) })
}

// storm runs it, gathers meanwhile who ended, and then until all must have been told.
func (o K2iOptions) storm(ctx context.Context, a *k2iAgent, s crowd.Storm) (crowd.Fallen, *gathered, error) {
	type ran struct {
		crowd.Fallen
		err error
	}
	done := make(chan ran, 1)
	stormy, cancel := context.WithTimeout(ctx, 2*time.Duration(o.Seconds)*time.Second)
	defer cancel()
	go func() {
		fallen, err := s.Run(stormy)
		done <- ran{fallen, err}
	}()
	g := newGathered()
	var all *ran
	var until time.Time
	for all == nil || time.Now().Before(until) {
		next := time.Now().Add(gatherEvery)
		if err := g.gather(ctx, a); err != nil {
			cancel()
			if all == nil {
				<-done
			}
			return crowd.Fallen{}, nil, err
		}
		select {
		case r := <-done:
			all, until = &r, time.Now().Add(settleTime)
			o.progress("k2i: %d processes in %v", r.Number, r.Took.Round(time.Millisecond))
		default:
		}
		if err := pause(ctx, next); err != nil && all != nil {
			return crowd.Fallen{}, nil, err
		}
	}
	return all.Fallen, g, errors.Join(all.err, ctx.Err())
}

// execFigures compares what was done with what was told.
func (o K2iOptions) execFigures(fallen crowd.Fallen, g *gathered, before, after beheld) []Figure {
	told, used := 0, int64(0)
	for _, p := range g.rows {
		if p.Comm == enderName {
			told++
			used += int64(p.CPUNS)
		}
	}
	cpu, waited := milliseconds(used), milliseconds(fallen.CPU.Nanoseconds())
	charged := milliseconds(chargedBetween(before.Answer, after.Answer, g.rows))
	busy := milliseconds(int64(after.Host.CPUBusyNS - before.Host.CPUBusyNS))
	note := fmt.Sprintf("%d processes, %.0f a second", fallen.Number, float64(fallen.Number)/fallen.Took.Seconds())
	figures := []Figure{
		{Name: "k2i-execs-lost", Unit: "events", Value: float64(after.Events.Lost - before.Events.Lost), Note: note},
		{Name: "k2i-execs-told", Unit: "processes", Value: float64(told), Peer: "wait", PeerValue: float64(fallen.Number), Ratio: ratio(float64(told), float64(fallen.Number)), Note: note},
		{
			Name: "k2i-execs-charged", Unit: "ms", Value: cpu, Peer: "wait", PeerValue: waited,
			Ratio: ratio(cpu, waited), Note: "wait: the CPU time that wait(2) told of the same processes",
		},
		{
			Name: "k2i-execs-sum", Unit: "ms", Value: charged, Peer: "stat", PeerValue: busy,
			Ratio: ratio(charged, busy), Note: "stat: what /proc/stat counted of all CPUs meanwhile, by ticks: whoever runs between two is not seen; the sum is of all processes, those that ended included",
		},
	}
	if before.ran != 0 {
		ran := milliseconds(after.ran - before.ran)
		figures = append(figures, Figure{
			Name: "k2i-execs-sum", Unit: "ms", Value: charged, Peer: "cpuacct", PeerValue: ran,
			Ratio: ratio(charged, ran), Note: "cpuacct: the nanoseconds that the scheduler charged to the root cgroup, all tasks, meanwhile",
		})
	}
	return figures
}

// chargedBetween is the CPU time of all processes between two samples, ns: what those that are
// there had more of, zombies too, and all of those that came and went in between.
func chargedBetween(before, after *k2iwire.Answer, ended map[k2i.Key]*k2i.Process) int64 {
	from, to := sampledAt(before), sampledAt(after)
	var sum int64
	for i := range before.Processes {
		if p := &before.Processes[i]; p.State != k2i.StateEnded || int64(p.EndedNS) > from {
			sum -= int64(p.CPUNS)
		}
	}
	there := map[k2i.Key]bool{}
	for i := range after.Processes {
		if p := &after.Processes[i]; p.State != k2i.StateEnded {
			there[p.Key()] = true
			sum += int64(p.CPUNS)
		}
	}
	for key, p := range ended {
		if at := int64(p.EndedNS); at > from && at <= to && !there[key] {
			sum += int64(p.CPUNS)
		}
	}
	return sum
}

// sampledAt is when an answer's sample was taken, ns since boot.
func sampledAt(a *k2iwire.Answer) int64 { return a.SampledNS - a.Host.BootUnixNS }
