package main

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"time"

	"ddcos/k2i"
	"ddcos/k2i/agent"
	"ddcos/middlecon/listen"
	"ddcos/protocol"
)

// Limits of --interval.
const (
	minInterval = 100 * time.Millisecond
	maxInterval = time.Hour
)

// eventsAuto takes the best road of events that there is.
const eventsAuto = "auto"

// open checks the flags and then opens what can fail: the addresses, and the
// agent, which is the slower of the two. Nothing stays open when it fails.
// observe is given every sample.
func open(ctx context.Context, f serveFlags, observe func(*k2i.Snapshot), log *slog.Logger) (*agent.Agent, []net.Listener, error) {
	addresses, err := f.check()
	if err != nil {
		return nil, nil, err
	}
	var listeners []net.Listener
	fail := func(err error) (*agent.Agent, []net.Listener, error) {
		for _, l := range listeners {
			_ = l.Close()
		}
		return nil, nil, err
	}
	for _, address := range addresses {
		l, err := listen.Open(address, true) // check has said which
		if err != nil {
			return fail(err)
		}
		listeners = append(listeners, l)
	}
	options := f.agent.options(f.interval, log)
	options.Observe = observe
	if options.Limits, err = f.limits.parse(); err != nil {
		return fail(err)
	}
	keepMemory(options.Limits)
	if f.events != eventsAuto {
		options.Events = k2i.EventMode(f.events)
	}
	options.Count = f.count
	a, err := agent.New(ctx, options)
	if err != nil {
		return fail(fmt.Errorf("cannot sample this host: %w", err))
	}
	return a, listeners, nil
}

// check refuses what the flags may not say, before anything is opened.
func (f *serveFlags) check() ([]protocol.Address, error) {
	if f.interval < minInterval || f.interval > maxInterval {
		return nil, misuse{fmt.Errorf("--interval %v: want %v to %v", f.interval, minInterval, maxInterval)}
	}
	if f.broker != "" {
		if _, err := protocol.ParseAddresses(f.broker); err != nil {
			return nil, misuse{fmt.Errorf("--broker: %w", err)}
		}
	}
	if err := f.agent.check(); err != nil {
		return nil, err
	}
	if _, err := f.limits.parse(); err != nil {
		return nil, err
	}
	switch k2i.EventMode(f.events) {
	case eventsAuto, k2i.EventsBPF, k2i.EventsConnector, k2i.EventsNone:
	default:
		return nil, misuse{fmt.Errorf("--events %q: want auto, bpf, connector or none", f.events)}
	}
	guarded, err := f.web.Check()
	if err != nil {
		return nil, misuse{fmt.Errorf("--web.config.file: %w", err)}
	}
	var addresses []protocol.Address
	for _, s := range f.listen {
		a, err := parseListen(s, f.insecure || guarded)
		if err != nil {
			return nil, err
		}
		addresses = append(addresses, a)
	}
	return addresses, nil
}
