// Package bench shows ddcos at work ([Run]) and measures it beside the systems that a user would
// pick instead.
package bench

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"ddcos/bench/hosts"
)

// Errors of [Run]: what was asked for cannot be, and what was shown is not what it should be.
var (
	ErrHosts   = fmt.Errorf("the number of hosts must be between 1 and %d", hosts.MaxHosts)
	ErrMissing = errors.New("a program is missing: run 'make build'")
	ErrWrong   = errors.New("not as expected")
)

// RunOptions say what [Run] shows.
type RunOptions struct {
	Hosts    int           // how many hosts, 1 to hosts.MaxHosts
	Keep     bool          // stay up when all is shown, until the context ends
	Plain    bool          // no namespaces: one host, as without root
	Timeout  time.Duration // for all of it but what Keep adds
	Bin      string        // the directory of middlecon, k2i, dps and bench
	Out      io.Writer     // what is shown goes here
	JSON     bool          // Out gets one object instead, a Shown, and Progress what is shown
	Progress io.Writer
}

// Shown is what was shown, for programs.
type Shown struct {
	Hosts   []ShownHost     `json:"hosts"`
	Rows    map[string]int  `json:"rows"`    // of the process table, by host
	Account json.RawMessage `json:"account"` // of the call, as middlecon call --json prints it
}

// ShownHost is one host: its address is empty where it is the machine itself.
type ShownHost struct {
	Name    string `json:"name"`
	Address string `json:"address"`
	PID     int    `json:"pid"` // of its first process
}

// DefaultRunOptions shows three hosts in a minute, with the programs beside this one.
func DefaultRunOptions() RunOptions {
	o := RunOptions{Hosts: 3, Timeout: time.Minute, Out: os.Stdout}
	if self, err := os.Executable(); err == nil {
		o.Bin = filepath.Dir(self)
	}
	return o
}

// Run makes a small datacenter of real processes, shows one process table over its hosts and one
// call's account with a member killed on the way, checks both, and takes everything down. When
// this process is killed, the kernel takes it down.
func Run(ctx context.Context, o RunOptions) (err error) {
	if o.Hosts < 1 || o.Hosts > hosts.MaxHosts {
		return ErrHosts
	}
	for _, program := range []string{"middlecon", "k2i", "dps", "bench"} {
		if _, err := os.Stat(filepath.Join(o.Bin, program)); err != nil {
			return fmt.Errorf("%w: %w", ErrMissing, err)
		}
	}
	bounded, cancel := context.WithTimeoutCause(ctx, o.Timeout, fmt.Errorf("%w: not done in %v", ErrWrong, o.Timeout))
	defer cancel()
	show := &show{Writer: o.Out, json: o.JSON}
	if o.JSON {
		show.Writer = o.Progress
	}
	if err := show.start(bounded, o); err != nil {
		return cause(bounded, err)
	}
	defer func() {
		left := show.datacenter.Close()
		if left == nil {
			show.heading("Taken down: no process, namespace, link, mount or file is left")
		}
		err = errors.Join(err, left)
	}()
	for _, step := range []func(context.Context) error{show.programs, show.table, show.call} {
		if err := step(bounded); err != nil {
			return cause(bounded, err)
		}
	}
	if o.JSON {
		if err := json.NewEncoder(o.Out).Encode(show.shown); err != nil {
			return err
		}
	}
	if o.Keep {
		show.howToEnter(o.Bin)
		<-ctx.Done()
	}
	return nil
}

// cause prefers why the context ended to what that made fail.
func cause(ctx context.Context, err error) error {
	switch why := context.Cause(ctx); {
	case why == nil:
		return err
	case errors.Is(why, context.Canceled):
		return errors.New("interrupted")
	default:
		return errors.Join(why, err)
	}
}

// show is one run: the datacenter and where it is shown.
type show struct {
	io.Writer
	datacenter *hosts.Datacenter
	plain      bool
	json       bool
	shown      Shown
	broker     string // as the hub reaches it
	remote     string // as the hosts do
	launched   []*hosts.Process
}

func (s *show) say(format string, args ...any) { _, _ = fmt.Fprintf(s, format+"\n", args...) }

func (s *show) heading(format string, args ...any) { s.say("\n== "+format, args...) }

// start makes the hosts; where namespaces are refused, one host without.
func (s *show) start(ctx context.Context, o RunOptions) (err error) {
	spec := hosts.DefaultOptions()
	spec.Bin, spec.Hosts = o.Bin, nil
	for i := range o.Hosts {
		spec.Hosts = append(spec.Hosts, fmt.Sprintf("host%d", i+1))
	}
	s.plain = o.Plain
	if !s.plain {
		s.datacenter, err = hosts.Start(ctx, spec)
		if errors.Is(err, syscall.EPERM) {
			s.say("Namespaces need root (%v): this shows one host, the machine itself.", err)
			s.plain = true
		} else if err != nil {
			return err
		}
	}
	if s.plain {
		if s.datacenter, err = hosts.StartPlain(ctx, spec); err != nil {
			return err
		}
		s.broker = "unix://" + s.datacenter.Hub.RunDir + "/middlecon.sock"
		s.remote = s.broker
		s.shown.Hosts = []ShownHost{{Name: s.datacenter.Hub.Name, PID: s.datacenter.Hub.PID()}}
		s.heading("One host: %s, its own first process %d", s.datacenter.Hub.Name, s.datacenter.Hub.PID())
		return nil
	}
	s.broker, s.remote = "unix:///run/ddcos/middlecon.sock", "tcp://"+s.datacenter.Hub.Addr.String()+":7411"
	s.heading("%d hosts, each with its own processes, network, name and mounts", len(s.datacenter.Hosts))
	s.say("%-8s %-12s first process here %d (the broker's host)", s.datacenter.Hub.Name, s.datacenter.Hub.Addr, s.datacenter.Hub.PID())
	for _, h := range s.datacenter.Hosts {
		s.say("%-8s %-12s first process here %d, inside 1", h.Name, h.Addr, h.PID())
		s.shown.Hosts = append(s.shown.Hosts, ShownHost{Name: h.Name, Address: h.Addr.String(), PID: h.PID()})
	}
	return nil
}

// howToEnter prints commands that work as they stand while the hosts are kept.
func (s *show) howToEnter(bin string) {
	hub := s.datacenter.Hub
	broker := s.broker
	if !s.plain {
		broker = "unix://" + filepath.Join(hub.Root(), strings.TrimPrefix(s.broker, "unix://"))
	}
	s.heading("Kept until you interrupt (Ctrl-C). In another terminal:")
	s.say("export DDCOS_BROKER=%s", broker)
	for _, command := range []string{"dtop", "dps --sort -rss", "middlecon watch k2i", "middlecon call demo hello"} {
		s.say("%s/%s", bin, command)
	}
	if s.plain {
		return
	}
	for _, h := range s.datacenter.Hosts {
		s.say("nsenter --target %d --all sh    # a shell on %s", h.PID(), h.Name)
	}
}
