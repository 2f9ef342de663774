package procfs

import (
	"bytes"
	"errors"

	"ddcos/k2i"
)

// Rollup is what is used of /proc/PID/smaps_rollup, in bytes.
type Rollup struct {
	PSSBytes     k2i.Count // resident memory, shared pages divided by those who share them
	USSBytes     k2i.Count // resident memory that nobody shares
	SwapPSSBytes k2i.Count // swapped out, shared pages divided likewise
}

var errRollup = errors.New("smaps_rollup: no Pss or Private lines")

// maxKiB keeps a size, printed in KiB, within what a Count can hold in bytes.
const maxKiB = 1 << 52

// ParseRollup reads the text of /proc/PID/smaps_rollup. A kernel without swap
// prints no SwapPss: Unread then.
func ParseRollup(b []byte) (Rollup, error) {
	r := Rollup{PSSBytes: k2i.Unread, USSBytes: k2i.Unread, SwapPSSBytes: k2i.Unread}
	for line := range bytes.Lines(b) {
		name, value, _ := bytes.Cut(line, []byte(":"))
		switch string(name) {
		case "Pss":
			r.PSSBytes = parseKiB(value)
		case "SwapPss":
			r.SwapPSSBytes = parseKiB(value)
		case "Private_Clean", "Private_Dirty", "Private_Hugetlb":
			n := parseKiB(value)
			if n < 0 {
				continue
			}
			if r.USSBytes = max(r.USSBytes, 0) + n; r.USSBytes < 0 { // beyond any memory: it has wrapped
				return Rollup{}, errRollup
			}
		}
	}
	if r.PSSBytes == k2i.Unread || r.USSBytes == k2i.Unread {
		return Rollup{}, errRollup
	}
	return r, nil
}

// parseKiB reads "  12 kB"; what is none is Unread.
func parseKiB(b []byte) k2i.Count {
	number, found := bytes.CutSuffix(bytes.TrimSpace(b), []byte(" kB"))
	n := parseCount(bytes.TrimSpace(number))
	if !found || n > maxKiB {
		return k2i.Unread
	}
	return max(n*1024, k2i.Unread)
}
