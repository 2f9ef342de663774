package room

import "iter"

// Table finds what belongs to a session by its id. Ids rise as sessions come, and a room's
// members come one after the other: so the next of them lies beside the last, where in a map
// of ten thousand each is a miss of the processor's caches. The zero Table is empty.
type Table[T any] struct {
	pages map[SessionID]*page[T] // by id / pageIDs
	last  *page[T]               // the latest that was looked at, or nil
	size  int
}

// pageIDs is how many ids a page has: few, since one session may be all that is left of them.
const pageIDs = 32

type page[T any] struct {
	number SessionID
	used   int
	of     [pageIDs]*T
}

// Get is what belongs to that session, or nil.
func (t *Table[T]) Get(id SessionID) *T {
	if p := t.page(id / pageIDs); p != nil {
		return p.of[id%pageIDs]
	}
	return nil
}

func (t *Table[T]) page(number SessionID) *page[T] {
	if t.last == nil || t.last.number != number {
		p := t.pages[number]
		if p == nil {
			return nil
		}
		t.last = p
	}
	return t.last
}

// Put makes one, which is not nil, that session's.
func (t *Table[T]) Put(id SessionID, one *T) {
	p := t.page(id / pageIDs)
	if p == nil {
		if t.pages == nil {
			t.pages = map[SessionID]*page[T]{}
		}
		p = &page[T]{number: id / pageIDs}
		t.pages[p.number] = p
	}
	if p.of[id%pageIDs] == nil {
		p.used++
		t.size++
	}
	p.of[id%pageIDs] = one
}

// Delete leaves that session without.
func (t *Table[T]) Delete(id SessionID) {
	p := t.page(id / pageIDs)
	if p == nil || p.of[id%pageIDs] == nil {
		return
	}
	p.of[id%pageIDs] = nil
	t.size--
	if p.used--; p.used == 0 {
		delete(t.pages, p.number)
		t.last = nil
	}
}

// Len is how many sessions have something.
func (t *Table[T]) Len() int { return t.size }

// All are those that are there, in no order. The table may change meanwhile, as a map may.
func (t *Table[T]) All() iter.Seq2[SessionID, *T] {
	return func(yield func(SessionID, *T) bool) {
		for _, p := range t.pages {
			for i := range p.of {
				if one := p.of[i]; one != nil && !yield(p.number*pageIDs+SessionID(i), one) {
					return
				}
			}
		}
	}
}
