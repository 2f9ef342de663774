package bench

import (
	"bytes"
	"strings"
	"testing"

	"ddcos/protocol"
)

func TestParseMQTT(t *testing.T) {
	long := strings.Repeat("x", 300)
	for name, tc := range map[string]struct {
		in   []byte
		kind byte
		text string
	}{
		"connected":  {[]byte{mqttConnack, 2, 0, 0}, mqttConnack, ""},
		"subscribed": {[]byte{mqttSuback, 4, 0, 1, 0, 0}, mqttSuback, ""},
		"a message":  {appendMQTTPublish(nil, "bench", []byte("7 "), []byte("x")), mqttPublish, "7 x"},
		"a long one": {appendMQTTPublish(nil, "bench", []byte(long)), mqttPublish, long},
		"empty":      {appendMQTTPublish(nil, "bench"), mqttPublish, ""},
		"another":    {[]byte{0xd0, 0}, 0xd0, ""},
	} {
		for cut := range tc.in {
			if _, _, size, err := parseMQTT(tc.in[:cut]); size != 0 || err != nil {
				t.Fatalf("%s, %d bytes of it: size %d, %v", name, cut, size, err)
			}
		}
		kind, text, size, err := parseMQTT(append(bytes.Clone(tc.in), 0xd0))
		if err != nil || kind != tc.kind || string(text) != tc.text || size != len(tc.in) {
			t.Errorf("%s: %#x %q, size %d, %v", name, kind, text, size, err)
		}
	}
}

func TestParseMQTTRefuses(t *testing.T) {
	for name, in := range map[string][]byte{
		"a refusal":            {mqttConnack, 2, 0, 5},
		"a short refusal":      {mqttConnack, 0},
		"no subscription":      {mqttSuback, 3, 0, 1, 0x80},
		"a short subscription": {mqttSuback, 2, 0, 1},
		"no topic":             {mqttPublish, 1, 0},
		"a longer topic":       {mqttPublish, 4, 1, 0, 'x', 'y'},
		"endless length":       {mqttPublish, 0xff, 0xff, 0xff, 0xff},
		"too long":             {mqttPublish, 0xff, 0xff, 0x7f},
	} {
		if _, _, size, err := parseMQTT(in); err == nil || size != 0 {
			t.Errorf("%s: size %d and no error", name, size)
		}
	}
}

// TestDebianPeerMissing names the package that has what is not there.
func TestDebianPeerMissing(t *testing.T) {
	s := mosquittoSystem()
	s.program = "no-such-broker"
	if _, err := s.find("/nowhere"); err == nil || !strings.Contains(err.Error(), "Debian's package "+mqttBroker+" has it") {
		t.Error(err)
	}
}

func TestMosquittoConfig(t *testing.T) {
	got := mosquittoSystem().config(protocol.Address{Network: "tcp", Where: "127.0.0.1:1883"})
	if !strings.HasPrefix(got, "listener 1883 127.0.0.1\n") {
		t.Errorf("%q", got)
	}
}
