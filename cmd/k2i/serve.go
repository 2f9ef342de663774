package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"golang.org/x/sync/errgroup"

	"ddcos/cli"
	"ddcos/k2i/agent"
	"ddcos/k2i/ipc"
	"ddcos/k2i/probe"
	"ddcos/k2i/procfs"
	"ddcos/k2i/prom"
	"ddcos/k2i/rest"
	"ddcos/k2i/veil"
	"ddcos/k2i/wire"
	"ddcos/middlecon/creds"
	"ddcos/middlecon/listen"
	"ddcos/protocol"
	"ddcos/service"
	"ddcos/web"
)

// DefaultListen is where an agent serves HTTP when it is told nothing.
const DefaultListen = "127.0.0.1:7412"

// firstLook is how often the first sample is looked for.
const firstLook = 2 * time.Millisecond

// shutdownTime is how long requests in work may take to finish.
const shutdownTime = 3 * time.Second

// serveFlags are what k2i serve was told.
type serveFlags struct {
	listen   []string
	interval time.Duration
	broker   string
	creds    creds.Client
	joined   joined // zero where 'k2i join' gave nothing that is used here
	events   string
	insecure bool
	web      web.File
	profiles string // path of a Unix socket; "" for none
	policy   string
	veil     *veil.Veil // of policy
	count    probe.Counting
	agent    agentFlags
	limits   limitFlags
	verbose  bool
}

// serveHelp is what k2i serve --help says.
const serveHelp = `Sample this host until interrupted, and serve the newest sample:

  GET /v1/proc        the processes; parameters fields, sort, limit, pid,
                      ppid, sid, user, ruser, group, rgroup, comm, tty, not;
                      with exited=true those that ended instead, since=10m;
                      where=CONDITION and by=NAME as dps has them; threads=true
                      their threads. Fields may be groups, such as basic, all,
                      io or demand, whose fields are read now: pss_bytes,
                      uss_bytes, fd_count, wchan
  GET /v1/proc/{pid}  one of them; self is the agent. detail=all, or some of
                      pss,fds,limits,wchan,stack, is read on demand
  GET /v1/connections who has which TCP connections and listening sockets now,
                      in all network namespaces; parameters pid, state, limit
  GET /v1/containers  their sums by container, machine or sandbox
  GET /v1/host        the host: CPU, memory, pressure, clock, disks, network,
                      mounts, GPUs, sensors
  GET /v1/config      what the agent was told
  GET /v1/openapi.json
  GET /healthz        200 while the samples are fresh, else 503
  GET /metrics        for Prometheus

Answers are JSON, or msgpack where Accept asks for application/msgpack; errors
are problem+json (RFC 9457).

Secrets in arguments that have a known form (flags, URLs, headers, tokens)
are shown as ********, and the environment is never read.

With --sockets, --run-queue or --block-io tracepoints count, from then on, what
samples do not show: net_rx_bytes and its like, run_delay_ns, block_io_ns. They
need BPF, and cost those that are counted: 0.1 µs a call that sends or receives
(2 to 6 % of an echo over loopback that does nothing else), 1 to 3 µs a thread
that ends, 0.6 µs a request to a disk. Of some of those a busy kernel tells no end:
they are not counted.

With --broker the agent is also in the room k2i of that broker, where dps and
dtop find it, and of several in that of each; it joins again whenever a broker comes
back, and leaves one that drains. After 'k2i join' it is
that broker without being told, and the certificate is renewed.

Past --cpu-limit or --memory-limit it samples less often, and every answer says so.

TCP beyond loopback wants --web.config.file, a file as every exporter has it
(tls_server_config, basic_auth_users), with TLS and with either users or client
certificates that are required; or --insecure-plaintext. Certificates and users
are read anew when they change. A Unix socket is for its owner and group.`

func serveCommand() *cobra.Command {
	var f serveFlags
	cmd := &cobra.Command{
		Use:   "serve",
		Short: "Sample this host and serve what was seen",
		Long:  serveHelp,
		Example: `  k2i serve
  k2i serve --listen unix:///run/ddcos/k2i.sock --broker unix:///run/ddcos/middlecon.sock
  k2i serve --listen 10.0.0.7:7412 --web.config.file /etc/ddcos/web.yml`,
		Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := f.asJoined(cmd.Flags(), creds.Dir); err != nil {
				return err
			}
			return serve(cmd.Context(), f, logTo(cmd.ErrOrStderr(), f.verbose))
		},
	}
	flags := cmd.Flags()
	f.broker = os.Getenv("DDCOS_BROKER")
	flags.Var(cli.Addresses(&f.broker), "broker", "`ADDRESS` of the broker to join: unix:///path, tls://host:port or tcp://host:port; several with commas, or repeated, all of which are joined (environment: DDCOS_BROKER); that of 'k2i join' without it")
	f.creds = creds.FromEnv(os.Getenv)
	for _, c := range f.creds.Flags() {
		flags.StringVar(c.Value, c.Name, *c.Value, c.Text())
	}
	f.add(flags)
	return cmd
}

