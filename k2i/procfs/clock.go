package procfs

import (
	"fmt"

	"golang.org/x/sys/unix"

	"ddcos/k2i"
)

// readClock asks the kernel for the state of its wall clock, and sets nothing.
func readClock() (k2i.Clock, error) {
	var t unix.Timex
	state, err := unix.Adjtimex(&t)
	if err != nil {
		return k2i.Clock{}, fmt.Errorf("clock: %w", err)
	}
	return clockOf(state, &t), nil
}

// clockOf reads what adjtimex(2) gave. Errors are in microseconds, and so is the
// offset unless STA_NANO is set.
func clockOf(state int, t *unix.Timex) k2i.Clock {
	c := k2i.Clock{
		Synchronized: state != unix.TIME_ERROR && t.Status&unix.STA_UNSYNC == 0,
		OffsetNS:     t.Offset, MaxErrorNS: k2i.Count(t.Maxerror) * 1000, EstimatedErrorNS: k2i.Count(t.Esterror) * 1000,
		TAIOffsetSeconds: int64(t.Tai),
	}
	if t.Status&unix.STA_NANO == 0 {
		c.OffsetNS *= 1000
	}
	return c
}
