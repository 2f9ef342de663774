package dps

import (
	"cmp"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"ddcos/k2i/fleet"
)

// hostGrid shows the fleet itself, who is missing among the others.
func hostGrid(table *fleet.Table) grid {
	g := grid{
		headers: []string{"HOST", "STATUS", "MODE", "EVENTS", "PROCS", "CPUS", "SAMPLE", "CLOCK", "MISSING", "VERSION", "LABELS", "WHY"},
		right:   []bool{false, false, false, false, true, true, true, true, true, false, false, false},
	}
	for _, h := range table.Hosts {
		row := []string{h.Name, string(h.Status), "", "", "", "", "", "", "", release(h.Version), labelText(h.Labels), h.Err}
		if h.Status == fleet.StatusOK {
			row[2], row[3] = string(h.Mode), string(h.Events.Mode)
			row[4], row[5] = strconv.Itoa(h.Total), strconv.Itoa(h.Info.CPUs)
			row[6], row[7] = inShort(h.Age), clock(h)
		}
		if h.Status == fleet.StatusAbsent {
			row[8] = inShort(h.Lost)
		}
		for i := range row {
			row[i] = orDash(Clean(row[i]))
		}
		g.rows, g.bad = append(g.rows, row), append(g.bad, h.Status != fleet.StatusOK)
	}
	return g
}

// clock is how far a host's clock is ahead of ours, and within what.
func clock(h *fleet.Host) string {
	if h.OffsetWithin == 0 {
		return ""
	}
	unit := time.Millisecond
	if h.Offset.Abs() > time.Minute {
		unit = time.Second
	}
	ahead, sign := h.Offset.Round(unit), ""
	if ahead > 0 {
		sign = "+"
	}
	return sign + ahead.String() + "~" + max(h.OffsetWithin.Round(time.Millisecond), time.Millisecond).String()
}

// release is the first word of what a program says of itself, without its name; of
// a build that is no release, its commit where that is known.
func release(version string) string {
	word, rest, _ := strings.Cut(strings.TrimPrefix(version, "ddcos "), ",")
	commit, _, _ := strings.Cut(strings.TrimPrefix(rest, " commit "), ",")
	if word == "(devel)" && commit != "" && commit != "unknown" {
		return commit
	}
	return word
}

func labelText(labels map[string]string) string {
	var words []string
	for _, name := range slices.Sorted(maps.Keys(labels)) {
		words = append(words, name+"="+cmp.Or(labels[name], `""`))
	}
	return strings.Join(words, ",")
}
