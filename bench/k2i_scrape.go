package bench

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"time"
)

// scraped is one program that serves metrics.
type scraped struct {
	name, note string
	program    *program
	get        func(ctx context.Context) ([]byte, error)
	ms         []float64
	bytes      int
}

// scrape asks once and notes how long it took.
func (s *scraped) scrape(ctx context.Context) error {
	began := time.Now()
	body, err := s.get(ctx)
	if err != nil {
		return fmt.Errorf("%s: %w", s.name, errors.Join(err, s.program.lately(ctx)))
	}
	s.ms, s.bytes = append(s.ms, milliseconds(time.Since(began).Nanoseconds())), len(body)
	return nil
}

// scrapes measures GET /metrics of an agent and of exporters, turn by turn.
func (o K2iOptions) scrapes(ctx context.Context) (figures []Figure, err error) {
	err = o.among(ctx, o.Processes, 1, func() error {
		return o.withAgent(ctx, nil, func(a *k2iAgent) error {
			ours := &scraped{name: "k2i", program: a.program, get: func(ctx context.Context) ([]byte, error) { return a.get(ctx, "/metrics") }}
			return o.withExporters(ctx, func(peers []*scraped) error {
				if err := o.takeTurns(ctx, ours, peers); err != nil {
					return err
				}
				figures = scrapeFigures(ours, peers)
				return nil
			})
		})
	})
	return figures, err
}

// takeTurns scrapes ours and each peer, one after the other. A peer that ends by itself keeps the
// figures that it has.
func (o K2iOptions) takeTurns(ctx context.Context, ours *scraped, peers []*scraped) error {
	for round := range o.Rounds * 3 {
		if err := ours.scrape(ctx); err != nil {
			return err
		}
		for _, s := range peers {
			if err := o.unlessGone(ctx, s); err != nil {
				return err
			}
		}
		if round == 0 { // connections are open now, and heaps are as large as they get
			for _, s := range append([]*scraped{ours}, peers...) {
				s.ms = nil
			}
		}
	}
	return nil
}

// unlessGone scrapes a peer that lives. One that ends by itself, as the process-exporter sometimes
// does, is told once.
func (o K2iOptions) unlessGone(ctx context.Context, s *scraped) error {
	gone := func() bool { return s.program.ended() != nil }
	if gone() {
		return nil
	}
	err := s.scrape(ctx)
	if err == nil || !gone() {
		return err
	}
	s.note += "; it ended by itself"
	o.progress("k2i: the peer %s: %v", s.name, s.program.ended())
	return nil
}

func scrapeFigures(ours *scraped, peers []*scraped) []Figure {
	var figures []Figure
	for _, q := range []struct {
		name, unit string
		value      func(*scraped) float64
	}{
		{"k2i-scrape-p50", "ms", func(s *scraped) float64 { return median(s.ms) }},
		{"k2i-scrape-max", "ms", func(s *scraped) float64 { return quantile(s.ms, 1) }},
		{"k2i-scrape-size", "kB", func(s *scraped) float64 { return float64(s.bytes) / 1e3 }},
	} {
		var others []Figure
		for _, p := range peers {
			others = append(others, Figure{Peer: p.name, PeerValue: q.value(p), Note: p.note})
		}
		figures = append(figures, beside(Figure{Name: q.name, Unit: q.unit, Value: q.value(ours)}, others)...)
	}
	return figures
}

// withExporters starts the peers that serve metrics, and ends them.
func (o K2iOptions) withExporters(ctx context.Context, with func([]*scraped) error) (err error) {
	dir, err := os.MkdirTemp("", "bench-")
	if err != nil {
		return err
	}
	var peers []*scraped
	defer func() {
		for _, s := range peers {
			err = errors.Join(err, s.program.stop())
		}
		err = errors.Join(err, os.RemoveAll(dir))
	}()
	for _, c := range o.collectors(func(c collector) bool { return c.listen != nil }) {
		s, err := o.export(ctx, c, dir)
		if err != nil {
			return fmt.Errorf("%s: %w", c.name, err)
		}
		peers = append(peers, s)
	}
	return with(peers)
}

// export starts one of them and waits until it answers.
func (o K2iOptions) export(ctx context.Context, c collector, dir string) (*scraped, error) {
	path, err := c.find(o.Bin)
	if err != nil {
		return nil, err
	}
	address, err := freeAddress("tcp", "")
	if err != nil {
		return nil, err
	}
	args, err := c.listen(address.Where, dir)
	if err != nil {
		return nil, err
	}
	p, err := launch(nil, nil, path, args...)
	if err != nil {
		return nil, err
	}
	client := &http.Client{Timeout: agentTimeout}
	s := &scraped{name: c.name, note: c.note, program: p, get: func(ctx context.Context) ([]byte, error) {
		return fetch(ctx, client, "http://"+address.Where+"/metrics")
	}}
	ctx, cancel := context.WithTimeout(ctx, agentTimeout)
	defer cancel()
	if err := p.await(ctx, func() error { _, err := s.get(ctx); return err }); err != nil {
		return nil, errors.Join(err, p.stop())
	}
	return s, nil
}
