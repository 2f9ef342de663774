package query

import (
	"math"
	"strconv"
	"strings"
)

// Units of terms that quantities are written in; the others are plain numbers.
const (
	unitBytes  = "bytes"
	unitRate   = "bytes/s"
	unitTime   = "ns"
	unitCPUs   = "CPUs"
	unitShare  = "%"
	unitNumber = ""
)

// measure is one unit that may stand behind a number.
type measure struct {
	name   string
	unit   string
	factor float64
}

// measures are all of them: sizes by powers of 1024, as ps and top have them,
// but for kB, MB, GB and TB; times down to the nanosecond; a share.
var measures = []measure{
	{"B", unitBytes, 1},
	{"K", unitBytes, 1 << 10},
	{"KiB", unitBytes, 1 << 10},
	{"M", unitBytes, 1 << 20},
	{"MiB", unitBytes, 1 << 20},
	{"G", unitBytes, 1 << 30},
	{"GiB", unitBytes, 1 << 30},
	{"T", unitBytes, 1 << 40},
	{"TiB", unitBytes, 1 << 40},
	{"kB", unitBytes, 1e3},
	{"MB", unitBytes, 1e6},
	{"GB", unitBytes, 1e9},
	{"TB", unitBytes, 1e12},
	{"ns", unitTime, 1},
	{"us", unitTime, 1e3},
	{"ms", unitTime, 1e6},
	{"s", unitTime, 1e9},
	{"m", unitTime, 60e9},
	{"h", unitTime, 3600e9},
	{"d", unitTime, 86400e9},
	{"w", unitTime, 7 * 86400e9},
	{"%", unitShare, 1},
}

// quantity is a number with a unit, in the smallest one: bytes, nanoseconds,
// percents.
type quantity struct {
	unit  string
	value float64
	whole int64 // value, rounded
}

// readQuantity reads a number with units behind it, such as 100MiB, 1h30m, 50%
// or 10MiB/s. It gives how many bytes it took, 0 where there is no unit, and
// what is wrong, or "".
func readQuantity(text string) (q quantity, n int, wrong string) {
	for n < len(text) {
		digits := numberAt(text[n:])
		if digits == 0 {
			break
		}
		letters := unitAt(text[n+digits:])
		if letters == 0 {
			if n > 0 {
				return q, n + digits, "a unit is missing behind " + strconv.Quote(text[n:n+digits])
			}
			return quantity{}, 0, ""
		}
		name := text[n+digits : n+digits+letters]
		value, err := strconv.ParseFloat(text[n:n+digits], 64)
		m, ok := measureByName(name)
		switch {
		case !ok:
			return q, n + digits + letters, "no unit " + strconv.Quote(name) + "; there are " + measureNames()
		case err != nil:
			return q, n + digits + letters, "a number beyond all bounds"
		case n > 0 && (q.unit != unitTime || m.unit != unitTime):
			return q, n + digits + letters, "only times have several units, as 1h30m"
		}
		q.unit = m.unit
		q.value += value * m.factor
		n += digits + letters
		if m.unit == unitBytes && strings.HasPrefix(text[n:], "/s") {
			q.unit, n = unitRate, n+len("/s")
		}
	}
	if q.value >= math.MaxInt64 {
		return q, n, "a number beyond all bounds"
	}
	q.whole = int64(math.Round(q.value))
	return q, n, ""
}

// numberAt is how many bytes of text are a number: 12, 1.5 or 2e9, but of 1..5
// only the 1.
func numberAt(text string) int {
	n := digitsAt(text)
	if n == 0 {
		return 0
	}
	if strings.HasPrefix(text[n:], ".") {
		if more := digitsAt(text[n+1:]); more > 0 {
			n += 1 + more
		}
	}
	if n < len(text) && text[n]|0x20 == 'e' {
		sign := 1
		if n+1 < len(text) && (text[n+1] == '+' || text[n+1] == '-') {
			sign = 2
		}
		if more := digitsAt(text[min(n+sign, len(text)):]); more > 0 {
			n += sign + more
		}
	}
	return n
}

func digitsAt(text string) int {
	n := 0
	for n < len(text) && '0' <= text[n] && text[n] <= '9' {
		n++
	}
	return n
}

// unitAt is how many bytes of text may be a unit's name.
func unitAt(text string) int {
	if strings.HasPrefix(text, "%") {
		return 1
	}
	n := 0
	for n < len(text) && (isLetter(text[n]) || text[n] == '_') {
		n++
	}
	return n
}

func isLetter(b byte) bool { return 'a' <= b|0x20 && b|0x20 <= 'z' }

// measureByName finds a unit; of sizes the case does not matter where two
// letters or three leave no doubt: m is a minute and M a MiB, mib is MiB.
func measureByName(name string) (measure, bool) {
	for _, m := range measures {
		if m.name == name || len(name) > 1 && m.unit == unitBytes && strings.EqualFold(m.name, name) {
			return m, true
		}
	}
	if name == "k" {
		return measureByName("K")
	}
	return measure{}, false
}

func measureNames() string {
	var names []string
	for _, m := range measures {
		names = append(names, m.name)
	}
	return strings.Join(names, " ")
}
