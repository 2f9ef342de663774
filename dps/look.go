package dps

import (
	"maps"
	"os/user"
	"strconv"
	"time"

	"ddcos/k2i"
	"ddcos/k2i/fleet"
)

// Look is what the cells need to know beside their row.
type Look struct {
	Location *time.Location // in which start times are told: the viewer's
	Comm     bool           // show the kernel's name where args are asked for (option c)

	Numeric    bool // ids instead of names (option n)
	Cumulative bool // CPU time with that of children which have ended (option S)
	Environ    bool // the environment behind the command line (option e)

	FullName    bool   // command lines where names are asked for (-x of HP-UX)
	SignalNames bool   // signals by name instead of a mask
	DateFormat  string // of lstart, as strftime has it; "" for ps's own
	ASCII       bool   // the locale has no other characters: they are shown as question marks

	local  bool // the one host is this one: its names may be looked up
	users  map[nameKey]string
	groups map[nameKey]string

	Systemd Systemd // of this host; nil where others are asked

	reading bool // facts of this host were read
	extras  map[*k2i.Process]*extra
}

// nameKey is an id on a host: the same number is another user on another host.
type nameKey struct {
	host *fleet.Host
	id   uint32
}

// NewLook learns from a table which names its hosts give to which ids: an agent
// tells the name of the effective ids alone. With local, what no row tells is
// looked up in this host's own files.
func NewLook(table *fleet.Table, location *time.Location, local bool) *Look {
	l := &Look{Location: location, local: local, users: map[nameKey]string{}, groups: map[nameKey]string{}, extras: map[*k2i.Process]*extra{}}
	for i, r := range table.Rows {
		if i > 0 && r.Host == table.Rows[i-1].Host && sameNames(r.Process, table.Rows[i-1].Process) {
			continue // neighbours mostly have them
		}
		if name := r.Process.User; name != "" {
			l.users[nameKey{r.Host, r.Process.EUID}] = name
		}
		if name := r.Process.Group; name != "" {
			l.groups[nameKey{r.Host, r.Process.EGID}] = name
		}
	}
	return l
}

// beside is the same look for another goroutine: each keeps the names that it looks up.
func (l *Look) beside() *Look {
	other := *l
	other.users, other.groups = maps.Clone(l.users), maps.Clone(l.groups)
	return &other
}

func sameNames(a, b *k2i.Process) bool {
	return a.EUID == b.EUID && a.EGID == b.EGID && a.User == b.User && a.Group == b.Group
}

// user is the name of a user id on a host, or the number.
func (l *Look) user(host *fleet.Host, uid uint32) string {
	return l.name(l.users, nameKey{host, uid}, func(id string) string {
		if u, err := user.LookupId(id); err == nil {
			return u.Username
		}
		return id
	})
}

// group is the name of a group id on a host, or the number.
func (l *Look) group(host *fleet.Host, gid uint32) string {
	return l.name(l.groups, nameKey{host, gid}, func(id string) string {
		if g, err := user.LookupGroupId(id); err == nil {
			return g.Name
		}
		return id
	})
}

func (l *Look) name(known map[nameKey]string, key nameKey, lookup func(string) string) string {
	name := strconv.FormatUint(uint64(key.id), 10)
	if l.Numeric {
		return name
	}
	if name, ok := known[key]; ok {
		return name
	}
	if l.local {
		name = lookup(name)
		known[key] = name
	}
	return name
}

// ordered is a text as it is sorted: what could not be read of it is not heeded, as
// in ps.
func (l *Look) ordered(text string) string {
	if l.ASCII {
		return cleanASCII(text)
	}
	return readable(text)
}

// clean is Clean as far as the locale can show the text: without UTF-8, a question
// mark for each byte that is not ASCII.
func (l *Look) clean(text string) string {
	if l.ASCII {
		return cleanASCII(text)
	}
	return Clean(text)
}
