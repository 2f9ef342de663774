package dps

import (
	"strconv"
	"strings"
	"time"

	"ddcos/k2i"
	"ddcos/k2i/fleet"
)

// containerDigits is how much of a container's id its runtimes show.
const containerDigits = 12

// HostKey is the column that stands first wherever several hosts are shown.
const HostKey = "host"

func shortID(id string) string { return id[:min(len(id), containerDigits)] }

// fleetColumns are what ps has no word for.
var fleetColumns = []Column{
	{
		Key: HostKey, Header: "HOST", Width: 8, Side: Left, Help: "host that it runs on",
		Text:    func(l *Look, r fleet.Row) string { return l.clean(r.Host.Name) },
		Compare: func(_ *Look, a, b fleet.Row) int { return strings.Compare(a.Host.Name, b.Host.Name) },
		Field:   "host",
	},
	{
		Key: "rcpu", Header: "RCPU%", Width: 6, Help: "CPU in use since the sample before, 100 is one whole CPU; - without one",
		Fields: "rcpu", Field: "rcpu",
		Text: func(_ *Look, r fleet.Row) string {
			if !r.Process.RCPU.Known() {
				return "-"
			}
			return strconv.FormatFloat(float64(r.Process.RCPU)*100, 'f', 1, 64)
		},
		Compare: by(func(_ *Look, r fleet.Row) k2i.Rate { return r.Process.RCPU }),
	},
	fieldWord(word("container", "CONTAINER", containerDigits, Left, "container_id", "container that it runs in, - outside of any",
		func(_ *Look, r fleet.Row) string {
			return orDash(shortID(r.Process.ContainerID))
		}), "container_id"),
	fieldWord(word("kind", "KIND", 9, Left, "kind", "what runs it: host, container, sandbox, unikernel, microvm, vm",
		func(_ *Look, r fleet.Row) string { return orDash(r.Process.Kind) }), "kind"),
	fieldWord(word("runtime", "RUNTIME", 10, Left, "runtime", "what runs its container",
		func(_ *Look, r fleet.Row) string { return orDash(r.Process.Runtime) }), "runtime"),
	number("threads", "THREADS", 7, "threads", "number of threads", func(p *k2i.Process) int32 { return p.Threads }),
	{
		Key: "sample_age", Header: "SAMPLE", Width: 6, Help: "how old its host's sample was when it answered, seconds",
		Text: func(_ *Look, r fleet.Row) string {
			return strconv.FormatFloat(max(r.Host.Age, 0).Round(10*time.Millisecond).Seconds(), 'f', 2, 64)
		},
		Compare: by(func(_ *Look, r fleet.Row) time.Duration { return r.Host.Age }),
	},
}
