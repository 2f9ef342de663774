package bench

import (
	"context"
	"fmt"
	"strings"
)

// steps are all measurements of a report. The loads are what the targets name.
func (o ReportOptions) steps() []step {
	steps := []step{
		o.callStep("call-1000", "tcp", 1000, 200, 20, "c", "nats", "grpc", "mochi", "redis", mqttBroker),
		o.callStep("call-1000-unknown", "tcp", 1000, 20, 4, "nats-unknown"),
		o.callStep("call-10000", "tcp", 10_000, 40, 10, "c", "nats", "grpc"),
		o.callStep("call-10000-unknown", "tcp", 10_000, 8, 4, "nats-unknown"),
		o.callStep("call-1000-unix", "unix", 1000, 200, 20, "middlecon-tcp", "c"),
		o.callStep("call-10000-unix", "unix", 10_000, 40, 10, "middlecon-tcp", "c"),
		o.callStep("call-15000", "tcp", 15_000, 10, 2),
		o.oneStep("one", "tcp", "c", "nats", "grpc", "mochi", "redis", mqttBroker),
		o.oneStep("one-unix", "unix", "middlecon-tcp", "c"),
		o.idleStep("idle", "tcp", "c", "nats", "grpc", "mochi", "redis", mqttBroker),
		o.idleStep("idle-unix", "unix", "c"),
		o.stormStep(), o.fullStep(), o.stuckStep(), o.orderStep(),
	}
	for _, part := range K2iSteps() {
		steps = append(steps, o.k2iStep(part))
	}
	return steps
}

// k2iStep is one step of the agent's measurement.
func (o ReportOptions) k2iStep(part string) step {
	c := DefaultK2iOptions()
	c.Setting = o.setting("", c.Peers)
	c.Runs, c.Quick, c.Steps = 1, o.Quick, []string{part} // its rounds are runs
	command := fmt.Sprintf("bench k2i --step %s", part) + c.peerFlag()
	if c.Quick {
		command += " --quick"
	}
	return step{"k2i-" + part, command, func(ctx context.Context) (*result, error) { return c.repeat(ctx, c.once) }}
}

// sized is a tenth where the report is to be quick, and one at least.
func (o ReportOptions) sized(n int) int {
	if o.Quick {
		return max(1, n/10)
	}
	return n
}

// setting is that of one step.
func (o ReportOptions) setting(transport string, peers []string) Setting {
	s := o.Setting
	s.Transport, s.Peers = transport, peers
	if o.Quick {
		s.Runs = 1
	}
	return s
}

// command is what a reader types for the same measurement alone.
func (s Setting) command(verb, format string, args ...any) string {
	return fmt.Sprintf("bench %s --transport %s --runs %d", verb, s.Transport, s.Runs) + s.peerFlag() + fmt.Sprintf(format, args...)
}

func (s Setting) peerFlag() string {
	if len(s.Peers) == 0 {
		return " --peer ''"
	}
	return " --peer " + strings.Join(s.Peers, ",")
}

func (o ReportOptions) callStep(name, transport string, members, calls, rounds int, peers ...string) step {
	c := DefaultCallOptions()
	c.Setting = o.setting(transport, peers)
	c.Members, c.Calls, c.Rounds = o.sized(members), calls, rounds
	if o.Quick {
		c.Calls = rounds
	}
	return step{name, c.command("call", " --members %d --calls %d --rounds %d", c.Members, c.Calls, c.Rounds), func(ctx context.Context) (*result, error) { return c.repeat(ctx, c.once) }}
}

func (o ReportOptions) oneStep(name, transport string, peers ...string) step {
	c := DefaultOneOptions()
	c.Setting = o.setting(transport, peers)
	c.Messages, c.Stream = o.sized(c.Messages), o.sized(c.Stream)
	return step{name, c.command("one", " --messages %d --stream %d", c.Messages, c.Stream), func(ctx context.Context) (*result, error) { return c.repeat(ctx, c.once) }}
}

func (o ReportOptions) idleStep(name, transport string, peers ...string) step {
	c := DefaultIdleOptions()
	c.Setting = o.setting(transport, peers)
	c.Runs = 1 // it is no matter of luck
	c.Sessions = o.sized(c.Sessions)
	return step{name, c.command("idle", " --sessions %d", c.Sessions), func(ctx context.Context) (*result, error) { return c.repeat(ctx, c.once) }}
}

func (o ReportOptions) stormStep() step {
	c := DefaultStormOptions()
	c.Setting = o.setting("tcp", []string{"nats"})
	c.Runs = 1 // its rounds are runs
	c.Clients = o.sized(c.Clients)
	if o.Quick {
		c.Rounds = 1
	}
	return step{"storm", c.command("storm", " --clients %d --rounds %d", c.Clients, c.Rounds), func(ctx context.Context) (*result, error) { return c.repeat(ctx, c.once) }}
}

func (o ReportOptions) fullStep() step {
	c := DefaultFullOptions()
	c.Setting = o.setting("tcp", []string{"c", "nats", "grpc"})
	c.Runs = 1
	c.Members = o.sized(c.Members)
	if o.Quick {
		c.Rounds = 3
	}
	return step{"full", c.command("full", " --members %d --rounds %d", c.Members, c.Rounds), func(ctx context.Context) (*result, error) { return c.repeat(ctx, c.once) }}
}

func (o ReportOptions) stuckStep() step {
	c := DefaultStuckOptions()
	c.Setting = o.setting("tcp", nil)
	if o.Quick {
		c.Members, c.Calls, c.Rounds = 200, 10, 4
	}
	command := fmt.Sprintf("bench stuck --transport tcp --runs %d --members %d --calls %d --rounds %d", c.Runs, c.Members, c.Calls, c.Rounds)
	return step{"stuck", command, func(ctx context.Context) (*result, error) { return c.repeat(ctx, c.once) }}
}

func (o ReportOptions) orderStep() step {
	c := DefaultOrderOptions()
	c.Setting = o.setting("tcp", nil)
	c.Runs, c.Calls = 1, o.sized(c.Calls)
	return step{"order", fmt.Sprintf("bench order --transport tcp --calls %d", c.Calls), func(ctx context.Context) (*result, error) { return c.repeat(ctx, c.once) }}
}
