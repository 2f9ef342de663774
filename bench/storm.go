package bench

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"time"
)

const (
	clientsPerProcess = 10_000
	censusEvery       = 10 * time.Millisecond
	stormTimeout      = time.Minute // until all are back
	maxStorms         = 100
)

// StormOptions say what [Storm] measures.
type StormOptions struct {
	Setting
	Clients int           // that are members of one room, a connection each
	Rounds  int           // in each of which the broker is killed
	Calm    time.Duration // before each: clients forget how often they have tried
}

// DefaultStormOptions lets ten thousand come back.
func DefaultStormOptions() StormOptions {
	o := StormOptions{Setting: DefaultSetting(), Clients: 10_000, Rounds: 3, Calm: 6 * time.Second}
	o.Peers = []string{"nats"}
	return o
}

func (o StormOptions) check() error {
	switch {
	case o.Rounds < 1 || o.Rounds > maxStorms:
		return fmt.Errorf("%w: %d rounds; 1 to %d are possible", ErrOptions, o.Rounds, maxStorms)
	case o.Calm < 0:
		return fmt.Errorf("%w: a calm of %v", ErrOptions, o.Calm)
	}
	for _, name := range o.Peers {
		if s, err := systemNamed(name); err == nil && s.returning == nil {
			return fmt.Errorf("%w: the peer %s has no clients that come back by themselves", ErrOptions, name)
		}
	}
	return o.Setting.check(o.Clients)
}

// storm is one time that all clients came back to a broker.
type storm struct {
	down float64   // s from the kill until the broker answered again
	at   []float64 // s from the kill
	back []int     // how many clients were members again by then
}

// Storm kills the broker under very many clients, starts it again at the same address, and measures
// how long it takes until all are back in their room: each by its own library, which knows of no
// other. One call to all of them then shows that they are.
func Storm(ctx context.Context, o StormOptions) error { return o.publish(ctx, o.once) }

func (o StormOptions) once(ctx context.Context) (*result, error) {
	if err := o.check(); err != nil {
		return nil, err
	}
	var subjects []*subject
	storms := map[*subject][]storm{}
	err := o.each(ctx, func(s *subject, dir string) error {
		found, err := s.storms(ctx, o, dir)
		subjects, storms[s] = append(subjects, s), found
		return err
	})
	if err != nil {
		return nil, err
	}
	title := fmt.Sprintf("The broker of %d clients over %s is killed and started again, %d times; seconds from the kill until they are members again, each by its own client library. All answered the call that followed.",
		o.Clients, o.Transport, o.Rounds)
	r := &result{title: title, figures: stormFigures(subjects, storms, o.Clients)}
	for _, s := range subjects {
		r.curves = append(r.curves, stormCurve(s.name, storms[s][0], o.Clients))
	}
	return r, nil
}

// each lets with measure one system after the other, and leaves nothing behind.
func (o Setting) each(ctx context.Context, with func(s *subject, dir string) error) error {
	systems, err := o.systems()
	if err != nil {
		return err
	}
	for _, system := range systems {
		s := newSubject(system, o.Transport)
		dir, err := os.MkdirTemp("", "bench-")
		if err != nil {
			return err
		}
		if err = with(s, dir); err != nil {
			err = fmt.Errorf("%s: %w", s.name, s.why(err))
		}
		if err := errors.Join(err, s.stop(), os.RemoveAll(dir)); err != nil {
			return cause(ctx, err)
		}
	}
	return nil
}

// storms brings the broker and its clients up and kills the broker again and again.
func (s *subject) storms(ctx context.Context, o StormOptions, dir string) (found []storm, err error) {
	if err := s.place(dir); err != nil {
		return nil, err
	}
	r, err := s.returning(s.address)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, r.census.close()) }()
	s.env, s.note = r.env, s.note+r.note
	if err := s.boot(o.Setting); err != nil {
		return nil, err
	}
	empty, err := s.answers(ctx, r.census)
	if err != nil {
		return nil, err
	}
	var clients []*program
	defer func() {
		for _, p := range clients {
			err = errors.Join(err, p.stop())
		}
	}()
	for first := 0; first < o.Clients; first += clientsPerProcess {
		p, err := s.gather(ctx, o.Setting, r, first, min(clientsPerProcess, o.Clients-first))
		if err != nil {
			return nil, err
		}
		clients = append(clients, p)
	}
	for round := range o.Rounds {
		if err := pause(ctx, time.Now().Add(o.Calm)); err != nil {
			return nil, err
		}
		one, err := s.storm(ctx, o, r, empty)
		if err != nil {
			return nil, fmt.Errorf("storm %d: %w", round+1, err)
		}
		o.progress("%s: storm %d of %d: all were back after %.2f s", s.name, round+1, o.Rounds, one.until(1, o.Clients))
		found = append(found, one)
	}
	return found, nil
}

