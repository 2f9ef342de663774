package dps

import (
	"fmt"
	"slices"
	"strings"

	"ddcos/k2i/fleet"
)

// maxNamed is how many hosts a line about failures names; --fleet names all.
const maxNamed = 20

// Failures are clean lines about hosts that gave no rows, one for each thing that
// can become of a host: names, what became of them, and why.
func Failures(failed []*fleet.Host) []string {
	var order []fleet.Status
	classes := map[fleet.Status][]*fleet.Host{}
	for _, h := range failed {
		if classes[h.Status] == nil {
			order = append(order, h.Status)
		}
		classes[h.Status] = append(classes[h.Status], h)
	}
	var lines []string
	for _, status := range order {
		lines = append(lines, failureLine(classes[status]))
	}
	return lines
}

// BrokerFailures are clean lines about brokers that were of no use: a host that is at
// none but these is not known.
func BrokerFailures(brokers []fleet.BrokerState) []string {
	var lines []string
	for _, b := range brokers {
		if b.Err != "" {
			why := b.Err
			if cause, ok := strings.CutPrefix(why, "the broker cannot be reached at "+b.Address+": "); ok {
				why = "cannot be reached: " + cause // the address stands there already
			}
			lines = append(lines, "broker "+Clean(b.Address)+": "+Clean(why))
		}
	}
	return lines
}

// failureLine is about hosts of one status. A reason that all share stands once.
func failureLine(hosts []*fleet.Host) string {
	if len(hosts) == 1 {
		return Failure(hosts[0])
	}
	shared := !slices.ContainsFunc(hosts, func(h *fleet.Host) bool { return h.Err != hosts[0].Err })
	var names []string
	for _, h := range hosts[:min(len(hosts), maxNamed)] {
		name := Clean(h.Name)
		if !shared && h.Err != "" {
			name += " (" + Clean(h.Err) + ")"
		}
		names = append(names, name)
	}
	line := strings.Join(names, ", ")
	if more := len(hosts) - maxNamed; more > 0 {
		line += fmt.Sprintf(" and %d more, which --fleet names", more)
	}
	line += ": " + Clean(string(hosts[0].Status))
	if shared && hosts[0].Err != "" {
		line += ": " + Clean(hosts[0].Err)
	}
	return line
}

// Failure is one clean line about a host that gave no rows: its name, what
// became of it, and why.
func Failure(h *fleet.Host) string {
	line := Clean(h.Name) + ": " + Clean(string(h.Status))
	if h.Err != "" {
		line += ": " + Clean(h.Err)
	}
	return line
}
