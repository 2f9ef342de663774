package dps

import (
	"os"
	"path/filepath"
	"strings"

	"ddcos/k2i/fleet"
)

// What the names of systemd's units end in, wherever processes can be in them.
var unitEndings = []string{".service", ".scope", ".socket", ".mount", ".swap"}

// unitColumns are systemd's words for where a process belongs, from the path of
// its control group. Seats and machines stand in files of its daemons.
var unitColumns = []Column{
	unit("slice", "SLICE", 31, "slice", func(u unitPath) string { return u.slice }),
	unit("unit", "UNIT", 31, "unit", func(u unitPath) string { return u.unit }),
	unit("uunit", "UUNIT", 31, "unit of the user's own manager", func(u unitPath) string { return u.user }),
	unit("lsession", "SESSION", 11, "login session", func(u unitPath) string { return u.session }),
	unit("ouid", "OWNER", 5, "user id of the session's owner", func(u unitPath) string { return u.owner }),
	daemons("machine", "MACHINE", 31, "virtual machine or container", machineOf),
	daemons("seat", "SEAT", 11, "seat of the login session", seatOf),
	told("lxc", "LXC", 8, Left, "cgroup", "container of LXC", func(l *Look, r fleet.Row) string {
		return orDash(lxcName(l.fact(r, "cgroup")))
	}),
}

// unitPath is a control group in systemd's words.
type unitPath struct{ slice, unit, user, session, owner string }

func unit(key, header string, width int, help string, get func(unitPath) string) Column {
	return told(key, header, width, Left, "cgroup", help+", by systemd", func(l *Look, r fleet.Row) string {
		return orDash(get(readUnitPath(systemdPath(l.fact(r, "cgroup")))))
	})
}

// Systemd is a file below /run/systemd, or where a link there points; "" where
// there is none. It is this host's.
type Systemd func(name string) string

// RunSystemd is Systemd as it is.
func RunSystemd(name string) string {
	path := filepath.Join("/run/systemd", name)
	if target, err := os.Readlink(path); err == nil {
		return target
	}
	text, err := os.ReadFile(path) //nolint:gosec // of root's own directory
	if err != nil || len(text) > maxSystemdFile {
		return ""
	}
	return string(text)
}

// maxSystemdFile is more than a file of systemd's about a session has.
const maxSystemdFile = 64 << 10

// daemons is a column of what systemd's daemons have written down.
func daemons(key, header string, width int, help string, get func(Systemd, unitPath) string) Column {
	return told(key, header, width, Left, "cgroup", help+", by systemd", func(l *Look, r fleet.Row) string {
		if l.Systemd == nil {
			return "-"
		}
		return orDash(get(l.Systemd, readUnitPath(systemdPath(l.fact(r, "cgroup")))))
	})
}

// seatOf is the seat of a session.
func seatOf(read Systemd, u unitPath) string {
	if u.session == "" {
		return ""
	}
	for line := range strings.Lines(read("sessions/" + u.session)) {
		if seat, found := strings.CutPrefix(line, "SEAT="); found {
			return strings.TrimSpace(seat)
		}
	}
	return ""
}

// machineOf is the machine whose unit a process is in.
func machineOf(read Systemd, u unitPath) string {
	if u.unit == "" {
		return ""
	}
	return strings.TrimSpace(read("machines/unit:" + u.unit))
}

// systemdPath is the unified hierarchy's path; without one systemd's own.
func systemdPath(cgroups string) string {
	var path string
	for line := range strings.Lines(cgroups) {
		line = strings.TrimSuffix(line, "\n")
		if p, found := strings.CutPrefix(line, "0::"); found {
			return p
		}
		if _, p, found := strings.Cut(line, ":name=systemd:"); found {
			path = p
		}
	}
	return path
}

// readUnitPath takes slices from the front, then the unit, then what a user's
// manager has below it.
func readUnitPath(path string) unitPath {
	var u unitPath
	if path == "" {
		return u
	}
	names := strings.Split(strings.Trim(path, "/"), "/")
	u.slice, names = takeSlices(names)
	if owner, found := strings.CutPrefix(strings.TrimSuffix(u.slice, ".slice"), "user-"); found && isNumeric(owner) {
		u.owner = owner
	}
	if len(names) == 0 || !isUnit(names[0]) {
		return u
	}
	u.unit = names[0]
	if id, found := strings.CutPrefix(strings.TrimSuffix(u.unit, ".scope"), "session-"); found && strings.HasSuffix(u.unit, ".scope") {
		u.session = id
	}
	if !strings.HasPrefix(u.unit, "user@") {
		return u
	}
	if _, names = takeSlices(names[1:]); len(names) > 0 && isUnit(names[0]) {
		u.user = names[0]
	}
	return u
}

// takeSlices gives the last of the slices at the front, "-.slice" where there is
// none, and the names behind them.
func takeSlices(names []string) (string, []string) {
	slice := "-.slice"
	for len(names) > 0 && strings.HasSuffix(names[0], ".slice") {
		slice, names = names[0], names[1:]
	}
	return slice, names
}

func isUnit(name string) bool {
	for _, ending := range unitEndings {
		if strings.HasSuffix(name, ending) && len(name) > len(ending) {
			return true
		}
	}
	return false
}

// lxcName is the container in a path of LXC: /lxc/NAME or /lxc.payload.NAME.
func lxcName(cgroups string) string {
	for line := range strings.Lines(cgroups) {
		for _, mark := range []string{"/lxc/", "/lxc.payload/", "/lxc.payload."} {
			if _, after, found := strings.Cut(strings.TrimSuffix(line, "\n"), mark); found {
				name, _, _ := strings.Cut(after, "/")
				return name
			}
		}
	}
	return ""
}

// groupLines is cgroup: the hierarchies in which a process is below the root.
func groupLines(cgroups string) string {
	var groups []string
	for line := range strings.Lines(cgroups) {
		line = strings.TrimSuffix(line, "\n")
		if line != "" && !strings.HasSuffix(line, ":/") {
			groups = append(groups, line)
		}
	}
	return orDash(strings.Join(groups, ","))
}

// groupNames is cgname: the same, a hierarchy with a name by its name alone.
func groupNames(cgroups string) string {
	var groups []string
	for line := range strings.SplitSeq(groupLines(cgroups), ",") {
		if _, named, found := strings.Cut(line, ":name="); found {
			line = named
		}
		groups = append(groups, line)
	}
	return strings.Join(groups, ",")
}
