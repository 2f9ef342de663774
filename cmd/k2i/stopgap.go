package main

import (
	"context"
	"fmt"
	"log/slog"
	"sync/atomic"
	"time"

	"ddcos/k2i"
	"ddcos/k2i/procfs"
)

// procReader stands in for package agent: the /proc road, once an interval.
type procReader struct {
	fs       *procfs.FS
	name     string
	interval time.Duration
	log      *slog.Logger
	last     *k2i.Sample
	snap     atomic.Pointer[k2i.Snapshot]
}

// open takes the first sample, so that no face is ever asked before there is one.
func (f *agentFlags) open(ctx context.Context, interval time.Duration, log *slog.Logger) (sampler, error) {
	if f.mode == string(k2i.ModeBPF) {
		return nil, fmt.Errorf("--mode bpf is not there yet; use --mode procfs")
	}
	fs, err := procfs.New(ctx, procfs.DefaultRoot)
	if err != nil {
		return nil, err
	}
	p := &procReader{fs: fs, name: f.name, interval: interval, log: log}
	return p, p.sample(ctx)
}

func (p *procReader) sample(ctx context.Context) error {
	now, err := p.fs.Read(ctx)
	if err != nil {
		return err
	}
	now.Host.Name = p.name
	p.snap.Store(k2i.Derive(p.last, now))
	p.last = now
	return nil
}

// Snapshot is the newest one.
func (p *procReader) Snapshot() *k2i.Snapshot { return p.snap.Load() }

// Run samples until ctx ends.
func (p *procReader) Run(ctx context.Context) error {
	tick := time.NewTicker(p.interval)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
			if err := p.sample(ctx); err != nil && ctx.Err() == nil {
				p.log.Warn("no sample", "reason", err)
			}
		}
	}
}
