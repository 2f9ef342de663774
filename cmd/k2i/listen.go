package main

import (
	"fmt"
	"net"
	"strings"

	"ddcos/middlecon/listen"
	"ddcos/protocol"
)

// parseListen reads an address to serve HTTP on: host:port, http://host:port,
// tcp://host:port or unix:///path. TCP beyond loopback needs leave.
func parseListen(s string, insecure bool) (protocol.Address, error) {
	if hostport, ok := strings.CutPrefix(s, "http://"); ok {
		s = "tcp://" + strings.TrimSuffix(hostport, "/")
	} else if !strings.Contains(s, "://") {
		s = "tcp://" + s
	}
	a, err := protocol.ParseAddress(s)
	if err != nil {
		return a, misuse{fmt.Errorf("--listen: %w", err)}
	}
	if err := listen.Allowed(a, insecure); err != nil {
		return a, misuse{fmt.Errorf("--listen %w", err)}
	}
	return a, nil
}

// shown is an address as dps takes it with --agents.
func shown(a net.Addr) string {
	if a.Network() == "unix" {
		return "unix://" + a.String()
	}
	return "http://" + a.String()
}
