package dps

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"fmt"
	"io"
	"slices"
	"sync"
	"time"

	"ddcos/k2i"
	"ddcos/k2i/fleet"
	"ddcos/k2i/query"
)

// outputBuffer is what is written to standard output at a time.
const outputBuffer = 64 << 10

// Listing is one run of a command: where it reads and where it writes.
type Listing struct {
	Command  *Command
	Source   fleet.Source
	Caller   int32          // process id of the caller on this host: whose processes are "mine"
	Screen   int            // columns of the terminal, 0 for no limit
	Rows     int            // lines of the terminal, 0 for what ps takes for a pipe
	Color    bool           // bold headers, what is wrong in red, what is busy in yellow
	Terminal bool           // Stdout is one
	Progress bool           // Stderr is one, which may be told what is waited for
	ASCII    bool           // the locale has no other characters
	Facts    Facts          // of this host; nil where others are asked
	Threads  Threads        // of this host; nil where others are asked
	Systemd  Systemd        // of this host; nil where others are asked
	Location *time.Location // of start times; nil for the local one

	Stdout io.Writer
	Stderr io.Writer

	again bool // a listing of Watch was written before this one
}

// once asks the hosts, writes the listing to Stdout and a line for each host that
// did not answer to Stderr, and gives the exit status. The error is for a source
// that could not be asked, and for an output that could not be written.
func (l *Listing) once(ctx context.Context) (int, error) {
	if l.Command.Remote() { // this host is not given up, however busy it is: there is no other
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, l.Command.Deadline+askingReserve)
		defer cancel()
	}
	if l.Command.Peers {
		return l.oncePeers(ctx)
	}
	if l.Command.streams() {
		return l.onceStreaming(ctx)
	}
	table, err := l.ask(ctx)
	if err != nil {
		return ExitFailed, err
	}
	out := bufio.NewWriterSize(l.Stdout, outputBuffer)
	l.begin(out)
	if err = l.write(out, table); err == nil {
		err = out.Flush()
	}
	if err != nil {
		return ExitFailed, fmt.Errorf("writing the listing: %w", err)
	}
	return l.status(table), nil
}

// askingReserve is what a question may take beyond the hosts' deadline: for the
// way to the broker, and for it to finish the account.
const askingReserve = time.Second

func (l *Listing) location() *time.Location {
	if l.Location == nil {
		return time.Local
	}
	return l.Location
}

// ask puts the question and takes from the answer what the hosts could not settle.
func (l *Listing) ask(ctx context.Context) (*fleet.Table, error) {
	c := l.Command
	var table *fleet.Table
	p := c.Select.plan(c.Remote() || c.asks(), func() *k2i.Process { return find(table, l.Caller) })
	if c.selectsThreads() {
		p = plan{keep: func(*k2i.Process) bool { return true }} // show settles it
	}
	if c.HideKernel {
		p = p.withoutKernel()
	}
	q, later := l.query(p)
	stop := l.progress()
	table, err := fleet.Ask(ctx, l.Source, q)
	stop()
	if err != nil {
		return nil, err
	}
	table = table.Where(p.keep)
	return table, c.settle(table, later)
}

// needsAll tells whether rows are changed here after the agents have sorted them.
func (c *Command) needsAll() bool { return c.Select.quick || c.Tree != NoTree }

// agentKeys are the sort keys as the agents know them; false where the rows are
// to be sorted here: those of this host, and by what the agents do not know.
func (c *Command) agentKeys() ([]query.Key, bool) {
	if len(c.Sort) > query.MaxKeys || len(c.Sort) > 0 && !c.Remote() {
		return nil, false
	}
	fields := make([]query.Key, 0, len(c.Sort))
	for _, k := range c.Sort {
		if k.Column.Field == "" || c.Sum && k.Column.Sum != "" {
			return nil, false
		}
		fields = append(fields, query.Key{Field: k.Column.Field, Descending: k.Descending})
	}
	return fields, true
}

// show makes of the rows what the options ask for: their facts, their order,
// their threads and their tree.
func (l *Listing) show(table *fleet.Table, look *Look) {
	c := l.Command
	look.Comm, look.Numeric, look.Cumulative, look.Environ = c.Comm, c.Numeric, c.Sum, c.Environ
	look.SignalNames, look.FullName, look.DateFormat, look.ASCII, look.Systemd = c.SignalNames, c.FullName, c.DateFormat, l.ASCII, l.Systemd
	columns := c.columns()
	if c.Select.quick && !c.ThreadsBelow {
		table.Rows = inOrder(table.Rows, c.Select.order)
	}
	if c.ThreadsAlike {
		self := find(table, l.Caller)
		table.Rows = look.threads(table.Rows, false, l.Threads)
		if c.selectsThreads() {
			p := c.Select.plan(c.asks(), func() *k2i.Process { return self })
			table.Rows = slices.DeleteFunc(table.Rows, func(r fleet.Row) bool { return !p.wants(r.Process) })
		}
	}
	look.load(table.Rows, columns, l.Facts)
	l.choose(table, look)
	if c.ThreadsBelow {
		table.Rows = look.threads(table.Rows, true, l.Threads)
		look.load(table.Rows, columns, l.Facts)
	}
	if c.Tree != NoTree {
		if len(c.Sort) == 0 {
			slices.SortStableFunc(table.Rows, byOrigin)
		}
		table.Rows = look.forest(table.Rows, c.Tree)
	}
}

