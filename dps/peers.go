package dps

import (
	"bufio"
	"context"
	"fmt"
	"strings"

	"golang.org/x/sync/errgroup"

	"ddcos/k2i"
	"ddcos/k2i/fleet"
)

// oncePeers is once for --peers.
func (l *Listing) oncePeers(ctx context.Context) (int, error) {
	stop := l.progress()
	peers, err := l.askPeers(ctx)
	stop()
	if err != nil {
		return ExitFailed, err
	}
	if err := l.Command.keepLinks(peers); err != nil {
		return ExitFailed, err
	}
	rows := l.Command.peerRows(peers.Links)
	out := bufio.NewWriterSize(l.Stdout, outputBuffer)
	l.begin(out)
	if err = l.writePeers(out, peers, rows); err == nil {
		err = out.Flush()
	}
	if err != nil {
		return ExitFailed, fmt.Errorf("writing the listing: %w", err)
	}
	l.tell(peers.Brokers, peers.Failed())
	if hosts := unseen(peers.Hosts); hosts != "" {
		fmt.Fprintf(l.Stderr, "dps: %s: connections of other users' processes were not seen\n", hosts)
	}
	return exitPeers(peers, len(rows)), nil
}

// askPeers looks for the connections of all hosts, since the other end may be
// anywhere, and leaves those that a process which is selected has an end of.
func (l *Listing) askPeers(ctx context.Context) (*fleet.Peers, error) {
	var peers *fleet.Peers
	var chosen *fleet.Table
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() (err error) {
		peers, err = fleet.AskPeers(ctx, l.Source)
		return err
	})
	if selector := l.Command.selector(); selector != nil {
		group.Go(func() (err error) {
			quiet := Listing{Command: selector, Source: l.Source, Caller: l.Caller}
			chosen, err = quiet.ask(ctx)
			return err
		})
	}
	if err := group.Wait(); err != nil || chosen == nil {
		return peers, err
	}
	keepChosen(peers, chosen)
	return peers, nil
}

// selector is the command for the processes whose connections are wanted; nil
// where all are.
func (c *Command) selector() *Command {
	own := *c
	own.Peers, own.By, own.Sort, own.GroupSort, own.Limit, own.Cells = false, "", nil, nil, 0, []Cell{{Column: Column{Fields: "pid"}}}
	own.JSON, own.Output = false, ""
	s := &own.Select
	given := s.simplyGiven() || s.listed || s.thisTerminal || len(s.groups) > 0 || s.quick || s.running || s.lists.Negate
	switch {
	case given:
	case own.condition() == "" && own.pattern() == "" && len(own.Labels) == 0:
		return nil
	default:
		s.simple = unixAll
	}
	return &own
}

// holderKey is a process of a fleet. Two hosts may have one name.
type holderKey struct {
	host  string
	id    k2i.HostID
	pid   int32
	ticks uint64
}

// keepChosen leaves the links of which a process in the table holds an end. A
// host that did not say which processes are selected has failed.
func keepChosen(peers *fleet.Peers, chosen *fleet.Table) {
	wanted := map[holderKey]bool{}
	for _, r := range chosen.Rows {
		wanted[holderKey{r.Host.Name, r.Host.Info.ID, r.Process.PID, r.Process.StartTicks}] = true
	}
	failed := map[string]*fleet.Host{}
	for _, h := range chosen.Failed() {
		failed[h.Name] = h
	}
	for _, h := range peers.Hosts {
		if bad := failed[h.Name]; bad != nil && h.Status == fleet.StatusOK {
			h.Status, h.Err = bad.Status, bad.Err
		}
	}
	held := func(e *fleet.End) bool {
		for _, p := range e.Holders {
			if wanted[holderKey{e.Host.Name, e.Host.Info.ID, p.PID, p.StartTicks}] {
				return true
			}
		}
		return false
	}
	all := peers.Links
	peers.Links = all[:0]
	for i := range all {
		if held(&all[i].From) || held(&all[i].To) {
			peers.Links = append(peers.Links, all[i])
		}
	}
}

// unseen names hosts that could not look at every process.
func unseen(hosts []*fleet.Host) string {
	var names []string
	more := 0
	for _, h := range hosts {
		switch {
		case !h.Unseen:
		case len(names) == maxNamed:
			more++
		default:
			names = append(names, Clean(h.Name))
		}
	}
	text := strings.Join(names, ", ")
	if more > 0 {
		text += fmt.Sprintf(" and %d more", more)
	}
	return text
}

// exitPeers is the status that connections end with.
func exitPeers(peers *fleet.Peers, rows int) int {
	switch {
	case len(peers.Failed()) > 0:
		return ExitPartial
	case rows > 0:
		return ExitOK
	}
	return ExitFailed
}

// peersAlone refuses what has no meaning for connections.
func (p *parser) peersAlone() error {
	c := &p.out
	switch {
	case !c.Peers && c.Links != "":
		return own("--links is a condition on connections: give --peers with it")
	case !c.Peers:
		return nil
	case c.Fleet || c.Exited:
		return own("--peers shows connections: leave out --fleet and --exited")
	case c.Tree != NoTree || c.ThreadsAlike || c.ThreadsBelow || p.asksFormat():
		return own("--peers shows connections, which have columns of their own: leave out formats, threads and trees")
	case c.By != "" && peerBy[c.By] == nil:
		return own(fmt.Sprintf("--peers --by %q: want %s", c.By, peerWords))
	}
	return nil
}
