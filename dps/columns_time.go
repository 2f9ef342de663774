package dps

import (
	"cmp"
	"fmt"
	"strconv"
	"time"

	"ddcos/k2i"
	"ddcos/k2i/fleet"
)

// day is when ps stops to tell the hour of a start.
const day = 24 * time.Hour

// The columns that others are named after.
var (
	timeColumn = cpuColumn("time", "TIME", 8, "CPU time, [DD-]HH:MM:SS",
		func(l *Look, r fleet.Row) string { return longTime(cpuSeconds(l, r)) })
	timesColumn = cpuColumn("times", "TIME", 8, "CPU time in seconds",
		func(l *Look, r fleet.Row) string { return strconv.FormatUint(cpuSeconds(l, r), 10) })
	pcpuColumn = useColumn("pcpu", "%CPU", 4, "CPU time by lifetime, in percent; see rcpu for the rate",
		func(l *Look, r fleet.Row) string { return tenths(uint64(utilization(l, r) * 10)) })
	percentColumn = useColumn("c", "C", 2, "%CPU as a whole number, 99 at most",
		func(l *Look, r fleet.Row) string {
			n := strconv.Itoa(int(min(utilization(l, r), 99)))
			if len(n) < 2 {
				return " " + n
			}
			return n
		})
	stimeColumn = startColumn("stime", "STIME", 5, "start: HH:MM, MmmDD or the year", shortStart)
)

// familyColumn is ordered by more than it prints.
var familyColumn = func() Column {
	share := func(l *Look, r fleet.Row) float64 { return k2i.PercentOf(familyNS(l, r), age(r)) }
	c := from("user_ns system_ns "+ageFields, told("cuc", "%CUC", 7, Right, childFacts, "the same with the CPU time of children that have ended",
		func(l *Look, r fleet.Row) string { return thousandths(share(l, r)) }))
	c.Compare = func(l *Look, a, b fleet.Row) int { return cmp.Compare(share(l, a), share(l, b)) }
	return c
}()

// timeColumns are CPU times, ages and starts.
var timeColumns = []Column{
	timeColumn,
	same(timeColumn, "cputime", "TIME"),
	same(timeColumn, "atime", "TIME"),
	timesColumn,
	same(timesColumn, "cputimes", "TIME"),
	cpuColumn("bsdtime", "TIME", 6, "CPU time, MMM:SS", func(l *Look, r fleet.Row) string {
		s := cpuNS(l, r) / uint64(time.Second)
		return fmt.Sprintf("%3d:%02d", s/60, s%60)
	}),
	pcpuColumn,
	same(pcpuColumn, "%cpu", "%CPU"),
	percentColumn,
	same(percentColumn, "util", "C"),
	useColumn("cp", "CP", 3, "CPU time by lifetime, per mille",
		func(l *Look, r fleet.Row) string { return fmt.Sprintf("%3d", int(min(utilization(l, r)*10, 999))) }),
	useColumn("cuu", "%CUU", 6, "CPU time by lifetime, in percent to a thousandth",
		func(l *Look, r fleet.Row) string {
			return thousandths(k2i.PercentOf(ownNS(l, r), age(r)))
		}),
	familyColumn,
	elapsedColumn("etime", 11, "age, [[DD-]HH:]MM:SS", func(_ *Look, r fleet.Row) string { return shortTime(uint64(age(r) / time.Second)) }),
	elapsedColumn("etimes", 7, "age in seconds", func(_ *Look, r fleet.Row) string { return strconv.Itoa(int(age(r) / time.Second)) }),
	datedColumn(),
	startColumn("start", "STARTED", 8, "start: HH:MM:SS, after a day Mmm DD", func(at, now time.Time) string {
		if now.Sub(at) > day {
			return at.Format("  Jan 02")
		}
		return at.Format("15:04:05")
	}),
	stimeColumn,
	same(stimeColumn, "start_time", "START"),
	startColumn("bsdstart", "START", 6, "start: HH:MM, after a day Mmm DD", func(at, now time.Time) string {
		if now.Sub(at) > day {
			return at.Format("Jan _2")
		}
		return at.Format(" 15:04")
	}),
}

// cpuColumn is a way to write the CPU time in user mode and in the kernel.
func cpuColumn(key, header string, width int, help string, text func(*Look, fleet.Row) string) Column {
	return Column{
		Key: key, Header: header, Width: width, Help: help, Fields: "user_ns system_ns", Field: "cputime", Sum: childFacts,
		Text:    text,
		Compare: by(ownNS),
	}
}

// useColumn is a way to write the CPU time by the lifetime.
func useColumn(key, header string, width int, help string, text func(*Look, fleet.Row) string) Column {
	return Column{
		Key: key, Header: header, Width: width, Help: help, Fields: "user_ns system_ns " + ageFields, Field: "pcpu", Sum: childFacts,
		Text:    text,
		Compare: by(utilization),
	}
}

