package probe

import "math/bits"

// cpuTime is a process's user and system time in nanoseconds.
type cpuTime struct{ user, system uint64 }

// total is both together.
func (c cpuTime) total() uint64 { return c.user + c.system }

// scale splits runtime, which is exact, in the proportion of ticked, which was
// sampled by the timer tick, as the kernel does before it prints utime and
// stime. Neither part ever goes below prev, which was told before: scaling
// alone would let one of them run backwards.
func scale(ticked cpuTime, runtime uint64, prev cpuTime) cpuTime {
	if prev.total() >= runtime {
		return prev
	}
	system := systemShare(ticked, runtime)
	if system < prev.system {
		system = prev.system
	}
	user := runtime - system
	if user < prev.user {
		user = prev.user
		system = runtime - user
	}
	return cpuTime{user: user, system: system}
}

// systemShare is runtime * ticked.system / ticked.total() without overflow.
// A process that no tick has found in the kernel has all its time in user mode.
func systemShare(ticked cpuTime, runtime uint64) uint64 {
	switch {
	case ticked.system == 0:
		return 0
	case ticked.user == 0:
		return runtime
	}
	sum, carry := bits.Add64(ticked.user, ticked.system, 0)
	if carry != 0 {
		return runtime / 2
	}
	hi, lo := bits.Mul64(ticked.system, runtime)
	share, _ := bits.Div64(hi, lo, sum)
	return min(share, runtime)
}

// later is whichever of two values told before is the newer: the greater one.
func later(a, b cpuTime) cpuTime {
	if b.total() > a.total() {
		return b
	}
	return a
}
