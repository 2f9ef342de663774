package room

import (
	"maps"
	"math/rand/v2"
	"testing"
)

// TestTable holds a table to a map, over histories of ids that rise and of some that come back.
func TestTable(t *testing.T) {
	random := rand.New(rand.NewPCG(7, 0))
	var table Table[int]
	is := map[SessionID]*int{}
	latest := SessionID(0)
	for step := range 20_000 {
		latest += SessionID(random.IntN(3))
		id := latest - min(latest, SessionID(random.IntN(500)))
		switch random.IntN(3) {
		case 0:
			is[id] = &step
			table.Put(id, &step)
		case 1:
			delete(is, id)
			table.Delete(id)
		}
		if got := table.Get(id); got != is[id] {
			t.Fatalf("step %d: %d has %v, not %v", step, id, got, is[id])
		}
		if table.Len() != len(is) {
			t.Fatalf("step %d: %d in all, not %d", step, table.Len(), len(is))
		}
		if step%1000 == 0 && !maps.Equal(maps.Collect(table.All()), is) {
			t.Fatalf("step %d: All tells others than were put there", step)
		}
	}
}

// TestTableForgets leaves nothing of sessions that are gone, not even of pages.
func TestTableForgets(t *testing.T) {
	var table Table[int]
	one := 1
	for id := range SessionID(10 * pageIDs) {
		table.Put(id, &one)
		table.Put(id, &one)
	}
	seen := 0
	for id := range table.All() {
		seen++
		table.Delete(id)
		table.Delete(id)
	}
	if seen != 10*pageIDs || table.Len() != 0 || len(table.pages) != 0 || table.last != nil {
		t.Errorf("%d seen; %d are left on %d pages", seen, table.Len(), len(table.pages))
	}
	if table.Get(3) != nil {
		t.Error("one that was deleted is found")
	}
}

// TestTableChangesUnderway deletes who has not been reached yet: All must not tell of it.
func TestTableChangesUnderway(t *testing.T) {
	var table Table[int]
	one := 1
	for id := range SessionID(3 * pageIDs) {
		table.Put(id, &one)
	}
	told := 0
	for id := range table.All() {
		if table.Get(id) == nil {
			t.Fatalf("%d is told of, and not there", id)
		}
		told++
		for other := range SessionID(3 * pageIDs) {
			if other != id {
				table.Delete(other)
			}
		}
	}
	if told != 1 || table.Len() != 1 {
		t.Errorf("%d told of, %d left; want the first alone", told, table.Len())
	}
	for range table.All() {
		break // a loop may end early
	}
}
