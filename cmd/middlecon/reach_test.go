package main

import (
	"net/netip"
	"slices"
	"testing"

	"ddcos/protocol"
)

func TestReach(t *testing.T) {
	own := []netip.Addr{netip.MustParseAddr("10.0.0.1"), netip.MustParseAddr("2001:db8::1")}
	for name, c := range map[string]struct {
		listen, advertise, address string
		own                        []netip.Addr
		covers, not                []string
	}{
		"everywhere": {"0.0.0.0:7411", "", "10.0.0.1:7411", own, []string{"10.0.0.1", "2001:db8::1", "web", "localhost", "127.0.0.1"}, []string{"10.0.0.2"}},
		"IPv6":       {"[::]:7411", "", "10.0.0.1:7411", own, []string{"10.0.0.1", "2001:db8::1"}, nil},
		"no host":    {":7411", "", "10.0.0.1:7411", own, []string{"2001:db8::1"}, nil},
		"one":        {"10.0.0.1:7411", "", "10.0.0.1:7411", own, []string{"10.0.0.1", "web"}, []string{"2001:db8::1"}},
		"a name":     {"web.example:1", "", "web.example:1", own, []string{"web.example"}, []string{"10.0.0.1"}},
		"advertised": {"0.0.0.0:7411", "hub.example", "hub.example:7411", own, []string{"hub.example", "10.0.0.1"}, nil},
		"with port":  {"0.0.0.0:7411", "192.0.2.1:443", "192.0.2.1:443", nil, []string{"192.0.2.1"}, nil},
		"IPv6 first": {"0.0.0.0:1", "", "[2001:db8::1]:1", own[1:], []string{"2001:db8::1"}, nil},
	} {
		r, err := reachOf(protocol.Address{Network: "tls", Where: c.listen}, c.advertise, "web", c.own)
		if err != nil || r.address != c.address {
			t.Errorf("%s: %s, %v", name, r.address, err)
		}
		all := slices.Clone(r.dns)
		for _, ip := range r.ips {
			all = append(all, ip.String())
		}
		for _, want := range c.covers {
			if !slices.Contains(all, want) {
				t.Errorf("%s: %v has no %s", name, all, want)
			}
		}
		for _, not := range c.not {
			if slices.Contains(all, not) {
				t.Errorf("%s: %v has %s", name, all, not)
			}
		}
	}
	if _, err := reachOf(protocol.Address{Where: "0.0.0.0:1"}, "", "web", nil); err == nil {
		t.Error("a host without an address can be reached")
	}
	found, err := ownAddresses()
	if err != nil || slices.ContainsFunc(found, netip.Addr.IsLoopback) {
		t.Errorf("%v, %v", found, err)
	}
}
