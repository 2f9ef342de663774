package dps

import (
	"testing"
	"time"

	"ddcos/k2i/fleet"
)

// A clock that is right as far as is shown is neither ahead nor behind.
func TestClock(t *testing.T) {
	for _, c := range []struct {
		offset, within time.Duration
		want           string
	}{
		{-300 * time.Microsecond, 200 * time.Microsecond, "0s~1ms"},
		{300 * time.Microsecond, time.Millisecond, "0s~1ms"},
		{-7 * time.Millisecond, 8 * time.Millisecond, "-7ms~8ms"},
		{1500 * time.Millisecond, time.Millisecond, "+1.5s~1ms"},
		{-time.Hour - 300*time.Millisecond, 2 * time.Millisecond, "-1h0m0s~2ms"},
		{time.Second, 0, ""},
	} {
		if got := clock(&fleet.Host{Offset: c.offset, OffsetWithin: c.within}); got != c.want {
			t.Errorf("%v within %v: %q, want %q", c.offset, c.within, got, c.want)
		}
	}
}
