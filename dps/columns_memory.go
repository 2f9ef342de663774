package dps

import (
	"fmt"
	"strconv"

	"ddcos/k2i"
	"ddcos/k2i/fleet"
)

// defaultPage is the page size of a host that does not tell.
const defaultPage = 4096

// The columns that others are named after.
var (
	rssColumn = residentColumn()
	vszColumn = kib("vsz", "VSZ", 6, "vsz_bytes", "address space, KiB", vszBytes)
	memColumn = Column{
		Key: "pmem", Header: "%MEM", Width: 4, Help: "resident memory by the host's, in percent", Fields: "rss_bytes", Field: "pmem", Facts: rssFact,
		Text: memoryText, Compare: by(memoryShare),
	}
	majorColumn = faults("maj_flt", "MAJFL", "page faults that needed I/O", "stat 13", func(p *k2i.Process) uint64 { return p.MajFlt })
	minorColumn = faults("min_flt", "MINFL", "page faults that needed none", "stat 11", func(p *k2i.Process) uint64 { return p.MinFlt })
)

// memoryColumns are memory, faults and I/O.
var memoryColumns = []Column{
	rssColumn,
	same(rssColumn, "rssize", "RSS"),
	same(rssColumn, "rsz", "RSZ"),
	leftResident(),
	vszColumn,
	same(vszColumn, "vsize", "VSZ"),
	{
		Key: "sz", Header: "SZ", Width: 5, Help: "address space, pages", Fields: "vsz_bytes", Field: "vsz_bytes",
		Text:    func(_ *Look, r fleet.Row) string { return strconv.FormatUint(r.Process.VSZBytes/pageBytes(r), 10) },
		Compare: vszColumn.Compare,
	},
	memColumn,
	same(memColumn, "%mem", "%MEM"),
	minorColumn,
	same(minorColumn, "minflt", "MINFLT"),
	majorColumn,
	same(majorColumn, "majflt", "MAJFLT"),
	same(majorColumn, "pagein", "PAGEIN"),
	storage("rbytes", "RBYTES", "read_bytes", "bytes read from storage", func(p *k2i.Process) k2i.Count { return p.ReadBytes }),
	storage("wbytes", "WBYTES", "write_bytes", "bytes written to storage", func(p *k2i.Process) k2i.Count { return p.WriteBytes }),
}

// faults is a number of page faults, with option S those of children too.
func faults(key, header, help, children string, get func(*k2i.Process) uint64) Column {
	c := number(key, header, 6, key, help, get)
	c.Sum = children
	c.Text = func(l *Look, r fleet.Row) string {
		if l.Cumulative {
			return decimal(get(r.Process) + l.count(r, children))
		}
		return decimal(get(r.Process))
	}
	return c
}

// kib is a number of bytes, shown in KiB.
func kib(key, header string, width int, field, help string, get func(*k2i.Process) uint64) Column {
	c := number(key, header, width, field, help, get)
	c.Text = func(_ *Look, r fleet.Row) string { return strconv.FormatUint(get(r.Process)/1024, 10) }
	return c
}

// rssFact is resident memory summed over all CPUs, where the number in samples
// lags behind by some pages for each.
const rssFact = "status VmRSS"

func residentColumn() Column {
	c := kib("rss", "RSS", 5, "rss_bytes", "resident memory, KiB", func(p *k2i.Process) uint64 { return p.RSSBytes })
	c.Facts = rssFact
	c.Text = func(l *Look, r fleet.Row) string { return decimal(residentKiB(l, r)) }
	c.Compare = by(residentKiB)
	return c
}

// leftResident is rss on the left.
func leftResident() Column {
	c := alias(rssColumn, "sgi_rss", "RSS", 4)
	c.Side = Left
	return c
}

func residentKiB(l *Look, r fleet.Row) uint64 {
	if n := l.count(r, rssFact); n > 0 {
		return n
	}
	return r.Process.RSSBytes / 1024
}

func vszBytes(p *k2i.Process) uint64 { return p.VSZBytes }

// storage is a number that a host may be unable to read: a dash then, but 0 on
// this host, as ps has it.
func storage(key, header, field, help string, get func(*k2i.Process) k2i.Count) Column {
	fact := "io " + field
	return Column{
		Key: key, Header: header, Width: 5, Help: help, Fields: field, Field: field, Facts: fact,
		Text: func(l *Look, r fleet.Row) string {
			switch n := get(r.Process); {
			case l.reading:
				return decimal(l.count(r, fact))
			case n >= 0:
				return strconv.FormatInt(int64(n), 10)
			}
			return "-"
		},
		Compare: by(func(_ *Look, r fleet.Row) k2i.Count { return max(get(r.Process), k2i.Unread) }),
	}
}

func pageBytes(r fleet.Row) uint64 {
	if n := r.Host.Info.PageBytes; n > 0 {
		return uint64(n)
	}
	return defaultPage
}

// memoryText is the share in percent as ps cuts it, 99.9 at most.
func memoryText(l *Look, r fleet.Row) string {
	total := r.Host.Info.MemTotalBytes / 1024
	if total == 0 {
		return "-"
	}
	return fmt.Sprintf("%4s", tenths(min(residentKiB(l, r)*1000/total, 999)))
}

// memoryShare is the share of a host's memory, 0 to 1.
func memoryShare(l *Look, r fleet.Row) float64 {
	if r.Host.Info.MemTotalBytes == 0 {
		return 0
	}
	return float64(residentKiB(l, r)*1024) / float64(r.Host.Info.MemTotalBytes)
}
