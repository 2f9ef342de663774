package main

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"

	"ddcos/protocol"
)

// maxReach is how many addresses of this host its certificate names at most.
const maxReach = 64

// reach is how others find this host's broker.
type reach struct {
	address string // host:port, which the line to join by says
	dns     []string
	ips     []netip.Addr
}

// reachOf says by which names and addresses a broker is found that listens at one
// address; advertise, HOST or HOST:PORT, comes before what the host knows of itself.
func reachOf(l protocol.Address, advertise, host string, own []netip.Addr) (reach, error) {
	at, port, err := net.SplitHostPort(l.Where)
	if err != nil {
		return reach{}, err
	}
	first := at
	if everywhere(at) {
		if len(own) == 0 && advertise == "" {
			return reach{}, errors.New("this host has no address that others could reach: name one with --advertise")
		}
		if len(own) > 0 {
			first = own[0].String()
		}
	}
	if advertise != "" {
		first = advertise
		if h, p, err := net.SplitHostPort(advertise); err == nil {
			first, port = h, p
		}
	}
	r := reach{address: net.JoinHostPort(first, port), dns: []string{"localhost"}, ips: []netip.Addr{netip.AddrFrom4([4]byte{127, 0, 0, 1}), netip.IPv6Loopback()}}
	r.add(host)
	r.add(first)
	if !everywhere(at) {
		r.add(at)
		return r, nil
	}
	for _, ip := range own {
		r.add(ip.String())
	}
	return r, nil
}

// everywhere tells whether all addresses of the host are listened on.
func everywhere(host string) bool {
	ip, err := netip.ParseAddr(host)
	return host == "" || err == nil && ip.IsUnspecified()
}

func (r *reach) add(name string) {
	if ip, err := netip.ParseAddr(name); err == nil {
		if ip = ip.Unmap().WithZone(""); !slices.Contains(r.ips, ip) && len(r.ips) < maxReach {
			r.ips = append(r.ips, ip)
		}
	} else if name != "" && !slices.Contains(r.dns, name) {
		r.dns = append(r.dns, name)
	}
}

// ownAddresses are those of this host that others may reach, the one that most of
// what leaves it has first.
func ownAddresses() ([]netip.Addr, error) {
	found, err := net.InterfaceAddrs()
	if err != nil {
		return nil, fmt.Errorf("this host's addresses: %w", err)
	}
	var own []netip.Addr
	for _, a := range found {
		if p, err := netip.ParsePrefix(a.String()); err == nil && p.Addr().IsGlobalUnicast() {
			own = append(own, p.Addr().Unmap())
		}
	}
	// Nothing is sent: the kernel says which address it would send from. That one is of
	// the networks for documentation, so that it is the default route's.
	if c, err := net.Dial("udp", "192.0.2.1:9"); err == nil {
		defer func() { _ = c.Close() }()
		if from, err := netip.ParseAddrPort(c.LocalAddr().String()); err == nil {
			if i := slices.Index(own, from.Addr()); i > 0 {
				own = append([]netip.Addr{own[i]}, slices.Delete(own, i, i+1)...)
			}
		}
	}
	return own, nil
}
