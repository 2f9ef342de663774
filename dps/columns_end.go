package dps

import (
	"cmp"
	"strconv"
	"strings"
	"time"

	"ddcos/k2i"
	"ddcos/k2i/fleet"
)

// exitedCells are the columns of --exited where no others are asked for.
func exitedCells() []string {
	return strings.Fields("pid ppid user ended etime time peak exit endsig killer args")
}

// endColumns tell how a process ended; - for one that lives, and for what is not known.
var endColumns = []Column{
	{
		Key: "ended", Header: "ENDED", Width: 8, Help: "when it ended, by its host's clock", Fields: "ended_ns", Field: "ended_ns",
		Text: func(l *Look, r fleet.Row) string {
			if !r.Process.Ended() {
				return "-"
			}
			return time.Unix(0, r.Host.Info.BootUnixNS+int64(r.Process.EndedNS)).In(l.Location).Format(time.TimeOnly)
		},
		Compare: by(func(_ *Look, r fleet.Row) k2i.Count { return r.Process.EndedNS }),
	},
	counted("exit", "EXIT", 4, "exit_code", "exit status", func(p *k2i.Process) k2i.Count { return p.ExitCode }),
	{
		Key: "endsig", Header: "SIG", Width: 4, Side: Left, Help: "signal that ended it", Fields: "end_signal ended_ns", Field: "end_signal",
		Text: func(_ *Look, r fleet.Row) string {
			if !r.Process.Ended() || r.Process.EndSignal <= 0 {
				return "-"
			}
			return signalName(int(min(r.Process.EndSignal, maxSignal)))
		},
		Compare: by(func(_ *Look, r fleet.Row) k2i.Count { return r.Process.EndSignal }),
	},
	word("killer", "KILLER", 16, Left, "killed_by killer_pid killer_comm killer_user", "who sent that signal: PID/NAME, kernel, or oom for want of memory",
		func(_ *Look, r fleet.Row) string { return killerText(r.Process) }),
	{
		Key: "peak", Header: "PEAK", Width: 6, Help: "the most resident memory it had, KiB", Fields: "peak_rss_bytes ended_ns", Field: "peak_rss_bytes",
		Text: func(_ *Look, r fleet.Row) string {
			if !r.Process.Ended() || r.Process.PeakRSSBytes < 0 {
				return "-"
			}
			return strconv.FormatInt(int64(r.Process.PeakRSSBytes)>>10, 10)
		},
		Compare: by(func(_ *Look, r fleet.Row) k2i.Count { return r.Process.PeakRSSBytes }),
	},
	{
		Key: "rcpux", Header: "RCPUX%", Width: 6, Help: "rcpu with that of its descendants which ended since the sample before",
		Fields: "rcpu_with_exited", Field: "rcpu_with_exited",
		Text: func(_ *Look, r fleet.Row) string {
			if !r.Process.RCPUWithExited.Known() {
				return "-"
			}
			return strconv.FormatFloat(float64(r.Process.RCPUWithExited)*100, 'f', 1, 64)
		},
		Compare: by(func(_ *Look, r fleet.Row) k2i.Rate { return r.Process.RCPUWithExited }),
	},
}

// maxSignal is the last signal there is.
const maxSignal = 64

// counted is the column of a count that only a process which has ended has.
func counted(key, header string, width int, field, help string, get func(*k2i.Process) k2i.Count) Column {
	return Column{
		Key: key, Header: header, Width: width, Help: help, Fields: field + " ended_ns", Field: field,
		Text: func(_ *Look, r fleet.Row) string {
			if !r.Process.Ended() || get(r.Process) < 0 {
				return "-"
			}
			return strconv.FormatInt(int64(get(r.Process)), 10)
		},
		Compare: func(_ *Look, a, b fleet.Row) int { return cmp.Compare(get(a.Process), get(b.Process)) },
	}
}

// killerText is who ended a process, in one word.
func killerText(p *k2i.Process) string {
	switch {
	case p.KilledBy == "":
		return "-"
	case p.KilledBy != k2i.KilledByProcess:
		return p.KilledBy
	case p.KillerPID < 0:
		return "outside" // of the agent's PID namespace
	}
	return strconv.FormatInt(int64(p.KillerPID), 10) + "/" + p.KillerComm
}

// exited refuses what only agents remember where there is none.
func (p *parser) exited() error {
	switch {
	case p.out.Since > 0 && !p.out.Exited:
		return own("--since goes with --exited")
	case p.out.Exited && (!p.out.Remote() || p.out.Via != ""):
		return own("--exited asks agents, which remember what has ended: give --broker or --agents")
	}
	return nil
}

// since reads how long ago.
func since(p *parser, arg string) error {
	d, err := time.ParseDuration(arg)
	if err != nil || d <= 0 {
		return own("--since " + strconv.Quote(arg) + ": want a time such as 30s or 10m")
	}
	p.out.Since = d
	return nil
}