// add adds what every way to serve takes.
func (f *serveFlags) add(flags *pflag.FlagSet) {
	flags.StringArrayVar(&f.listen, "listen", []string{DefaultListen}, "`ADDRESS` to serve HTTP on: host:port or unix:///path; may be repeated")
	flags.DurationVar(&f.interval, "interval", time.Second, "`DURATION` between two samples, 100ms to 1h")
	f.agent.add(flags)
	f.limits.add(flags)
	f.addCounting(flags)
	flags.StringVar(&f.events, "events", eventsAuto, "`WAY` to learn what lives and dies between two samples: auto, bpf, connector or none")
	flags.BoolVar(&f.insecure, "insecure-plaintext", false, "allow TCP beyond loopback, where whoever is on the way can read")
	flags.StringVar((*string)(&f.web), "web.config.file", "", "`FILE` with the TLS and the users of HTTP over TCP, as every exporter of Prometheus has it")
	flags.StringVar(&f.profiles, "profiles", "", "`PATH` of a Unix socket to serve /debug/pprof on, which shows what is in memory; off without it")
	flags.StringVar(&f.policy, "policy", "", "`FILE` of who may read, and read_args, the arguments of processes: see 'middlecon policy'; SIGHUP reads it anew")
	flags.BoolVarP(&f.verbose, "verbose", "v", false, "log more")
}

// serve runs an agent and its faces until ctx ends, or one of them cannot go on.
func serve(ctx context.Context, f serveFlags, log *slog.Logger) error {
	var err error
	if f.veil, err = f.openVeil(ctx, log); err != nil {
		return err
	}
	groups := prom.NewGroups()
	a, listeners, err := open(ctx, f, groups.Observe, log)
	if err != nil {
		return err
	}
	defer func() { _ = a.Close() }() // nobody samples any more
	fs, err := procfs.New(ctx, procfs.DefaultRoot)
	if err != nil {
		return err
	}
	on := newDemand(fs)
	var member *ipc.Member
	if f.broker != "" {
		config, token, err := f.creds.For(f.broker)
		if err != nil {
			return err
		}
		member = ipc.New(ipc.Options{Broker: f.broker, TLS: config, Token: token, Name: f.agent.name, Labels: f.agent.labelMap(), Source: a, Connections: a, Reader: on.details, Veil: f.veil, Log: log})
	}
	var fronts []front
	h := face(a, on, groups, member, f, log)
	for _, l := range listeners {
		log.Info("serving", "address", shown(l.Addr(), f.web))
		fronts = append(fronts, front{l, h, f.web})
	}
	if f.profiles != "" {
		l, err := listen.Open(protocol.Address{Network: "unix", Where: f.profiles}, false)
		if err != nil {
			return fmt.Errorf("--profiles: %w", err)
		}
		fronts = append(fronts, front{l, web.Profiles(), ""})
	}
	if err := calmMonitor(); err != nil {
		log.Debug("the runtime's monitor is woken as often as it asks", "because", err)
	}
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { return a.Run(ctx) })
	group.Go(func() error {
		service.Tell(ctx, func(context.Context) error { return fresh(a, f.interval) }, log)
		return nil
	})
	answer(ctx, group, fronts, log)
	if f.joined.Address != "" {
		group.Go(func() error { f.joined.keep(ctx, log); return nil })
	}
	if member != nil {
		group.Go(func() error {
			awaitSample(ctx, a, f.interval)
			member.Run(ctx)
			return nil
		})
	}
	return group.Wait()
}

// awaitSample keeps the agent out of the room until it has something to answer
// with. A host that cannot be sampled joins all the same, to be named as one
// that fails.
func awaitSample(ctx context.Context, a *agent.Agent, interval time.Duration) {
	ctx, cancel := context.WithTimeout(ctx, interval)
	defer cancel()
	tick := time.NewTicker(firstLook)
	defer tick.Stop()
	for a.Snapshot() == nil {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}

// fresh has an error while the newest sample is missing or older than it may be.
func fresh(a *agent.Agent, interval time.Duration) error {
	snap := a.Snapshot()
	if snap == nil {
		return errors.New("no sample yet")
	}
	interval = max(interval, time.Duration(snap.Self.IntervalNS))
	if age := wire.Age(snap, time.Now()); age > rest.StaleAfter*interval {
		return fmt.Errorf("the newest sample is %v old", age.Round(time.Millisecond))
	}
	return nil
}

// addCounting adds what is counted only where it is asked for.
func (f *serveFlags) addCounting(flags *pflag.FlagSet) {
	flags.BoolVar(&f.count.Sockets, "sockets", false, "count each process's bytes through sockets")
	flags.BoolVar(&f.count.RunDelay, "run-queue", false, "count each process's time ready to run without a CPU")
	flags.BoolVar(&f.count.BlockIO, "block-io", false, "count each process's requests to block devices and their time")
}
