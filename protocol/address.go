package protocol

import (
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"
)

// DefaultAddress is where a broker listens and a process finds it when neither was told.
const DefaultAddress = "unix:///run/ddcos/middlecon.sock"

// Address is where a broker listens or is found.
type Address struct {
	Network string // unix, tcp or tls
	Where   string // an absolute path, or host:port
}

// ALPN is the application protocol that a TLS handshake agrees on (RFC 7301).
const ALPN = "ddcos/1"

// ParseAddress reads unix:///path, tcp://host:port or tls://host:port.
func ParseAddress(s string) (Address, error) {
	network, where, _ := strings.Cut(s, "://")
	switch network {
	case "unix":
		if !strings.HasPrefix(where, "/") {
			return Address{}, fmt.Errorf("address %q: want an absolute path, as in unix:///run/ddcos/middlecon.sock", s)
		}
		return Address{Network: network, Where: where}, nil
	case "tcp", "tls":
		if _, port, err := net.SplitHostPort(where); err != nil || port == "" {
			return Address{}, fmt.Errorf("address %q: want a host and a port, as in %s://127.0.0.1:7411", s, network)
		}
		return Address{Network: network, Where: where}, nil
	}
	return Address{}, fmt.Errorf("address %q: want unix:///path, tcp://host:port or tls://host:port", s)
}

// Dialled is the network's name in package net: TLS runs over tcp.
func (a Address) Dialled() string {
	if a.Network == "tls" {
		return "tcp"
	}
	return a.Network
}

// MaxAddresses bounds what ParseAddresses reads.
const MaxAddresses = 16

// ParseAddresses reads one address or several with commas between them; none twice.
// So no path of one in a list has a comma.
func ParseAddresses(s string) ([]Address, error) {
	var all []Address
	for one := range strings.SplitSeq(s, ",") {
		a, err := ParseAddress(strings.TrimSpace(one))
		if err != nil {
			return nil, err
		}
		if !slices.Contains(all, a) {
			all = append(all, a)
		}
	}
	if len(all) > MaxAddresses {
		return nil, fmt.Errorf("%d addresses: %d are allowed", len(all), MaxAddresses)
	}
	return all, nil
}

// String is what ParseAddress reads.
func (a Address) String() string { return a.Network + "://" + a.Where }

// Local tells whether only processes of this host can reach the address: a
// Unix socket, or TCP or TLS on loopback.
func (a Address) Local() bool {
	if a.Network == "unix" {
		return true
	}
	host, _, err := net.SplitHostPort(a.Where)
	if err != nil {
		return false
	}
	ip, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && ip.IsLoopback()
}
