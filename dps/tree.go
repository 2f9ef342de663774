package dps

import (
	"cmp"
	"slices"
	"strings"

	"ddcos/k2i/fleet"
)

// Tree is how a forest is drawn.
type Tree int

// The drawings of a forest.
const (
	NoTree     Tree = iota
	LinedTree       // f, --forest: with lines
	IndentTree      // -H: with blanks alone
)

// forest orders rows so that each stands below its parent, on each host by
// itself, and notes what is drawn before its command. Siblings stay in the order
// in which they are; trees stand in the opposite one, by the processes
// that they come from, as ps has it: kthreadd before init.
func (l *Look) forest(rows []fleet.Row, kind Tree) []fleet.Row {
	f := forest{look: l, kind: kind, children: map[processKey][]int{}, rows: rows, sorted: make([]fleet.Row, 0, len(rows))}
	there := make(map[processKey]bool, len(rows))
	for _, r := range rows {
		there[processKey{r.Host, r.Process.PID}] = true
	}
	var roots []int
	for i, r := range rows {
		parent := processKey{r.Host, r.Process.PPID}
		if there[parent] && r.Process.PPID != r.Process.PID {
			f.children[parent] = append(f.children[parent], i)
		} else {
			roots = append(roots, i)
		}
	}
	slices.Reverse(roots)
	for i := range rows { // behind them circles of parents, which two samples in one may make
		roots = append(roots, i)
	}
	slices.SortStableFunc(roots, func(a, b int) int { return cmp.Compare(rows[a].Host.Name, rows[b].Host.Name) })
	f.done = make([]bool, len(rows))
	for _, i := range roots {
		f.add(i, 0, nil)
	}
	return f.sorted
}

// byOrigin is the order of a forest without sort keys: by parent, then by start.
func byOrigin(a, b fleet.Row) int {
	return cmp.Or(cmp.Compare(a.Process.PPID, b.Process.PPID), cmp.Compare(a.Process.StartTicks, b.Process.StartTicks))
}

// treeFields are the fields that a forest is made from.
const treeFields = "pid ppid start_ticks"

// processKey is a process id on a host.
type processKey struct {
	host *fleet.Host
	pid  int32
}

// forest is the work on one.
type forest struct {
	look     *Look
	kind     Tree
	rows     []fleet.Row
	children map[processKey][]int
	done     []bool
	sorted   []fleet.Row
}

// initPID is the process that orphans come to.
const initPID = 1

// maxDepth is how deep a forest is drawn; the kernel sets no limit.
const maxDepth = 512

// add puts a row and those below it. last tells for each level above whether
// its row was the last among its siblings.
func (f *forest) add(i, depth int, last []bool) {
	if f.done[i] || depth > maxDepth {
		return
	}
	f.done[i] = true
	r := f.rows[i]
	e := f.look.extra(r)
	e.tree, e.step = f.draw(last), len(blankStep)
	if f.kind == LinedTree {
		e.step = len(lineStep)
	}
	f.sorted = append(f.sorted, r)
	children := f.children[processKey{r.Host, r.Process.PID}]
	for n, child := range children {
		below := append(slices.Clip(last), n == len(children)-1)
		if r.Process.PID == initPID && f.kind == LinedTree {
			below = nil // who comes from init begins a tree of its own
		}
		f.add(child, depth+1, below)
	}
}

// What one level of a forest takes, by its drawing: the level of the process
// itself, those above that go on, and those that do not.
const (
	blankStep = "  "
	lineStep  = ` \_ `
	lineOn    = " |  "
	lineOver  = "    "
)

// draw is what stands before a command.
func (f *forest) draw(last []bool) string {
	if f.kind == IndentTree {
		return strings.Repeat(blankStep, len(last))
	}
	var b strings.Builder
	for i, end := range last {
		switch {
		case i == len(last)-1:
			b.WriteString(lineStep)
		case end:
			b.WriteString(lineOver)
		default:
			b.WriteString(lineOn)
		}
	}
	return b.String()
}
