package protocol

import (
	"strconv"
	"testing"
)

func TestParseAddress(t *testing.T) {
	for _, c := range []struct {
		in    string
		want  Address
		local bool
	}{
		{"unix:///run/ddcos/middlecon.sock", Address{"unix", "/run/ddcos/middlecon.sock"}, true},
		{"tcp://127.0.0.1:7411", Address{"tcp", "127.0.0.1:7411"}, true},
		{"tcp://127.9.9.9:1", Address{"tcp", "127.9.9.9:1"}, true},
		{"tcp://[::1]:7411", Address{"tcp", "[::1]:7411"}, true},
		{"tcp://localhost:0", Address{"tcp", "localhost:0"}, true},
		{"tcp://10.77.0.1:7411", Address{"tcp", "10.77.0.1:7411"}, false},
		{"tcp://:7411", Address{"tcp", ":7411"}, false},
		{"tcp://0.0.0.0:7411", Address{"tcp", "0.0.0.0:7411"}, false},
		{"tls://127.0.0.1:7412", Address{"tls", "127.0.0.1:7412"}, true},
		{"tls://[2001:db8::1]:7412", Address{"tls", "[2001:db8::1]:7412"}, false},
		{"tls://broker.example.org:7412", Address{"tls", "broker.example.org:7412"}, false},
		{"tcp://localhost.example.org:1", Address{"tcp", "localhost.example.org:1"}, false},
	} {
		got, err := ParseAddress(c.in)
		if err != nil || got != c.want || got.Local() != c.local || got.String() != c.in {
			t.Errorf("%s: got %+v, local %v, %v", c.in, got, got.Local(), err)
		}
	}
	for _, bad := range []string{"", "unix://relative", "unix:/run/x", "unix", "tls://", "tls://host", "tls:host:1", "TLS://host:1", "tcp://host", "tcp://host:", "http://x:1", "127.0.0.1:7411"} {
		if got, err := ParseAddress(bad); err == nil {
			t.Errorf("%q was read as %+v", bad, got)
		}
	}
}

func TestParseAddresses(t *testing.T) {
	got, err := ParseAddresses("unix:///a, tcp://b:1,unix:///a")
	if err != nil || len(got) != 2 || got[0].String() != "unix:///a" || got[1].String() != "tcp://b:1" {
		t.Errorf("%v, %v", got, err)
	}
	many := "unix:///0"
	for i := 1; i < MaxAddresses; i++ {
		many += ",unix:///" + strconv.Itoa(i)
	}
	if got, err := ParseAddresses(many); err != nil || len(got) != MaxAddresses {
		t.Errorf("%d, %v", len(got), err)
	}
	for _, wrong := range []string{"", ",", "unix:///a,", "unix:///a,b:1", many + ",unix:///more"} {
		if got, err := ParseAddresses(wrong); err == nil {
			t.Errorf("%q: %v", wrong, got)
		}
	}
}
