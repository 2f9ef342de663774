package probe

import (
	"math"
	"math/bits"
	"math/rand/v2"
	"testing"
)

func TestScale(t *testing.T) {
	for name, c := range map[string]struct {
		ticked  cpuTime
		runtime uint64
		prev    cpuTime
		want    cpuTime
	}{
		"nothing used":         {cpuTime{}, 0, cpuTime{}, cpuTime{}},
		"no tick found it":     {cpuTime{}, 100, cpuTime{}, cpuTime{100, 0}},
		"user only":            {cpuTime{7, 0}, 100, cpuTime{}, cpuTime{100, 0}},
		"system only":          {cpuTime{0, 7}, 100, cpuTime{}, cpuTime{0, 100}},
		"in proportion":        {cpuTime{30, 10}, 100, cpuTime{}, cpuTime{75, 25}},
		"system rounded down":  {cpuTime{2, 1}, 100, cpuTime{}, cpuTime{67, 33}},
		"user not taken back":  {cpuTime{0, 10}, 100, cpuTime{60, 0}, cpuTime{60, 40}},
		"system nor":           {cpuTime{10, 0}, 100, cpuTime{0, 60}, cpuTime{40, 60}},
		"told more than used":  {cpuTime{10, 10}, 100, cpuTime{70, 50}, cpuTime{70, 50}},
		"told just as much":    {cpuTime{10, 90}, 100, cpuTime{50, 50}, cpuTime{50, 50}},
		"ticks beyond 64 bits": {cpuTime{math.MaxUint64, math.MaxUint64}, 100, cpuTime{}, cpuTime{50, 50}},
		"years of both":        {cpuTime{1 << 62, 1 << 62}, 1 << 63, cpuTime{}, cpuTime{1 << 62, 1 << 62}},
	} {
		if got := scale(c.ticked, c.runtime, c.prev); got != c.want {
			t.Errorf("%s: got %+v, want %+v", name, got, c.want)
		}
	}
}

// Whatever the ticks say from one look to the next: both parts only grow, and
// together they are the runtime exactly.
func TestScaleProperties(t *testing.T) {
	for seed := range uint64(2000) {
		r := rand.New(rand.NewPCG(seed, 1))
		shift := r.IntN(56)
		grow := func() uint64 { return r.Uint64N(1<<shift + 1) }
		var ticked, told cpuTime
		var runtime uint64
		for range 50 {
			ticked.user += grow()
			ticked.system += grow()
			runtime += grow()
			next := scale(ticked, runtime, told)
			if next.user < told.user || next.system < told.system || next.total() != runtime {
				t.Fatalf("seed %d: %+v of %+v in %d became %+v", seed, told, ticked, runtime, next)
			}
			told = next
		}
	}
}

// Where nothing was told before, the share is the exact quotient, rounded down.
func TestSystemShare(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 7))
	for range 100_000 {
		ticked := cpuTime{1 + r.Uint64()>>(1+r.IntN(63)), 1 + r.Uint64()>>(1+r.IntN(63))}
		runtime := r.Uint64() >> r.IntN(64)
		sum, carry := bits.Add64(ticked.user, ticked.system, 0)
		if carry != 0 {
			continue
		}
		share := systemShare(ticked, runtime)
		// share*sum <= system*runtime < (share+1)*sum
		wantHi, wantLo := bits.Mul64(ticked.system, runtime)
		hi, lo := bits.Mul64(share, sum)
		low, borrow := bits.Sub64(wantLo, lo, 0)
		high, borrow := bits.Sub64(wantHi, hi, borrow)
		if borrow != 0 || high != 0 || low >= sum || share > runtime {
			t.Fatalf("%+v of %d: share %d", ticked, runtime, share)
		}
	}
}

func TestLater(t *testing.T) {
	a, b := cpuTime{1, 2}, cpuTime{2, 0}
	if later(a, b) != a || later(b, a) != a || later(cpuTime{}, b) != b {
		t.Error("the greater one is the newer")
	}
}
