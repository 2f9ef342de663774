package dps

import (
	"slices"

	"ddcos/k2i"
	"ddcos/k2i/fleet"
	"ddcos/k2i/query"
)

// linkName is a name that a condition of --links may speak of.
type linkName = query.Of[*fleet.Link]

// linkNames are those that --csv has, and ports.
func linkNames() []linkName {
	return slices.Concat(
		endNames("from", func(l *fleet.Link) *fleet.End { return &l.From }),
		endNames("to", func(l *fleet.Link) *fleet.End { return &l.To }),
		[]linkName{
			{Name: "state", Help: "of the connection; established/close_wait where its ends differ", Word: linkState},
			{Name: "sent", Unit: query.Bytes, Help: "bytes from the end that opened it", Number: func(l *fleet.Link) (int64, bool) { return countKnown(l.Sent()) }},
			{Name: "received", Unit: query.Bytes, Help: "bytes back", Number: func(l *fleet.Link) (int64, bool) { return countKnown(l.Received()) }},
			{Name: "ambiguous", Help: "several sockets could be the other end", Flag: func(l *fleet.Link) bool { return l.Ambiguous }},
		})
}

// endNames are those of one end. One that nobody in the fleet holds has no host, no
// command, no state and no process id.
func endNames(side string, of func(*fleet.Link) *fleet.End) []linkName {
	held := func(word func(*fleet.End) string) func(*fleet.Link) string {
		return func(l *fleet.Link) string {
			if e := of(l); e.Host != nil {
				return word(e)
			}
			return ""
		}
	}
	whose := map[string]string{"from": "end that opened it", "to": "end that took it"}[side]
	return []linkName{
		{Name: side + "_host", Help: "host of the " + whose + `; "" outside of the fleet`, Word: held(func(e *fleet.End) string { return e.Host.Name })},
		{Name: side + "_pid", Help: "process id of the " + whose, Number: func(l *fleet.Link) (int64, bool) {
			if e := of(l); e.Host != nil {
				return int64(e.Holders[0].PID), true
			}
			return 0, false
		}},
		{Name: side + "_comm", Help: "command of the " + whose, Word: held(func(e *fleet.End) string { return e.Holders[0].Comm })},
		{Name: side + "_addr", Help: "address of the " + whose + ", without the port", Word: func(l *fleet.Link) string { return of(l).Addr.Addr().String() }},
		{Name: side + "_port", Help: "port of the " + whose, Number: func(l *fleet.Link) (int64, bool) { return int64(of(l).Addr.Port()), true }},
		{Name: side + "_state", Help: "state at the " + whose, Word: held(func(e *fleet.End) string { return e.State })},
	}
}

func countKnown(n k2i.Count) (int64, bool) { return int64(n), n >= 0 }

// links is --links: several have all to be true.
func links(p *parser, arg string) error {
	p.out.Links = joinAnd(p.out.Links, arg)
	for _, text := range []string{arg, p.out.Links} {
		if _, err := query.CompileOf(text, linkNames()); err != nil {
			return pointed("--links", err)
		}
	}
	return nil
}

// keepLinks leaves the connections of which the condition is true.
func (c *Command) keepLinks(peers *fleet.Peers) error {
	if c.Links == "" {
		return nil
	}
	wanted, err := query.CompileOf(c.Links, linkNames())
	if err != nil {
		return err
	}
	all := peers.Links
	peers.Links = all[:0]
	for i := range all {
		if wanted(&all[i]) {
			peers.Links = append(peers.Links, all[i])
		}
	}
	return nil
}
