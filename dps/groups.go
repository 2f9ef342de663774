package dps

import (
	"strconv"
	"strings"
	"time"

	"ddcos/k2i"
	"ddcos/k2i/fleet"
	"ddcos/k2i/query"
)

// groupGrid shows groups: what they have in common, and their sums; columns of
// which no group knows anything are left out.
func groupGrid(by string, table *fleet.Table) grid {
	g := grid{headers: []string{strings.ToUpper(by)}, right: []bool{false}}
	var measures []query.Measure
	for _, m := range query.Measures() {
		known := len(table.Groups) == 0
		for _, group := range table.Groups {
			known = known || m.Of(group) >= 0
		}
		if known {
			measures = append(measures, m)
			g.headers, g.right = append(g.headers, groupHeader(m)), append(g.right, true)
		}
	}
	for _, group := range table.Groups {
		row := []string{orDash(Clean(group.Key))}
		for _, m := range measures {
			row = append(row, groupText(m.Unit, m.Of(group)))
		}
		g.rows = append(g.rows, row)
	}
	return g
}

func groupHeader(m query.Measure) string {
	switch m.Unit {
	case "nCPUs":
		return strings.ToUpper(m.Name) + "%"
	case "bytes/s":
		return strings.ToUpper(m.Name) + "/s"
	}
	return strings.ToUpper(m.Name)
}

// groupText is a sum for people.
func groupText(unit string, n k2i.Count) string {
	if n < 0 {
		return "-"
	}
	switch unit {
	case "bytes", "bytes/s":
		return shortBytes(int64(n))
	case "ns":
		return inShort(time.Duration(n))
	case "nCPUs":
		return strconv.FormatFloat(float64(n)/1e7, 'f', 1, 64)
	}
	return strconv.FormatInt(int64(n), 10)
}

// shortBytes is a size with a unit, by powers of 1024.
func shortBytes(n int64) string {
	const units = "KMGTPE"
	if n < 1024 {
		return strconv.FormatInt(n, 10)
	}
	f, unit := float64(n), -1
	for f >= 1024 && unit < len(units)-1 {
		f, unit = f/1024, unit+1
	}
	digits := 1
	if f >= 100 {
		digits = 0
	}
	return strconv.FormatFloat(f, 'f', digits, 64) + units[unit:unit+1]
}

// inShort is a time by its two largest units.
func inShort(d time.Duration) string {
	days, d := d/(24*time.Hour), d%(24*time.Hour)
	hours, minutes, rest := d/time.Hour, d%time.Hour/time.Minute, d%time.Minute
	two := func(a time.Duration, unit string, b time.Duration, second string) string {
		return strconv.Itoa(int(a)) + unit + strconv.Itoa(int(b)) + second
	}
	switch {
	case days > 0:
		return two(days, "d", hours, "h")
	case hours > 0:
		return two(hours, "h", minutes, "m")
	case minutes > 0:
		return two(minutes, "m", rest/time.Second, "s")
	}
	return strconv.FormatFloat(rest.Seconds(), 'f', 1, 64) + "s"
}