// inOrder is rows in the order in which their process ids were given, as often
// as they were given.
func inOrder(rows []fleet.Row, order []int32) []fleet.Row {
	var sorted []fleet.Row
	for _, pid := range order {
		for _, r := range rows {
			if r.Process.PID == pid {
				sorted = append(sorted, r)
			}
		}
	}
	return sorted
}

// choose sorts what the agents could not sort, and limits.
func (l *Listing) choose(table *fleet.Table, look *Look) {
	if _, sorted := l.Command.agentKeys(); !sorted {
		slices.SortStableFunc(table.Rows, Order(l.Command.Sort, look))
	}
	if limit := l.Command.Limit; limit > 0 {
		table.Rows = table.Rows[:min(len(table.Rows), limit)]
	}
}

// Order compares rows by keys, the first one first: users and groups by name and
// commands by their lines, also where numbers and the kernel's names are shown.
func Order(keys []SortKey, look *Look) func(a, b fleet.Row) int {
	named := *look
	named.Numeric, named.Comm = false, false
	return func(a, b fleet.Row) int {
		for _, k := range keys {
			c := k.Column.Compare(&named, a, b)
			if k.Descending {
				c = -c
			}
			if c != 0 {
				return c
			}
		}
		return 0
	}
}

// Bold, and back, for headers on a terminal.
const (
	boldOn  = "\x1b[1m"
	boldOff = "\x1b[0m"
)

// writeText writes the header and a line for each row; of many the later half is made
// beside the first. A failed write shows when the buffer is flushed.
func (l *Listing) writeText(out *bufio.Writer, table *fleet.Table, look *Look) {
	layout := l.newLayout(table, look)
	header := l.writeHeader(out, layout)
	half := len(table.Rows)
	var rest bytes.Buffer
	var later sync.WaitGroup
	if half >= manyRows {
		half /= 2
		beside := l.newLayout(table, look.beside())
		rest.Grow((len(table.Rows) - half) * usualLine)
		later.Go(func() { l.writeRows(&rest, beside, table.Rows, half, header) })
	}
	l.writeRows(out, layout, table.Rows[:half], 0, header)
	later.Wait()
	_, _ = rest.WriteTo(out)
}

// manyRows are worth another CPU. usualLine is a line's length, in bytes.
const (
	manyRows  = 1000
	usualLine = 128
)

// writeRows writes the lines of rows from one on, and the header above each page but the first.
func (l *Listing) writeRows(out io.Writer, layout *Layout, rows []fleet.Row, from int, header string) {
	page := l.page()
	var line []byte
	for i := from; i < len(rows); i++ {
		if i > 0 && page > 0 && i%page == 0 {
			_, _ = io.WriteString(out, header)
		}
		line = l.line(line[:0], layout, rows[i])
		_, _ = out.Write(line)
	}
}

func (l *Listing) newLayout(table *fleet.Table, look *Look) *Layout {
	layout := NewLayout(l.Command.Cells, table, look, l.width())
	layout.Delimiter = l.Command.Delimiter
	return layout
}

// writeHeader writes the line of headers where it is wanted, and gives it.
func (l *Listing) writeHeader(out *bufio.Writer, layout *Layout) string {
	header := layout.Header()
	if l.Command.Repeat {
		header = layout.headers()
	}
	if l.Color && header != "" {
		header = boldOn + header + boldOff
	}
	if header != "" || l.Command.Repeat {
		header += "\n"
	}
	if !l.Command.NoHeader {
		_, _ = out.WriteString(header)
	}
	return header
}

// pipeRows is how long ps takes a page to be where there is no terminal.
const pipeRows = 24

// page is how many processes stand below one line of headers; 0 for all.
func (l *Listing) page() int {
	if !l.Command.Repeat {
		return 0
	}
	return max(cmp.Or(l.Command.Rows, l.Rows, pipeRows)-1, 0)
}

// wideScreen is what the option w gives at least.
const wideScreen = 132

// width is how long a line may be; 0 for without end.
func (l *Listing) width() int {
	width := l.Screen
	if l.Command.Columns > 0 {
		width = l.Command.Columns
	}
	switch {
	case l.Command.Wide > 1 || width == 0:
		return 0
	case l.Command.Wide == 1:
		return max(width, wideScreen)
	}
	return width
}

// status tells the hosts that did not answer on Stderr and gives the exit status.
func (l *Listing) status(table *fleet.Table) int {
	l.tell(table.Brokers, table.Failed())
	return l.Command.exit(table)
}

// tell names on Stderr brokers that were of no use, and hosts that failed.
func (l *Listing) tell(brokers []fleet.BrokerState, failed []*fleet.Host) {
	for _, line := range slices.Concat(BrokerFailures(brokers), Failures(failed)) {
		fmt.Fprintf(l.Stderr, "dps: %s\n", line)
	}
}
