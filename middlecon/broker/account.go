package broker

import (
	"slices"
	"time"

	"ddcos/middlecon/room"
	"ddcos/protocol"
)

// partialEvery is how often at most a caller is told of a call that goes on: what
// is settled meanwhile goes home together.
const partialEvery = 2 * time.Millisecond

// summaryBytes is what an account's summary takes at most.
const summaryBytes = 2048

// pull is an account on its way to its caller: cut into frames one at a time,
// so that no more of it waits in the queue than the queue allows.
type pull struct {
	account *room.Account
	next    int // the next to go, of account.Order
	upTo    int // the first that may not go yet
	offset  int // bytes of the next one's reply that went
	whose   int // of the entries, told bytes of whose reply went before it was settled
	told    int
	absent  int           // the next to go
	since   time.Duration // when something went before the call was over
	done    bool          // the call is over
	bytes   int           // that it holds since then
}

// pullOf finds the account among those on their way, or puts it there.
func (s *session) pullOf(a *room.Account) *pull {
	c, i := s.calls(), -1
	if a.Streamed {
		i = slices.IndexFunc(c.pulling, func(p pull) bool { return p.account == a })
	}
	if i < 0 {
		i = len(c.pulling)
		c.pulling = append(c.pulling, pull{account: a, since: -partialEvery})
	}
	return &c.pulling[i]
}

// pull lets accounts flow into their caller's queue as far as there is room, the
// oldest first.
func (b *Broker) pull(s *session) {
	c := s.caller
	if c == nil {
		return
	}
	kept := c.pulling[:0]
	for i := range c.pulling {
		p := &c.pulling[i]
		for last := false; !last; {
			if !b.ready(s, p) || len(s.queue) > 0 && b.crowded() || b.full(s, protocol.MaxFrame) {
				kept = append(kept, *p)
				break
			}
			var q queued
			q, last = b.chunk(p)
			b.enqueue(s, q)
			if last {
				b.home(s, p)
			}
		}
	}
	clear(c.pulling[len(kept):])
	c.pulling = kept
}

// ready tells whether more of an account may go now. What is too soon is pulled
// again when it is time.
func (b *Broker) ready(s *session, p *pull) bool {
	if p.done || p.next == p.upTo && p.comes() == 0 {
		return p.done
	}
	if b.clock-p.since >= partialEvery {
		return true
	}
	if len(b.paced) == 0 {
		b.pacedAt = b.clock + partialEvery
	}
	if !s.paced {
		s.paced = true
		b.paced = append(b.paced, s)
	}
	return false
}

// pace has those pulled for whom it was too soon.
func (b *Broker) pace() {
	if len(b.paced) == 0 || b.clock < b.pacedAt {
		return
	}
	for _, s := range b.paced {
		s.paced = false
		b.soil(s)
	}
	clear(b.paced)
	b.paced = b.paced[:0]
}

// chunk makes the next frame of an account, in borrowed memory; last tells that
// it is the final one.
func (b *Broker) chunk(p *pull) (q queued, last bool) {
	a, left := p.account, chunkBytes
	first, offset := p.next, p.offset
	n, cut := p.fit(&left)
	come := 0
	if cut == 0 && n < protocol.MaxChunk {
		come = p.come(&left)
	}
	var absent []protocol.Absent
	var summary *protocol.Summary
	h := protocol.Header{Kind: protocol.KindAccount, Flags: protocol.FlagMore, Sequence: a.Sequence}
	if p.done && p.next == len(a.Order) {
		rest := a.Absent[p.absent:]
		absent = rest[:fit(rest, protocol.MaxChunk-n, &left, absentBytes)]
		p.absent += len(absent)
		if p.absent == len(a.Absent) {
			last, summary, h.Flags = true, &a.Summary, 0
		}
	} else if !p.done {
		p.since = b.clock
	}
	var part protocol.Entry
	entry := func(i int) *protocol.Entry {
		at, from, size, more := p.whose, p.told-come, p.told, true
		if i < n {
			at = int(a.Order[first+i])
			size, more = a.ReplyBytes(at), i == n-1 && cut > 0
			if from = p.begin(at); i == 0 {
				from = max(from, offset)
			}
			if more {
				size = from + cut
			}
		}
		e := &a.Entries[at]
		if size -= from; from == 0 && !more && size == len(e.Reply) {
			return e
		}
		part = *e
		b.joined = slices.Grow(b.joined[:0], size)
		part.Reply, part.More = a.Reply(at, from, size, b.joined), more
		return &part
	}
	f := protocol.AppendHeader(b.borrow(protocol.HeaderSize+summaryBytes+chunkBytes-left), h)
	f, err := protocol.EndFrame(protocol.AppendAccount(f, n+min(come, 1), entry, absent, summary), 0, nil)
	if err != nil {
		panic("broker: a chunk longer than it was meant to be: " + err.Error())
	}
	return queued{frame: f, lent: b.lend(f)}, last
}

// fit counts the entries that go into a chunk with room for left bytes, and
// moves on behind them. Of the last one's reply only cut bytes may fit, where cut
// is not 0.
func (p *pull) fit(left *int) (n, cut int) {
	for p.next < p.upTo && n < protocol.MaxChunk {
		at := int(p.account.Order[p.next])
		e := &p.account.Entries[at]
		p.offset = max(p.offset, p.begin(at))
		rest := p.account.ReplyBytes(at) - p.offset
		fixed := e.Size() - len(e.Reply)
		if *left < fixed+min(1024, rest) {
			break
		}
		*left -= fixed
		n++
		if rest > *left {
			cut = *left
			p.offset, *left = p.offset+cut, 0
			break
		}
		*left -= rest
		p.next, p.offset = p.next+1, 0
	}
	return n, cut
}
