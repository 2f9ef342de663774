package bench

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
)

// agentsPerProgram is how many simulated agents one process is.
const agentsPerProgram = 2500

// maxSilent is how long agents may be stopped: before the broker takes them for dead.
const maxSilent = 15 * time.Second

// askedHoled is how often dps asks with hosts that are stopped.
const askedHoled = 3

// DatacenterOptions say what [Datacenter] measures.
type DatacenterOptions struct {
	Setting
	Agents    int // that are in the room, each a host
	Processes int // of each host
	Asked     int // how often dps asks
	Limit     int // rows that it asks for
	OneIn     int // of so many hosts one is stopped, in the end
	Deadline  time.Duration
}

// DefaultDatacenterOptions asks a thousand hosts.
func DefaultDatacenterOptions() DatacenterOptions {
	o := DatacenterOptions{Setting: DefaultSetting(), Agents: 1000, Processes: 400, Asked: 20, Limit: 50, OneIn: 20, Deadline: 2 * time.Second}
	o.Peers = nil
	return o
}

func (o DatacenterOptions) check() error {
	switch {
	case o.Processes < 1 || o.Processes > maxRows:
		return fmt.Errorf("%w: %d processes a host; 1 to %d are possible", ErrOptions, o.Processes, maxRows)
	case o.Asked < 1 || o.Asked > maxCalls || o.Limit < 1:
		return fmt.Errorf("%w: asked %d times for %d rows; want 1 at least, and %d times at most", ErrOptions, o.Asked, o.Limit, maxCalls)
	case o.OneIn < 2 || o.Agents < o.OneIn:
		return fmt.Errorf("%w: one in %d of %d hosts; want at least one stopped and one not", ErrOptions, o.OneIn, o.Agents)
	case o.Deadline <= 0 || (askedHoled+2)*o.Deadline > maxSilent:
		return fmt.Errorf("%w: a deadline of %v; want %v at most", ErrOptions, o.Deadline, maxSilent/(askedHoled+2))
	}
	return o.Setting.check(o.Agents)
}

// Datacenter measures dps, the whole command, over very many hosts: agents that speak the real
// protocol through a broker and hold the processes of this host under other names.
func Datacenter(ctx context.Context, o DatacenterOptions) error { return o.publish(ctx, o.once) }

func (o DatacenterOptions) once(ctx context.Context) (found *result, err error) {
	if err := o.check(); err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "bench-")
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	rows, err := newRows(ctx, filepath.Join(dir, "rows"))
	if err != nil {
		return nil, err
	}
	d := &datacenter{o: o, rows: rows, subject: newSubject(middleconSystem(), o.Transport), replied: &tally{}}
	defer func() { err = errors.Join(err, d.stop()) }()
	if err := d.start(ctx, dir); err != nil {
		return nil, cause(ctx, err)
	}
	if err := d.ask(ctx); err != nil {
		return nil, cause(ctx, d.subject.why(err))
	}
	title := fmt.Sprintf("dps --sort=-rcpu --limit %d over %d hosts with %d processes each, through a broker over %s: the whole command, %d times. Its rows are those that sorting all of them gives.",
		o.Limit, o.Agents, o.Processes, o.Transport, o.Asked)
	return &result{title, d.figures(), nil}, nil
}

// datacenter is a broker, and programs of agents.
type datacenter struct {
	o       DatacenterOptions
	rows    *rows
	subject *subject // the broker
	fleets  []*program
	silent  *program // the last of them, which is stopped in the end
	replied *tally

	first, whole *hdrhistogram.Histogram // until dps printed a row, and until it ended, ns
	early        *hdrhistogram.Histogram // until it printed the first row of a listing that nothing orders, ns
	resident     int64                   // bytes of dps, at most
	sent         float64                 // bytes of all answers to one question
	holed        []time.Duration         // the same as whole, with hosts that are stopped, sorted
}

// start brings the broker up and lets the agents join.
func (d *datacenter) start(ctx context.Context, dir string) error {
	s := d.subject
	if err := errors.Join(s.place(dir), s.boot(d.o.Setting)); err != nil {
		return err
	}
	if err := s.reach(ctx, s.address, 0); err != nil {
		return err
	}
	stopped := d.o.Agents / d.o.OneIn
	for first := 0; first < d.o.Agents; {
		n := min(agentsPerProgram, d.o.Agents-stopped-first)
		if n <= 0 {
			n = d.o.Agents - first
		}
		p, err := s.muster(ctx, d.o.Setting, n, []io.Writer{d.replied}, filepath.Join(d.o.Bin, "bench"), "agents", "--broker", s.address.String(),
			"--rows", d.rows.file, "--first", strconv.Itoa(first), "--agents", strconv.Itoa(n), "--processes", strconv.Itoa(d.o.Processes))
		if err != nil {
			return err
		}
		d.fleets, d.silent, first = append(d.fleets, p), p, first+n
	}
	return nil
}

func (d *datacenter) stop() (err error) {
	for _, p := range d.fleets {
		// A stopped program hears nothing but this.
		err = errors.Join(err, p.cmd.Process.Signal(syscall.SIGCONT), p.stop())
	}
	return errors.Join(err, d.subject.stop())
}

