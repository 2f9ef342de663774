package dps

import "testing"

func TestCapabilityNames(t *testing.T) {
	for _, test := range []struct{ mask, want string }{
		{"", "-"},
		{"0000000000000000", "-"},
		{"000001ffffffffff", "full"},
		{"0000000000000021", "chown,kill"},
		{"0000030000000000", "checkpoint_restore,41"},
		{"junk", "-"},
	} {
		if got := capabilityNames(test.mask); got != test.want {
			t.Errorf("%q: %q, want %q", test.mask, got, test.want)
		}
	}
}

func TestSignalNames(t *testing.T) {
	for _, test := range []struct {
		mask string
		room int
		want string
	}{
		{"0000000000000000", 27, "-"},
		{"0000000000004000", 27, "TERM"},
		{"0000000000004103", 27, "HUP,INT,KILL,TERM"},
		{"0000000000004103", 8, "HUP,INT+"},
		{"0000000000000103", 12, "HUP,INT,KILL"},
		{"0000000000004103", 12, "HUP,INT+"},
		{"8000000300000001", 99, "HUP,LIBC+1,RTMIN,RTMAX"},
		{"0000000400000000", 99, "RTMIN+1"},
	} {
		if got := signalNames(test.mask, test.room); got != test.want {
			t.Errorf("%q in %d: %q, want %q", test.mask, test.room, got, test.want)
		}
	}
}
