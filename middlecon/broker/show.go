package broker

import (
	"ddcos/middlecon/room"
	"ddcos/protocol"
)

// A change of a view is shown to viewsAtOnce watchers in one turn. The others wait in front
// of the line, behind those that are to be shown a change of before; and with more than
// viewsMost of them nobody waits, so that many changes at once take no memory.
const (
	viewsAtOnce = 32
	viewsMost   = 1 << 16
)

// viewed is a change of a view, encoded for all who are told of it one after the other.
type viewed struct {
	change *protocol.ViewChunk
	metas  [][]byte // of its frames
	shown  int      // watchers, of this turn
}

// unshown is a watch that a change is still to be shown to.
type unshown struct {
	session  room.SessionID
	sequence uint64
	metas    [][]byte // shared
}

// show tells one watcher of a change, or has it wait for that.
func (b *Broker) show(e room.View) {
	v, l := &b.viewed, &b.backlog
	if v.change != e.Change {
		v.change, v.metas = e.Change, viewMetas(*e.Change)
	}
	one := unshown{session: e.Session, sequence: e.Sequence, metas: v.metas}
	if len(l.views) == 0 && v.shown < viewsAtOnce {
		v.shown++
		b.showOne(one)
		return
	}
	if l.views = append(l.views, one); len(l.views) > viewsMost {
		b.showWhile(func() bool { return true })
	}
}

// showWhile goes on with those that wait, for as long as it may, but with one at least.
func (b *Broker) showWhile(may func() bool) {
	for l := &b.backlog; len(l.views) > 0; {
		one := l.views[0]
		l.views[0] = unshown{}
		l.views = l.views[1:]
		if b.showOne(one); !may() {
			return
		}
	}
	b.backlog.views = nil
}

func (b *Broker) showOne(one unshown) {
	s := b.byID.Get(one.session)
	for i, meta := range one.metas {
		if s == nil || s.closing {
			return
		}
		h := protocol.Header{Kind: protocol.KindView, Sequence: one.sequence}
		if i < len(one.metas)-1 {
			h.Flags = protocol.FlagMore
		}
		f, err := protocol.AppendFrame(b.borrow(protocol.HeaderSize+len(meta)), h, meta, nil)
		if err != nil {
			panic("broker: a chunk longer than it was meant to be: " + err.Error())
		}
		b.push(s, queued{frame: f, lent: b.lend(f)})
	}
}
