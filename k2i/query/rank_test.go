package query

import (
	"math"
	"math/rand/v2"
	"reflect"
	"testing"

	"ddcos/k2i"
)

// extreme is a process whose numbers are the ends of what they can be.
func extreme(r *rand.Rand) *k2i.Process {
	p := &k2i.Process{}
	of := reflect.ValueOf(p).Elem()
	for i := range of.NumField() {
		switch v := of.Field(i); v.Kind() {
		case reflect.Int32, reflect.Int64:
			v.SetInt([]int64{-1, 0, 1, math.MinInt64, math.MaxInt64}[r.IntN(5)] >> (64 - v.Type().Bits()))
		case reflect.Uint32, reflect.Uint64:
			v.SetUint([]uint64{0, 1, 2, math.MaxUint64 >> 1, math.MaxUint64}[r.IntN(5)] >> (64 - v.Type().Bits()))
		case reflect.Float64:
			v.SetFloat([]float64{math.NaN(), math.Copysign(0, -1), 0, 0.5, -2, 1e300, math.Inf(1), math.Inf(-1)}[r.IntN(8)])
		}
	}
	return p
}

// TestRankAgreesWithOrder: who has the lower rank comes first by the order itself,
// for every name that there is.
func TestRankAgreesWithOrder(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	host := &Host{Info: &k2i.Host{UptimeNS: 1 << 40, MemTotalBytes: 1 << 30, CPUs: 2, TicksPerSecond: 100}}
	told := 0
	for _, term := range Terms() {
		for _, descending := range []bool{false, true} {
			keys := []Key{{Field: term.Name, Descending: descending}}
			rank, order := Rank(keys), Order(keys)
			for range 300 {
				a, b := extreme(r), extreme(r)
				if rank(a) < rank(b) {
					told++
					if c := order(Row{host, a}, Row{host, b}); c >= 0 {
						t.Fatalf("%+v: the ranks %d and %d, and the order says %d, of\n%+v\n%+v", keys, rank(a), rank(b), c, a, b)
					}
				}
			}
		}
	}
	if told < 10_000 {
		t.Errorf("only %d of the pairs were told by their ranks", told)
	}
}

// TestRankTellsNumbers: it is not the same for all, or it would be of no use.
func TestRankTellsNumbers(t *testing.T) {
	for _, name := range []string{"rcpu", "rss_bytes", "rss", "pid"} {
		rank := Rank([]Key{{Field: name}})
		less, more := k2i.Process{PID: 1, RCPU: 0.5, RSSBytes: 1}, k2i.Process{PID: 2, RCPU: 2, RSSBytes: 2}
		if rank(&less) >= rank(&more) {
			t.Errorf("%s: %d and %d", name, rank(&less), rank(&more))
		}
	}
}
