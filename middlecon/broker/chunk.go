package broker

import (
	"ddcos/middlecon/room"
	"ddcos/protocol"
)

// What the entries of one chunk may take, by an estimate that errs upwards.
// What is left of MaxBody is for a summary.
const (
	chunkBytes = protocol.MaxBody - 2048
	fixedBytes = 64 // the numbers and msgpack heads of one element
)

// pull is an account on its way to its caller: cut into frames one at a time,
// so that no more of it waits in the queue than the queue allows.
type pull struct {
	sequence uint64
	account  *room.Account
	bytes    int // that it holds
	entry    int // the next to go
	offset   int // bytes of its reply that went
	absent   int
}

// next makes one frame; last tells that it was the final one.
func (p *pull) next() (f []byte, last bool) {
	var chunk protocol.AccountChunk
	left := chunkBytes
	for p.entry < len(p.account.Entries) && len(chunk.Entries) < protocol.MaxChunk {
		e := p.account.Entries[p.entry]
		fixed := fixedBytes + len(e.Name) + len(e.Host) + len(e.Error)
		if left < fixed+min(1024, len(e.Reply)-p.offset) {
			break
		}
		e.Reply = e.Reply[p.offset:]
		if room := left - fixed; len(e.Reply) > room {
			e.Reply, e.More = e.Reply[:room], true
		}
		left -= fixed + len(e.Reply)
		chunk.Entries = append(chunk.Entries, e)
		if e.More {
			p.offset += len(e.Reply)
			break
		}
		p.entry, p.offset = p.entry+1, 0
	}
	if p.entry == len(p.account.Entries) {
		rest := p.account.Absent[p.absent:]
		n := fit(rest, protocol.MaxChunk-len(chunk.Entries), &left, absentBytes)
		chunk.Absent = rest[:n]
		p.absent += n
	}
	last = p.entry == len(p.account.Entries) && p.absent == len(p.account.Absent)
	h := protocol.Header{Kind: protocol.KindAccount, Sequence: p.sequence, Flags: protocol.FlagMore}
	if last {
		h.Flags, chunk.Summary = 0, &p.account.Summary
	}
	return frame(h, chunk), last
}

// viewFrames cuts one change of a view into frames.
func viewFrames(sequence uint64, change protocol.ViewChunk) [][]byte {
	var frames [][]byte
	for {
		chunk, left := change, chunkBytes
		n := fit(change.Joined, protocol.MaxChunk, &left, memberBytes)
		chunk.Joined, change.Joined = change.Joined[:n], change.Joined[n:]
		used := n
		n = fit(change.Gone, protocol.MaxChunk-used, &left, goneBytes)
		chunk.Gone, change.Gone = change.Gone[:n], change.Gone[n:]
		used += n
		n = fit(change.Changed, protocol.MaxChunk-used, &left, changedBytes)
		chunk.Changed, change.Changed = change.Changed[:n], change.Changed[n:]
		used += n
		n = fit(change.Absent, protocol.MaxChunk-used, &left, absentBytes)
		chunk.Absent, change.Absent = change.Absent[:n], change.Absent[n:]

		more := len(change.Joined)+len(change.Gone)+len(change.Changed)+len(change.Absent) > 0
		h := protocol.Header{Kind: protocol.KindView, Sequence: sequence}
		if more {
			h.Flags = protocol.FlagMore
		}
		frames = append(frames, frame(h, chunk))
		if !more {
			return frames
		}
	}
}

// fit counts how many of the first elements go into a chunk that has room for
// most elements and left bytes, and takes their bytes from left.
func fit[E any](elements []E, most int, left *int, size func(*E) int) int {
	for i := range elements {
		n := fixedBytes + size(&elements[i])
		if i == most || *left < n {
			return i
		}
		*left -= n
	}
	return len(elements)
}

func memberBytes(m *protocol.Member) int {
	return len(m.Name) + len(m.Host) + labelBytes(m.Labels) + labelBytes(m.State)
}

func labelBytes(labels map[string]string) (n int) {
	for k, v := range labels {
		n += len(k) + len(v) + 4
	}
	return n
}

func changedBytes(c *protocol.Changed) int { return len(c.Name) + labelBytes(c.State) }

func goneBytes(g *protocol.Gone) int { return len(g.Name) + len(g.Text) }

func absentBytes(a *protocol.Absent) int { return len(a.Name) + len(a.Host) + len(a.Reason) }
