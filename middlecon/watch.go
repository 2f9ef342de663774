package middlecon

import (
	"cmp"
	"context"
	"fmt"
	"sync"
	"sync/atomic"

	"ddcos/protocol"
)

// maxUnread bounds the views that a Watch keeps for a slow reader; then it ends.
const maxUnread = 4096

// View is a room's numbered member list, or what changed since the one before.
type View struct {
	Room    string
	Number  uint64
	Size    int
	Full    bool              // Joined lists every member; else Joined and Gone tell what changed
	Joined  []protocol.Member // in the order of their joining
	Gone    []protocol.Gone
	Changed []protocol.Changed // whose state was set, or who has parted or come back, within this view
	Absent  []Absent           // with Full: lost and not back
	Will    *Will              // not nil: somebody's last word to the room, and nothing else; the view is as it was
}

// Watch gives a room's views in order, the full one first.
type Watch struct {
	conn     *Conn
	room     string
	sequence uint64 // conn.mu guards it
	link     *link  // likewise
	once     bool

	mu    sync.Mutex // guards the fields below
	part  *View      // of which more chunks will come
	size  int        // of the latest view
	views []View
	err   error

	turnedAway atomic.Bool // by a broker that goes away

	ready chan struct{} // holds a token while there is something to take
}

// Members gives a room's view as it is now; a room without members has none.
func (c *Conn) Members(ctx context.Context, room string) (*View, error) {
	ctx, cancel := context.WithTimeout(ctx, c.options.Timeout)
	defer cancel()
	for {
		w, err := c.watch(room, true)
		if err != nil {
			return nil, err
		}
		view, err := w.Next(ctx)
		w.Stop()
		switch {
		case err == nil:
			return view, nil
		case !w.turnedAway.Load() || !c.moves(ctx, w.link):
			return nil, fmt.Errorf("members of %s: %w", room, err)
		}
	}
}

// Watch follows a room's views until Stop.
func (c *Conn) Watch(room string) (*Watch, error) { return c.watch(room, false) }

func (c *Conn) watch(room string, once bool) (*Watch, error) {
	if err := protocol.CheckName(room); err != nil {
		return nil, err
	}
	w := &Watch{conn: c, room: room, once: once, ready: make(chan struct{}, 1)}
	c.mu.Lock()
	if err := cmp.Or(c.err, c.down); err != nil {
		c.mu.Unlock()
		return nil, err
	}
	c.sequence++
	w.sequence = c.sequence
	c.watches[w.sequence] = w
	w.link = c.link
	out, sequence := w.link.out, w.sequence
	c.mu.Unlock()
	body := protocol.Encode(protocol.Watch{Room: room, Once: once})
	if err := c.sendBy(out, protocol.Header{Kind: protocol.KindWatch, Sequence: sequence}, body, nil); err != nil && !c.options.Reconnect {
		return nil, err // else the next session watches
	}
	return w, nil
}

// Next waits for the next view.
func (w *Watch) Next(ctx context.Context) (*View, error) {
	for {
		w.mu.Lock()
		if len(w.views) > 0 {
			v := w.views[0]
			w.views = w.views[1:]
			w.mu.Unlock()
			w.wake() // another who waits may find the next, or the end
			return &v, nil
		}
		err := w.err
		w.mu.Unlock()
		if err != nil {
			w.wake()
			return nil, err
		}
		select {
		case <-w.ready:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// Stop ends the watch; Next then gives what came before, and ErrClosed.
func (w *Watch) Stop() {
	w.conn.mu.Lock()
	delete(w.conn.watches, w.sequence)
	out, sequence := w.link.out, w.sequence
	w.conn.mu.Unlock()
	if !w.once {
		// Where the session is over there is nothing to cancel.
		_ = out.frame(protocol.Header{Kind: protocol.KindCancel, Sequence: sequence}, nil, nil)
	}
	w.fail(ErrClosed)
}

// stop is called when the session is over.
func (w *Watch) stop() { w.fail(w.conn.Err()) }

func (w *Watch) fail(err error) {
	w.mu.Lock()
	if w.err == nil {
		w.err = err
	}
	w.mu.Unlock()
	w.wake()
}

func (w *Watch) wake() {
	select {
	case w.ready <- struct{}{}:
	default:
	}
}

// viewed adds one chunk to its watch.
func (c *Conn) viewed(f protocol.Frame) error {
	c.mu.Lock()
	w := c.watches[f.Sequence]
	c.mu.Unlock()
	if w == nil {
		return nil
	}
	var chunk protocol.ViewChunk
	if err := protocol.DecodeAnswer(f.Meta, &chunk); err != nil {
		return err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.part == nil {
		w.part = &View{Room: chunk.Room, Number: chunk.View, Size: int(chunk.Size), Full: chunk.Full}
	}
	w.part.Joined = append(w.part.Joined, chunk.Joined...)
	w.part.Gone = append(w.part.Gone, chunk.Gone...)
	w.part.Changed = append(w.part.Changed, chunk.Changed...)
	for _, gone := range chunk.Absent {
		w.part.Absent = append(w.part.Absent, absent(gone))
	}
	if len(w.part.Joined) > maxMembers || len(w.part.Gone)+len(w.part.Changed) > maxMembers || len(w.part.Absent) > maxMembers {
		return protocol.Errorf(protocol.CodeMalformed, "a view of over %d members", maxMembers)
	}
	if f.Flags&protocol.FlagMore != 0 {
		return nil
	}
	w.size = w.part.Size
	w.keep(*w.part)
	w.part = nil
	return nil
}

// keep adds what there is to be read. w.mu is held.
func (w *Watch) keep(v View) {
	if len(w.views) >= maxUnread {
		w.err = fmt.Errorf("%d views were not read: the watch is over", maxUnread)
	} else if w.err == nil {
		w.views = append(w.views, v)
	}
	w.wake()
}

// watchFailed gives a refusal to the watch it is for.
func (c *Conn) watchFailed(l *link, f protocol.Frame) bool {
	c.mu.Lock()
	w := c.watches[f.Sequence]
	moves := w != nil && !w.once && turnedAway(f.Header) && c.options.Reconnect && c.several()
	if !moves {
		delete(c.watches, f.Sequence)
	}
	c.mu.Unlock()
	switch {
	case moves:
		notice(l.hurry) // the next session watches
	case w != nil:
		w.turnedAway.Store(turnedAway(f.Header))
		w.fail(frameError(f))
	}
	return w != nil
}
