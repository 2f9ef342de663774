package dps

import (
	"slices"
	"strconv"
	"strings"

	"ddcos/k2i"
	"ddcos/k2i/fleet"
)

// sampled are the facts that samples have as well, by the field that has them:
// so they are told of other hosts too, and need not be read on this one.
var sampled = map[string]string{
	"status SigPnd": "sig_pending", "status ShdPnd": "sig_shared_pending", "status SigBlk": "sig_blocked",
	"status SigIgn": "sig_ignored", "status SigCgt": "sig_caught", capFact: "cap_permitted",
	"io rchar": "rchar_bytes", "io wchar": "wchar_bytes", "io syscr": "read_calls", "io syscw": "write_calls",
	"io cancelled_write_bytes": "cancelled_write_bytes", "oom_score_adj": "oom_score_adj", "exe": "exe",
	"stat 11": "children_min_flt", "stat 13": "children_maj_flt", "stat 16": "children_user_ns", "stat 17": "children_system_ns",
	"ns/cgroup": "ns_cgroup", "ns/ipc": "ns_ipc", "ns/mnt": "ns_mnt", "ns/net": "ns_net", "ns/pid": "ns_pid",
	"ns/time": "ns_time", "ns/user": "ns_user", "ns/uts": "ns_uts",
}

// fromSample is a fact in the kernel's spelling, "" where the sample does not have it.
func fromSample(r fleet.Row, name string) string {
	field, ok := sampled[name]
	if !ok || slices.Contains(r.Host.Missing, field) {
		return ""
	}
	f, ok := k2i.FieldByName(field)
	if !ok || !f.Known(r.Process) {
		return ""
	}
	text := f.Text(r.Process)
	if kind, ok := strings.CutPrefix(name, "ns/"); ok {
		return kind + ":[" + text + "]"
	}
	if f.Unit == "ns" {
		ns, err := strconv.ParseUint(text, 10, 64)
		if err != nil {
			return ""
		}
		return strconv.FormatUint(ns*r.Host.Info.Hertz()/1e9, 10)
	}
	return text
}

// take notes of a row what its sample tells of these facts, and gives the others.
// What one thread has of its own no sample tells.
func (e *extra) take(r fleet.Row, names []string) (others []string) {
	if e.tid != 0 && e.tid != r.Process.PID {
		return names
	}
	for _, name := range names {
		text := fromSample(r, name)
		if text == "" {
			others = append(others, name)
			continue
		}
		e.facts[name] = text
	}
	return others
}

// knows tells whether a row has what a column is made of: of other hosts' only
// what samples have.
func (l *Look) knows(r fleet.Row, facts string) bool {
	if l.reading {
		return true
	}
	for name := range strings.SplitSeq(facts, ",") {
		if l.fact(r, name) == "" {
			return false
		}
	}
	return true
}

// fields are what the agents are asked for: what the listing is made from.
func (c *Command) fields(p plan) []string {
	if c.JSON || c.Output == "ndjson" {
		return []string{k2i.AllFields}
	}
	columns := c.columns()
	if (c.FullName || c.Environ) && slices.ContainsFunc(columns, func(c Column) bool { return c.Tree }) {
		columns = append(columns, argsColumn) // that decides what stands behind a name, or in its place
	}
	fields := FieldsOf(columns)
	for _, name := range factNames(columns, &Look{Cumulative: c.Sum}) {
		if field, ok := sampled[name]; ok {
			fields = append(fields, field)
		}
	}
	if p.keep != nil {
		fields = append(fields, strings.Fields(keptFields)...)
	}
	if c.Tree != NoTree {
		fields = append(fields, strings.Fields(treeFields)...)
	}
	slices.Sort(fields)
	return slices.Compact(fields)
}

// FieldsOf are the fields of k2i that columns are made from, and those that tell
// rows apart: what an agent has to be asked for to show them.
func FieldsOf(columns []Column) []string {
	fields := k2i.IdentityFields()
	for _, c := range columns {
		fields = append(fields, strings.Fields(c.Fields)...)
	}
	slices.Sort(fields)
	return slices.Compact(fields)
}

// columns are those that are shown, and those that are sorted by.
func (c *Command) columns() []Column {
	var columns []Column
	for _, key := range c.Sort {
		columns = append(columns, key.Column)
	}
	if !c.JSON {
		for _, cell := range c.Cells {
			columns = append(columns, cell.Column)
		}
	}
	return columns
}
