// Package dtop shows the process table of many hosts, live: a State that keys
// and answers change, and a View of it. The only thing that touches the world is
// the command that asks the fleet.
package dtop

import (
	"slices"
	"time"

	"ddcos/dps"
	"ddcos/k2i"
	"ddcos/k2i/fleet"
	"ddcos/k2i/query"
)

// maxRows is how many rows are asked of the fleet at a time: the first by the
// sort key. It is more than anybody scrolls through.
const maxRows = 5000

// State is everything that is on the screen.
type State struct {
	Width, Height int  // of the terminal; Height 0 for every row
	Plain         bool // no styles
	Colorless     bool // styles, but no colours

	Interval time.Duration
	Table    *fleet.Table  // the latest answer, nil before the first
	At       time.Time     // when it came
	Took     time.Duration // from question to answer
	Err      error         // of the latest question, nil where it was answered

	Sort    int    // index into sorts
	Reverse bool   // the other way round than the sort key's usual one
	Where   string // the condition of the rows; "" for all
	On      string // a pattern of the hosts; "" for all
	Paused  bool
	Help    bool

	helpTop int // the help's first line that is shown

	cells    []dps.Cell // what a row shows
	typing   bool       // a condition is being written
	typed    string     // so far
	wrong    string     // what is wrong with it; "" where nothing is known to be
	pinned   bool       // a row was selected
	selected pin        // which one
	cursor   int        // where it is, or was when it vanished
	offset   int        // the first row shown
}

// pin is what a selection holds on to: one process on one host. A pid alone would
// jump to another process when it is used again.
type pin struct {
	host     string
	identity k2i.Identity
}

// order is one sort key.
type order struct {
	key        string // as typed
	column     string // of dps
	name       string // for people
	descending bool   // its usual direction
	field      string // of the query, for the agents
}

// sorts are the sort keys, in the order of the columns.
var sorts = []order{
	{key: "H", column: "host", name: "host", field: "host"},
	{key: "N", column: "pid", name: "pid", field: "pid"},
	{key: "P", column: "rcpu", name: "cpu", descending: true, field: "rcpu"},
	{key: "M", column: "rss", name: "memory", descending: true, field: "rss_bytes"},
	{key: "T", column: "time", name: "time", descending: true, field: "cpu_ns"},
}

// byCPU is the sort key that dtop starts with.
const byCPU = 2

// NewState is an empty screen, sorted by CPU.
func NewState(width, height int, interval time.Duration) State {
	return State{Width: width, Height: height, Interval: interval, Sort: byCPU, cells: cellsOf(usual)}
}

// Query is what to ask the fleet for: the first rows by the sort key.
func (s *State) Query() query.Query {
	sort := []query.Key{{Field: sorts[s.Sort].field, Descending: s.descending()}}
	return query.Query{Where: s.Where, On: s.On, Fields: s.fields(), Sort: sort, Limit: maxRows}
}

// fields are those that the columns and the sort keys are made from: all that
// the agents are asked for.
func (s *State) fields() []string {
	var shown []dps.Column
	for _, c := range s.cells {
		shown = append(shown, c.Column)
	}
	for _, o := range sorts {
		if c, ok := dps.ColumnByKey(o.column); ok {
			shown = append(shown, c)
		}
	}
	return dps.FieldsOf(shown)
}

func (s *State) descending() bool { return sorts[s.Sort].descending != s.Reverse }

// Answer takes the fleet's answer, or why there is none: the table of before
// stays then.
func (s *State) Answer(table *fleet.Table, err error, at time.Time, took time.Duration) {
	s.Err = err
	if err != nil {
		return
	}
	s.Table, s.At, s.Took = table, at, took
	s.sort()
	s.follow()
}

// sort orders the rows as the screen wants them; ties by host and pid.
func (s *State) sort() {
	if s.Table == nil {
		return
	}
	var keys []dps.SortKey
	for _, name := range []string{sorts[s.Sort].column, "host", "pid"} {
		if column, ok := dps.ColumnByKey(name); ok {
			keys = append(keys, dps.SortKey{Column: column, Descending: len(keys) == 0 && s.descending()})
		}
	}
	look := dps.NewLook(&fleet.Table{}, time.Local, false) // no sort key needs a name
	slices.SortStableFunc(s.Table.Rows, dps.Order(keys, look))
}

// follow finds the selected process again.
func (s *State) follow() {
	rows := s.rows()
	if s.pinned {
		if i := slices.IndexFunc(rows, func(r fleet.Row) bool { return pinOf(r) == s.selected }); i >= 0 {
			s.cursor = i
		}
	}
	s.scroll(s.cursor)
}

// move selects the row that is by rows further down, or scrolls the help.
func (s *State) move(by int) {
	if s.Help {
		s.helpTop = max(min(s.helpTop+by, len(helpLines())-s.Height+1), 0)
		return
	}
	if len(s.rows()) == 0 {
		return
	}
	to := s.cursor + by
	if !s.pinned {
		to = s.offset + max(by-1, 0) // the first press selects what is on top
	}
	s.scroll(to)
	s.pinned, s.selected = true, pinOf(s.rows()[s.cursor])
}

// scroll puts the cursor on a row, within bounds, and keeps it on the screen.
func (s *State) scroll(to int) {
	last := len(s.rows()) - 1
	s.cursor = max(min(to, last), 0)
	page := s.page()
	s.offset = min(max(s.offset, s.cursor-page+1), s.cursor)
	s.offset = max(min(s.offset, last-page+1), 0)
}

// release lets go of the selection and shows the top.
func (s *State) release() { s.pinned, s.cursor, s.offset = false, 0, 0 }

func (s *State) rows() []fleet.Row {
	if s.Table == nil {
		return nil
	}
	return s.Table.Rows
}

// page is how many rows the screen has room for.
func (s *State) page() int {
	if s.Height == 0 {
		return max(len(s.rows()), 1)
	}
	return max(s.Height-len(s.head())-len(s.foot())-1, 1)
}

func pinOf(r fleet.Row) pin {
	return pin{host: r.Host.Name, identity: r.Process.Identity(r.Host.Info.ID)}
}
