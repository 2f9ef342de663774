package dps

import (
	"slices"

	"ddcos/k2i"
	"ddcos/k2i/fleet"
	"ddcos/k2i/query"
)

// busy is how many CPUs a process has to use to be shown as one that does.
const busy = 0.8

// Colours of lines, and back.
const (
	tintStuck = redOn
	tintBusy  = "\x1b[33m" // yellow
	TintOff   = boldOff
)

// Tint is the escape code that a process's line has where there is colour: red
// for one that waits in the kernel and cannot be interrupted, or has ended and is
// not waited for; yellow for one that keeps a CPU busy. "" for the others.
func Tint(p *k2i.Process) string {
	switch {
	case p.State == "D" || p.State == "Z":
		return tintStuck
	case p.RCPU.Known() && p.RCPU >= busy:
		return tintBusy
	}
	return ""
}

// What Tint is made from; the rate is asked of agents alone, since without one it
// takes its time.
const (
	tintState = "state"
	tintRate  = "rcpu"
)

// line is a row's line as it is shown, with its end, behind b.
func (l *Listing) line(b []byte, layout *Layout, r fleet.Row) []byte {
	on := ""
	if l.Color {
		on = Tint(r.Process)
	}
	if on == "" {
		return append(layout.Append(b, r), '\n')
	}
	b = layout.Append(append(b, on...), r)
	return append(append(b, TintOff...), '\n')
}

// query is the command's, with what colours are made from.
func (l *Listing) query(p plan) (q query.Query, later string) {
	q, later = l.Command.query(p)
	if l.Color && len(q.Fields) > 0 && l.Command.Output == "" {
		q.Fields = append(q.Fields, tintState)
		if l.Command.Via == "" {
			q.Fields = append(q.Fields, tintRate)
		}
		slices.Sort(q.Fields)
		q.Fields = slices.Compact(q.Fields)
	}
	return q, later
}
