package main

import (
	"context"
	"log/slog"
	"net"
	"net/http"

	"golang.org/x/sync/errgroup"

	"ddcos/k2i/agent"
	"ddcos/k2i/detail"
	"ddcos/k2i/ipc"
	"ddcos/k2i/procfs"
	"ddcos/k2i/prom"
	"ddcos/k2i/rest"
	"ddcos/web"
)

// face is the agent's HTTP handler, /metrics with the agent's own numbers in it.
// member is nil without a broker.
func face(a *agent.Agent, on demand, groups *prom.Groups, member *ipc.Member, f serveFlags, log *slog.Logger) http.Handler {
	var h *rest.Handler // read at scrape time, when it is there
	numbers := append(agentNumbers(a), on.numbers()...)
	numbers = append(numbers, selfNumbers(a)...)
	numbers = append(numbers,
		counter("k2i_http_panics_total", "Requests that ended in a panic, which was contained.", func() uint64 { return h.Panics() }),
		counter("k2i_http_refused_total", "Requests that a guard turned away.", func() uint64 { return h.Refused() }),
	)
	if member != nil {
		numbers = append(numbers, roomNumbers(member)...)
	}
	h = rest.New(rest.Options{
		Source: a, Details: on.details, Connections: a, Machine: on.machine, Config: f.config(), Interval: f.interval, Name: f.agent.name, Log: log,
		Veil: f.veil, Users: f.web.Knows,
		Metrics: prom.Handler(a, groups, numbers, log),
	})
	return h
}

// agentNumbers are those of the sampling itself.
func agentNumbers(a *agent.Agent) []prom.Number {
	return []prom.Number{
		counter("k2i_passes_total", "Samples that became a snapshot.", func() uint64 { return a.Stats().Passes }),
		counter("k2i_pass_failures_total", "Samples that could not be taken.", func() uint64 { return a.Stats().Failures }),
		{
			Name: "k2i_pass_duration_seconds", Help: "How long the last pass took, from the kernel to the published snapshot.",
			Value: func() float64 { return a.Stats().Pass.Seconds() },
		},
		counter("k2i_events_total", "Events of processes that were read: made, run, ended.", func() uint64 { return a.Stats().Events.Seen }),
		counter("k2i_events_lost_total", "Events that the kernel had no room for.", func() uint64 { return a.Stats().Events.Lost }),
		counter("k2i_event_failures_total", "Times that events could not be read.", func() uint64 { return a.Stats().EventFailures }),
		counter("k2i_uncounted_total", "Threads, requests and calls that --sockets, --run-queue or --block-io could not count.", func() uint64 { return a.Stats().Uncounted }),
		counter("k2i_exited_dropped_total", "Ended processes that were forgotten before their time for want of room.", func() uint64 { return a.Stats().Events.Dropped }),
	}
}

// demand is what reads on demand.
type demand struct {
	details *detail.Reader
	machine *detail.MachineReader
}

func newDemand(fs *procfs.FS) demand {
	return demand{
		detail.New(fs, detail.DefaultOptions()),
		detail.NewMachineReader(procfs.NewMachine(fs, procfs.DefaultSys), detail.MachineOptions()),
	}
}

// numbers are those of what is read on demand.
func (d demand) numbers() []prom.Number {
	r := d.details
	return []prom.Number{
		counter("k2i_machine_reads_total", "Reads of the host, its devices and file systems on demand.", func() uint64 { return d.machine.Stats().Reads }),
		{Name: "k2i_machine_stuck", Help: "Readers that wait now for a device or a file system that does not answer.", Value: func() float64 { return float64(d.machine.Stats().Stuck) }},
		counter("k2i_detail_reads_total", "Reads of one process on demand.", func() uint64 { return r.Stats().Reads }),
		counter("k2i_detail_deadlines_total", "Those that were given up.", func() uint64 { return r.Stats().Deadlines }),
		counter("k2i_detail_busy_total", "Those that found no reader free.", func() uint64 { return r.Stats().Busy }),
		{Name: "k2i_detail_stuck", Help: "Readers that wait now for a kernel that does not answer.", Value: func() float64 { return float64(r.Stats().Stuck) }},
	}
}

// roomNumbers are those of the agent's place in the room.
func roomNumbers(m *ipc.Member) []prom.Number {
	return []prom.Number{
		{Name: "k2i_room_joined", Help: "Brokers in whose room the agent is now.", Value: func() float64 { return float64(m.Joined()) }},
		counter("k2i_room_joins_total", "Times that the agent came into the room.", m.Joins),
		counter("k2i_room_questions_total", "Questions that came through the room.", m.Questions),
		counter("k2i_room_failures_total", "Questions that could not be answered.", m.Failures),
	}
}

func counter(name, help string, value func() uint64) prom.Number {
	return prom.Number{Name: name, Help: help, Counter: true, Value: func() float64 { return float64(value()) }}
}

// front is a listener with what is answered at it.
type front struct {
	net.Listener
	handler http.Handler
	config  web.File
}

// answer serves all fronts until ctx ends, and then lets what is in work finish
// for a while.
func answer(ctx context.Context, group *errgroup.Group, fronts []front, log *slog.Logger) {
	for _, l := range fronts {
		server := web.NewServer(l.handler, log)
		group.Go(func() error { return web.Serve(l.Listener, server, l.config, log) })
		group.Go(func() error {
			<-ctx.Done()
			ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), shutdownTime)
			defer cancel()
			if server.Shutdown(ctx) != nil {
				_ = server.Close() // somebody would not finish
			}
			return nil
		})
	}
}