// ask runs dps again and again, and then some times with hosts that are stopped.
func (d *datacenter) ask(ctx context.Context) error {
	most := time.Minute.Nanoseconds()
	d.first, d.whole, d.early = hdrhistogram.New(1, most, 3), hdrhistogram.New(1, most, 3), hdrhistogram.New(1, most, 3)
	want := d.rows.top(d.o.Agents, d.o.Processes, d.o.Limit)
	for range d.o.Asked {
		before := d.replied.bytes()
		a, err := d.dps(ctx, d.listing()...)
		if err != nil {
			return err
		}
		if a.status != 0 || !slices.Equal(a.rows, want) {
			return fmt.Errorf("%w: status %d, and %d rows that begin with %q; sorting all of them gives %q: %.500s", ErrAccount, a.status, len(a.rows),
				a.rows[:min(len(a.rows), 3)], want[:min(len(want), 3)], a.said)
		}
		if err := errors.Join(d.first.RecordValue(a.first.Nanoseconds()), d.whole.RecordValue(a.whole.Nanoseconds())); err != nil {
			return err
		}
		d.resident = max(d.resident, a.resident)
		d.sent = float64(d.replied.bytes() - before)
	}
	if err := d.askUnsorted(ctx); err != nil {
		return err
	}
	return d.askHoled(ctx)
}

// askUnsorted asks for a process of each host in no order: the first hosts' rows are
// shown while others are awaited.
func (d *datacenter) askUnsorted(ctx context.Context) error {
	for range d.o.Asked {
		a, err := d.dps(ctx, "-p", strconv.Itoa(firstPID), "-o", "host=,pid=")
		if err != nil {
			return err
		}
		if a.status != 0 || len(a.rows) != d.o.Agents {
			return fmt.Errorf("%w: status %d, and %d rows of %d hosts: %.200s", ErrAccount, a.status, len(a.rows), d.o.Agents, a.said)
		}
		if err := d.early.RecordValue(a.first.Nanoseconds()); err != nil {
			return err
		}
	}
	return nil
}

// askHoled stops hosts, and holds dps to naming each.
func (d *datacenter) askHoled(ctx context.Context) error {
	if err := d.silent.halt(ctx); err != nil {
		return err
	}
	var a *asked
	for range askedHoled {
		var err error
		if a, err = d.dps(ctx, d.listing()...); err != nil {
			return err
		}
		d.holed = append(d.holed, a.whole)
	}
	slices.Sort(d.holed)
	all, err := d.dps(ctx, "--fleet") // a listing names the first of them
	if err != nil {
		return err
	}
	for i := d.o.Agents - d.o.Agents/d.o.OneIn; i < d.o.Agents; i++ {
		stopped := slices.IndexFunc(all.rows, func(row string) bool { return strings.HasPrefix(row, hostName(i)+" ") })
		if a.status != 3 || stopped < 0 || strings.Contains(all.rows[stopped], " ok ") {
			return fmt.Errorf("%w: status %d, host %s is stopped and not named: %.200s", ErrAccount, a.status, hostName(i), a.said)
		}
	}
	return nil
}

func (d *datacenter) figures() []Figure {
	const note = "json: all rows of all hosts, as GET /v1/proc gives them; reckoned from one host's"
	deadline := milliseconds(d.o.Deadline.Nanoseconds())
	all := float64(d.rows.asJSON(d.o.Processes)) * float64(d.o.Agents)
	holed := milliseconds(d.holed[len(d.holed)/2].Nanoseconds())
	figure := func(name string, value float64, unit string) Figure {
		return Figure{Name: name, Value: value, Unit: unit}
	}
	return []Figure{
		figure("fleet-first-p50", milliseconds(d.first.ValueAtQuantile(50)), "ms"),
		figure("fleet-early-p50", milliseconds(d.early.ValueAtQuantile(50)), "ms"),
		figure("fleet-p50", milliseconds(d.whole.ValueAtQuantile(50)), "ms"),
		figure("fleet-p99", milliseconds(d.whole.ValueAtQuantile(99)), "ms"),
		figure("fleet-resident", float64(d.resident)/1e6, "MB"),
		{Name: "fleet-bytes", Value: d.sent / 1e6, Unit: "MB", Peer: "json", PeerValue: all / 1e6, Ratio: ratio(d.sent/1e6, all/1e6), Note: note},
		{
			Name: "fleet-holes", Value: holed, Unit: "ms", Peer: "deadline", PeerValue: deadline, Ratio: ratio(holed, deadline),
			Note: fmt.Sprintf("deadline: with one host in %d stopped, each of which dps names; the median of %d", d.o.OneIn, askedHoled),
		},
	}
}

// tally adds up what the agents say of the answers they gave.
type tally struct {
	mu   sync.Mutex // guards both
	text []byte
	sum  int64
}

func (t *tally) Write(b []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.text = append(t.text, b...)
	for {
		line, rest, ok := strings.Cut(string(t.text), "\n")
		if !ok {
			return len(b), nil
		}
		t.text = []byte(rest)
		var n int64
		if _, err := fmt.Sscanf(line, answeredLine, &n); err == nil {
			t.sum += n
		}
	}
}

func (t *tally) bytes() int64 {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.sum
}
