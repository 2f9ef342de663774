package query

import (
	"math"
	"testing"
)

func FuzzReadQuantity(f *testing.F) {
	for _, seed := range []string{"", "1", "100MiB", "1h30m", "50%", "10MiB/s", "1.5e3kB", "1..5", "2e", "1h30", "9e999s", "1%1%", "1h5MiB", "0ns0w", "9223372036854775807B"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		q, n, wrong := readQuantity(text)
		if n < 0 || n > len(text) {
			t.Fatalf("%q: %d of %d bytes", text, n, len(text))
		}
		if wrong != "" {
			return
		}
		if n == 0 {
			if q != (quantity{}) {
				t.Errorf("%q: %+v of nothing", text, q)
			}
			return
		}
		if q.value < 0 || q.value >= math.MaxInt64 || q.whole < 0 || math.Abs(float64(q.whole)-q.value) > 0.5 || q.unit == unitNumber {
			t.Errorf("%q: %+v", text, q)
		}
		// What was taken is a quantity by itself, and the same one.
		if again, m, wrong := readQuantity(text[:n]); again != q || m != n || wrong != "" {
			t.Errorf("%q: %+v of %q: %+v, %d, %s", text, q, text[:n], again, m, wrong)
		}
	})
}
