package main

import (
	"fmt"
	"net"
	"strings"

	"ddcos/protocol"
	"ddcos/web"
)

// parseListen reads an address to serve HTTP on: host:port, http://host:port,
// https://host:port, tcp://host:port or unix:///path. TCP beyond loopback needs
// leave, or to be guarded.
func parseListen(s string, allowed bool) (protocol.Address, error) {
	if hostport, ok := strings.CutPrefix(strings.Replace(s, "https://", "http://", 1), "http://"); ok {
		s = "tcp://" + strings.TrimSuffix(hostport, "/")
	} else if !strings.Contains(s, "://") {
		s = "tcp://" + s
	}
	a, err := protocol.ParseAddress(s)
	if err != nil {
		return a, misuse{fmt.Errorf("--listen: %w", err)}
	}
	if !a.Local() && !allowed {
		return a, misuse{fmt.Errorf("--listen %s: %w", a, web.ErrUnguarded)}
	}
	return a, nil
}

// shown is an address as dps takes it with --agents.
func shown(a net.Addr, config web.File) string {
	switch {
	case a.Network() == "unix":
		return "unix://" + a.String()
	case config != "":
		return "https://" + a.String()
	}
	return "http://" + a.String()
}
