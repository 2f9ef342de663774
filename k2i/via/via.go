// Package via reads hosts on which nothing of ours is installed. Any command
// that runs a shell there (ssh, nsenter, kubectl exec) carries a small program
// over, k2i-once, which answers one question and is gone: its file is
// removed before it runs.
package via

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"

	"ddcos/k2i/fleet"
	"ddcos/k2i/wire"
)

// Placeholder is where a host's name goes in a command.
const Placeholder = "{host}"

// MaxParallel is how many hosts are asked at the same time.
const MaxParallel = 32

type source struct {
	command  string
	hosts    []string
	programs *Programs
}

// New is a way to hosts by a command of the shell in which {host} stands for
// each host's name, and behind which the words of a remote command may be
// written: `ssh {host}`, `ip netns exec {host}`, `kubectl exec -i {host} --`.
func New(command string, hosts []string, programs *Programs) (fleet.Source, error) {
	if !strings.Contains(command, Placeholder) {
		return nil, fmt.Errorf("%q does not say where a host's name goes: want %s in it, as in 'ssh %s'", command, Placeholder, Placeholder)
	}
	if len(hosts) == 0 || len(hosts) > MaxHosts {
		return nil, fmt.Errorf("%d hosts: want 1 to %d", len(hosts), MaxHosts)
	}
	for _, host := range hosts {
		if err := checkHost(host); err != nil {
			return nil, err
		}
	}
	return &source{command: command, hosts: hosts, programs: programs}, nil
}

// Ask implements fleet.Source.
func (s *source) Ask(ctx context.Context, req wire.Request) ([]fleet.Reply, error) {
	return s.Stream(ctx, req, nil)
}

// Stream implements fleet.Streamer: a command for each host, MaxParallel at a
// time. What a host calls itself is not believed: its reply is under the name by
// which it was reached.
func (s *source) Stream(ctx context.Context, req wire.Request, each func(fleet.Reply) fleet.Reply) ([]fleet.Reply, error) {
	of := s.errand(req)
	replies := make([]fleet.Reply, len(s.hosts))
	next := make(chan int)
	var group sync.WaitGroup
	for range min(len(s.hosts), MaxParallel) {
		group.Go(func() {
			for i := range next {
				if replies[i] = s.ask(ctx, s.hosts[i], of); each != nil {
					replies[i] = each(replies[i])
				}
			}
		})
	}
	for i := range s.hosts {
		next <- i // a worker is free when ctx ends at the latest
	}
	close(next)
	group.Wait()
	return replies, nil
}

func (s *source) ask(ctx context.Context, host string, of errand) fleet.Reply {
	c := converse(ctx, strings.ReplaceAll(s.command, Placeholder, host)+" sh", host, of)
	if c.err == nil {
		c.reply.Host, c.reply.Answer.Host.Name = host, host
		return c.reply
	}
	status := fleet.StatusError
	switch {
	case errors.Is(ctx.Err(), context.DeadlineExceeded):
		status = fleet.StatusTimeout
	case !c.reached && ctx.Err() == nil:
		status = fleet.StatusUnreachable
	}
	return fleet.Reply{Host: host, Status: status, Err: c.err.Error()}
}
