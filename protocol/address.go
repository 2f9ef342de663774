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
	Network string // unix or tcp, as package net wants it
	Where   string // an absolute path, or host:port
}

// ParseAddress reads unix:///path or tcp://host:port.
func ParseAddress(s string) (Address, error) {
	if path, ok := strings.CutPrefix(s, "unix://"); ok {
		if !strings.HasPrefix(path, "/") {
			return Address{}, fmt.Errorf("address %q: want an absolute path, as in unix:///run/ddcos/middlecon.sock", s)
		}
		return Address{Network: "unix", Where: path}, nil
	}
	if hostport, ok := strings.CutPrefix(s, "tcp://"); ok {
		if _, port, err := net.SplitHostPort(hostport); err != nil || port == "" {
			return Address{}, fmt.Errorf("address %q: want a host and a port, as in tcp://127.0.0.1:7411", s)
		}
		return Address{Network: "tcp", Where: hostport}, nil
	}
	return Address{}, fmt.Errorf("address %q: want unix:///path or tcp://host:port", s)
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
// Unix socket, or TCP on loopback.
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
