package query

import (
	"cmp"
	"math"

	"ddcos/k2i"
)

// ranked is a row with its rank by the first key: most comparisons are of two
// numbers that lie side by side, and few of rows, which lie far apart.
type ranked struct {
	rank uint64
	row  *k2i.Process
}

// ordered gives the rows of one host in the query's order, Limit of them at most,
// ties by identity. It reuses rows.
func ordered(q Query, host *Host, rows []*k2i.Process) []*k2i.Process {
	list := make([]ranked, len(rows))
	rank := Rank(q.Sort)
	for i, p := range rows {
		list[i] = ranked{rank(p), p}
	}
	byKeys := Order(q.Sort)
	list = First(list, q.Limit, func(a, b ranked) int {
		if a.rank != b.rank {
			return cmp.Compare(a.rank, b.rank)
		}
		if c := byKeys(Row{host, a.row}, Row{host, b.row}); c != 0 {
			return c
		}
		return ByIdentity(a.row, b.row)
	})
	for i := range list {
		rows[i] = list[i].row
	}
	return rows[:len(list)]
}

// Rank gives the rank of rows by the first of the keys: whose is less comes first, and
// those whose is the same may come in any order. It is the same for all rows where the
// key is no field of numbers. It is safe for many goroutines.
func Rank(keys []Key) func(p *k2i.Process) uint64 {
	same := func(*k2i.Process) uint64 { return 0 }
	if len(keys) == 0 {
		return same
	}
	t, ok := TermByName(keys[0].Field)
	f, isField := k2i.FieldByName(t.Field)
	if !ok || !isField || f.Integer == nil && f.Fraction == nil {
		return same
	}
	var flip uint64
	if keys[0].Descending {
		flip = math.MaxUint64
	}
	return func(p *k2i.Process) uint64 {
		switch {
		case !f.Known(p):
			return flip // what is unknown comes before all that is known
		case f.Integer != nil:
			return uint64(f.Integer(p)) ^ 1<<63 ^ flip
		}
		return rankOfFraction(f.Fraction(p)) ^ flip
	}
}

// rankOfFraction orders numbers as cmp.Compare does: both zeros are one.
func rankOfFraction(f float64) uint64 {
	switch bits := math.Float64bits(f); {
	case f == 0:
		return 1 << 63
	case f < 0:
		return ^bits
	default:
		return bits | 1<<63
	}
}
