package dps

import (
	"context"
	"strings"
	"time"

	"ddcos/k2i/fleet"
	"ddcos/k2i/query"
	"ddcos/k2i/wire"
)

// HostNamesDeadline is how long who has pressed a key waits for the names of hosts.
const HostNamesDeadline = 300 * time.Millisecond

// HostNames are the hosts of a source that completion can offer, the lost ones too:
// those whose names a shell takes as they are. None where it cannot be asked.
func HostNames(ctx context.Context, source fleet.Source) []string {
	ctx, cancel := context.WithTimeout(ctx, 2*HostNamesDeadline)
	defer cancel()
	replies, err := source.Ask(ctx, wire.Request{Query: query.Query{Where: "false"}})
	if err != nil {
		return nil
	}
	var names []string
	for _, r := range replies {
		name := r.Host
		if r.Answer != nil {
			name = r.Answer.Host.Name // it is asked under a URL until it has told that
		}
		if name != "" && strings.Trim(name, hostLetters) == "" {
			names = append(names, name)
		}
	}
	return names
}

// hostLetters are those that names of hosts are made of.
const hostLetters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._"