func elapsedColumn(key string, width int, help string, text func(*Look, fleet.Row) string) Column {
	return Column{
		Key: key, Header: "ELAPSED", Width: width, Help: help, Fields: ageFields, Field: "etime",
		Text:    text,
		Compare: by(func(_ *Look, r fleet.Row) time.Duration { return age(r) }),
	}
}

// startColumn is a way to write the start; now is the host's own clock when it
// took the sample, so that two hosts' clocks never mix.
func startColumn(key, header string, width int, help string, text func(at, now time.Time) string) Column {
	return Column{
		Key: key, Header: header, Width: width, Help: help, Fields: "start_ticks", Field: "start",
		Text: func(l *Look, r fleet.Row) string {
			h := r.Host.Info
			now := time.Unix(0, h.BootUnixNS+h.UptimeNS).In(l.Location)
			return text(time.Unix(startSecond(r), 0).In(l.Location), now)
		},
		Compare: func(_ *Look, a, b fleet.Row) int {
			return cmp.Or(cmp.Compare(startSecond(a), startSecond(b)), cmp.Compare(sinceSecond(a), sinceSecond(b)))
		},
	}
}

// datedColumn is the start in full, or as option -D asks for it.
func datedColumn() Column {
	c := startColumn("lstart", "STARTED", 24, "start: day and time in full; see option -D", func(at, _ time.Time) string {
		return at.Format(time.ANSIC)
	})
	plain := c.Text
	c.Text = func(l *Look, r fleet.Row) string {
		if l.DateFormat == "" {
			return plain(l, r)
		}
		return l.clean(strftime(l.DateFormat, time.Unix(startSecond(r), 0).In(l.Location)))
	}
	return c
}

// childFacts is the CPU time of children that have ended and were waited for, in
// clock ticks.
const childFacts = "stat 16,stat 17"

// ownNS is the CPU time in user mode and in the kernel, in whole clock ticks.
func ownNS(_ *Look, r fleet.Row) uint64 { return r.Host.Info.TickedCPU(r.Process) }

// cpuNS is the same, with option S that of the children too: in some columns
// and not in others, as ps has it.
func cpuNS(l *Look, r fleet.Row) uint64 {
	if l.Cumulative {
		return familyNS(l, r)
	}
	return ownNS(l, r)
}

// familyNS is the CPU time with that of the children.
func familyNS(l *Look, r fleet.Row) uint64 {
	ticks := l.count(r, "stat 16") + l.count(r, "stat 17")
	return ownNS(l, r) + ticks*uint64(time.Second)/r.Host.Info.Hertz()
}

// cpuSeconds is the CPU time in whole seconds.
func cpuSeconds(l *Look, r fleet.Row) uint64 {
	return ownNS(l, r) / uint64(time.Second)
}

// ageFields are those that age is made from.
const ageFields = "start_ticks state ended_ns"

func age(r fleet.Row) time.Duration { return r.Host.Info.TickedAge(r.Process) }

// sinceSecond is how far into its second a process began.
func sinceSecond(r fleet.Row) time.Duration {
	return r.Host.Info.StartSinceBoot(r.Process) % time.Second
}

func startSecond(r fleet.Row) int64 { return r.Host.Info.StartSecond(r.Process) }

// utilization is the CPU time by the lifetime, in percent.
func utilization(l *Look, r fleet.Row) float64 {
	return k2i.PercentOf(cpuNS(l, r), age(r))
}

// thousandths writes a share in percent, 99.999 from 99 on.
func thousandths(share float64) string {
	if share > 99 {
		share = 99.999
	}
	return strconv.FormatFloat(share, 'f', 3, 64)
}

// tenths writes a number of tenths; without the fraction from 100 on.
func tenths(n uint64) string {
	if n > 999 {
		return strconv.FormatUint(n/10, 10)
	}
	return fmt.Sprintf("%d.%d", n/10, n%10)
}

// longTime is [DD-]HH:MM:SS.
func longTime(s uint64) string {
	var room [32]byte
	b := room[:0]
	if days := s / 86400; days > 0 {
		b = append(strconv.AppendUint(b, days, 10), '-')
	}
	for i, n := range [...]uint64{s / 3600 % 24, s / 60 % 60, s % 60} {
		if i > 0 {
			b = append(b, ':')
		}
		b = append(b, byte('0'+n/10), byte('0'+n%10))
	}
	return string(b)
}

// shortTime is [[DD-]HH:]MM:SS.
func shortTime(s uint64) string {
	if s >= 3600 {
		return longTime(s)
	}
	return fmt.Sprintf("%02d:%02d", s/60, s%60)
}

// shortStart switches by the calendar, not by the age.
func shortStart(at, now time.Time) string {
	switch {
	case at.Year() != now.Year():
		return at.Format("2006")
	case at.YearDay() != now.YearDay():
		return at.Format("Jan02")
	}
	return at.Format("15:04")
}
