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
	rssColumn = kib("rss", "RSS", 5, "rss_bytes", "resident memory, KiB", func(p *k2i.Process) uint64 { return p.RSSBytes })
	vszColumn = kib("vsz", "VSZ", 6, "vsz_bytes", "address space, KiB", func(p *k2i.Process) uint64 { return p.VSZBytes })
	memColumn = Column{
		Key: "pmem", Header: "%MEM", Width: 4, Help: "resident memory by the host's, in percent", Fields: "rss_bytes",
		Text: memoryText, Compare: by(func(_ *Look, r fleet.Row) float64 { return memoryShare(r) }),
	}
	majorColumn = number("maj_flt", "MAJFL", 6, "maj_flt", "page faults that needed I/O", func(p *k2i.Process) uint64 { return p.MajFlt })
	minorColumn = number("min_flt", "MINFL", 6, "min_flt", "page faults that needed none", func(p *k2i.Process) uint64 { return p.MinFlt })
)

// memoryColumns are memory, faults and I/O.
var memoryColumns = []Column{
	rssColumn,
	same(rssColumn, "rssize", "RSS"),
	same(rssColumn, "rsz", "RSZ"),
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
	countColumn("rbytes", "RBYTES", "read_bytes", "bytes read from storage", func(p *k2i.Process) k2i.Count { return p.ReadBytes }),
	countColumn("wbytes", "WBYTES", "write_bytes", "bytes written to storage", func(p *k2i.Process) k2i.Count { return p.WriteBytes }),
}

// kib is a number of bytes, shown in KiB.
func kib(key, header string, width int, field, help string, get func(*k2i.Process) uint64) Column {
	c := number(key, header, width, field, help, get)
	c.Text = func(_ *Look, r fleet.Row) string { return strconv.FormatUint(get(r.Process)/1024, 10) }
	return c
}

// countColumn is a number that a host may be unable to read.
func countColumn(key, header, field, help string, get func(*k2i.Process) k2i.Count) Column {
	return Column{
		Key: key, Header: header, Width: 5, Help: help, Fields: field, Field: field,
		Text: func(_ *Look, r fleet.Row) string {
			if n := get(r.Process); n >= 0 {
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
func memoryText(_ *Look, r fleet.Row) string {
	total := r.Host.Info.MemTotalBytes / 1024
	if total == 0 {
		return "-"
	}
	return fmt.Sprintf("%4s", tenths(min(r.Process.RSSBytes/1024*1000/total, 999)))
}

// memoryShare is the share of a host's memory, 0 to 1.
func memoryShare(r fleet.Row) float64 {
	if r.Host.Info.MemTotalBytes == 0 {
		return 0
	}
	return float64(r.Process.RSSBytes) / float64(r.Host.Info.MemTotalBytes)
}