// gather starts clients and waits until all have joined.
func (s *subject) gather(ctx context.Context, o Setting, r *returning, first, members int) (*program, error) {
	path, err := system{program: r.program, made: "build peers"}.find(o.Bin)
	if err != nil {
		return nil, err
	}
	return s.muster(ctx, o, members, nil, path, r.args(s.address, first, members)...)
}

// answers waits until the broker tells how many members it has.
func (s *subject) answers(ctx context.Context, c census) (n int, err error) {
	ctx, cancel := context.WithTimeout(ctx, brokerTimeout)
	defer cancel()
	err = s.broker.await(ctx, func() (err error) {
		n, err = c.count(ctx)
		return err
	})
	return n, err
}

// storm kills the broker, starts it again and watches the members come back.
func (s *subject) storm(ctx context.Context, o StormOptions, r *returning, empty int) (storm, error) {
	var one storm
	began := time.Now()
	if err := s.broker.cmd.Process.Kill(); err != nil {
		return one, err
	}
	<-s.broker.done
	if err := s.boot(o.Setting); err != nil {
		return one, err
	}
	for {
		due := time.Now().Add(censusEvery)
		n, err := r.census.count(ctx)
		if err == nil {
			if one.at = append(one.at, time.Since(began).Seconds()); len(one.at) == 1 {
				one.down = one.at[0]
			}
			one.back = append(one.back, n-empty)
			if n-empty >= o.Clients {
				break
			}
		}
		switch over := time.Since(began) > stormTimeout; {
		case over && len(one.back) == 0:
			return one, fmt.Errorf("the broker did not answer for %v", stormTimeout)
		case over:
			return one, fmt.Errorf("%d of %d clients were back after %v", one.back[len(one.back)-1], o.Clients, stormTimeout)
		}
		if err := pause(ctx, due); err != nil {
			return one, err
		}
	}
	if err := s.reach(ctx, s.address, o.Clients); err != nil {
		return one, err
	}
	err := s.once(ctx, []byte("are you there?"))
	err = errors.Join(err, s.caller.close())
	s.caller = nil
	return one, err
}

// until is how long it took, s, until that share of all clients was back.
func (o storm) until(share float64, clients int) float64 {
	i := slices.IndexFunc(o.back, func(n int) bool { return float64(n) >= share*float64(clients) })
	if i < 0 {
		return 0
	}
	return o.at[i]
}

func stormFigures(subjects []*subject, storms map[*subject][]storm, clients int) []Figure {
	of := func(value func(storm) float64, choose func([]float64) float64) func(*subject) float64 {
		return func(s *subject) float64 {
			var all []float64
			for _, one := range storms[s] {
				all = append(all, value(one))
			}
			return choose(all)
		}
	}
	until := func(share float64) func(storm) float64 {
		return func(one storm) float64 { return one.until(share, clients) }
	}
	return compare(subjects, []point{
		{"storm-p50", "s", of(until(0.5), median)},
		{"storm-p99", "s", of(until(0.99), median)},
		{"storm-max", "s", of(until(1), slices.Max[[]float64])},
		{"storm-down", "s", of(func(one storm) float64 { return one.down }, median)},
		{"storm-rate", "1/s", of(func(one storm) float64 {
			return 0.98 * float64(clients) / max(1e-3, one.until(0.99, clients)-one.until(0.01, clients))
		}, median)},
		{"storm-back", "clients", of(func(one storm) float64 { return float64(min(clients, slices.Max(one.back))) }, slices.Min[[]float64])},
	})
}

// stormCurve is how many percent were back, by the time.
func stormCurve(system string, one storm, clients int) curve {
	c := curve{name: "storm", system: system, x: []float64{0}, y: []float64{0}}
	for i, at := range one.at {
		c.x, c.y = append(c.x, at), append(c.y, 100*float64(one.back[i])/float64(clients))
	}
	return c
}
