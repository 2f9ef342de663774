package k2i

import (
	"net/netip"
	"slices"
	"strings"
	"testing"
)

func TestConnectionFilter(t *testing.T) {
	for want, f := range map[string]ConnectionFilter{
		"limit -1": {Limit: -1}, "limit 20001": {Limit: MaxConnections + 1}, "process id 0": {PIDs: []int32{5, 0}},
		`state "Open"`: {States: []string{"listen", "Open"}}, "1001 process ids": {PIDs: slices.Repeat([]int32{1}, 1001)},
	} {
		if err := f.Check(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", want, err)
		}
	}
	for _, f := range []ConnectionFilter{{}, {PIDs: []int32{7}}, {States: TCPStates(), Limit: 5}} {
		if err := f.Check(); err != nil {
			t.Errorf("%+v: %v", f, err)
		}
		if !f.Wants(&Connection{PID: 7, State: TCPState(1)}) {
			t.Errorf("%+v does not want an established one of 7", f)
		}
	}
	if f := (ConnectionFilter{PIDs: []int32{8}}); f.Wants(&Connection{PID: 7}) || f.Most() != MaxConnections {
		t.Errorf("%+v", f)
	}
	if TCPState(10) != "listen" || TCPState(0) != "unknown" || TCPState(200) != "unknown" || slices.Contains(TCPStates(), "unknown") {
		t.Error("states have other names")
	}
}

// What two ends say of each other is the same text, so that they can be joined.
func TestSetEnds(t *testing.T) {
	var a, b, l Connection
	a.SetEnds(netip.MustParseAddrPort("[::ffff:10.0.0.1]:80"), netip.MustParseAddrPort("[::ffff:10.0.0.2]:4242"))
	b.SetEnds(netip.MustParseAddrPort("10.0.0.2:4242"), netip.MustParseAddrPort("10.0.0.1:80"))
	if a.LocalAddr != b.RemoteAddr || a.LocalPort != b.RemotePort || a.RemoteAddr != b.LocalAddr || a.RemotePort != b.LocalPort || a.LocalAddr != "10.0.0.1" {
		t.Errorf("%+v and %+v", a, b)
	}
	if l.SetEnds(netip.MustParseAddrPort("[::]:22"), netip.MustParseAddrPort("[::]:0")); l.LocalAddr != "::" || l.RemoteAddr != "" || l.RemotePort != 0 {
		t.Errorf("%+v", l)
	}
}
