package bench

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"ddcos/bench/hosts"
)

// room is where the call of the demonstration goes.
const room = "demo"

// pollTime is how often a condition is looked at.
const pollTime = 50 * time.Millisecond

// member is a process that joins the room, and what it does with a message.
type member struct{ name, handler string }

// victim is killed on the way: its handler has the message and kills the process that joined.
const victim = "db-2"

func members() []member {
	answer := `read message; echo "$message: done by $(hostname)"`
	return []member{
		{"web-1", answer}, {"web-2", answer}, {"db-1", answer}, {victim, "kill -9 $PPID"}, {"cache-1", answer},
	}
}

// hubCommands run beside the bridge.
func (s *show) hubCommands() []hosts.Command {
	broker := []string{"middlecon", "serve", "--listen", s.broker}
	if !s.plain {
		broker = append(broker, "--listen", s.remote, "--insecure-plaintext")
	}
	return []hosts.Command{{Name: "middlecon", Argv: broker}}
}

// hostCommands run on every host: something for the process table to show, and the agent.
func (s *show) hostCommands() []hosts.Command {
	agent, web := "127.0.0.1:7700", "127.0.0.1:8080"
	if s.plain {
		agent, web = "127.0.0.1:0", "127.0.0.1:0" // the machine's own ports may be taken
	}
	return []hosts.Command{
		{Name: "web", Argv: []string{"bench", "worker", "web", "--listen", web}},
		{Name: "db", Argv: []string{"bench", "worker", "db"}},
		{Name: "cron", Argv: []string{"sh", "-c", "while :; do sleep 60; done"}},
		{Name: "sleep", Argv: []string{"sleep", "3600"}},
		{Name: "k2i", Argv: []string{"k2i", "serve", "--listen", agent, "--interval", "1s", "--broker", s.remote, "--insecure-plaintext"}},
	}
}

// programs starts everything and waits until all agents and members are in their rooms.
func (s *show) programs(ctx context.Context) error {
	all := s.datacenter
	for _, c := range s.hubCommands() {
		if err := s.launch(ctx, all.Hub, c); err != nil {
			return err
		}
	}
	if err := s.joined(ctx, "k2i", 0); err != nil {
		return err
	}
	// The agents come last: their first sample has everything that was there before.
	for i, m := range members() {
		argv := []string{"middlecon", "join", room, "--name", m.name, "--exec", m.handler, "--broker", s.remote}
		if err := s.launch(ctx, all.Hosts[i%len(all.Hosts)], hosts.Command{Name: m.name, Argv: argv}); err != nil {
			return err
		}
	}
	if err := s.joined(ctx, room, len(members())); err != nil {
		return err
	}
	for _, h := range all.Hosts {
		for _, c := range s.hostCommands() {
			if err := s.launch(ctx, h, c); err != nil {
				return err
			}
		}
	}
	return s.joined(ctx, "k2i", len(all.Hosts))
}

func (s *show) launch(ctx context.Context, h *hosts.Host, c hosts.Command) error {
	p, err := h.Launch(ctx, c)
	if err != nil {
		return err
	}
	s.launched = append(s.launched, p)
	return nil
}

// joined waits until the room has so many members, or a launched process has ended.
func (s *show) joined(ctx context.Context, room string, want int) error {
	tick := time.NewTicker(pollTime)
	defer tick.Stop()
	for {
		n, err := s.count(ctx, room)
		if err == nil && n >= want {
			return nil
		}
		for _, p := range s.launched {
			select {
			case <-p.Done():
				return fmt.Errorf("%w: %s", ErrWrong, p.Complaint())
			default:
			}
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return errors.Join(fmt.Errorf("%w: room %s has %d members, want %d", ErrWrong, room, n, want), err)
		}
	}
}

// count asks the broker how many members a room has.
func (s *show) count(ctx context.Context, room string) (int, error) {
	out, err := s.datacenter.Hub.Output(ctx, "middlecon", "members", room, "--json", "--broker", s.broker)
	if err != nil {
		return 0, fmt.Errorf("list the members of %s: %w", room, complain(err))
	}
	var view struct {
		Members []json.RawMessage `json:"members"`
	}
	if err := json.Unmarshal(out, &view); err != nil {
		return 0, fmt.Errorf("read the members of %s: %w", room, err)
	}
	return len(view.Members), nil
}

// lines splits a command's output; the last line break ends no empty line.
func lines(out []byte) []string {
	return strings.Split(strings.TrimRight(string(out), "\n"), "\n")
}
