package broker

import "ddcos/protocol"

// What the entries of one chunk may take, by an estimate that errs upwards.
// What is left of MaxBody is for a summary.
const (
	chunkBytes = protocol.MaxBody - summaryBytes
	fixedBytes = 64 // the numbers and msgpack heads of one element
)

// viewMetas cuts one change of a view into what frames have room for.
func viewMetas(change protocol.ViewChunk) [][]byte {
	var metas [][]byte
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

		metas = append(metas, protocol.Encode(chunk))
		if len(change.Joined)+len(change.Gone)+len(change.Changed)+len(change.Absent) == 0 {
			return metas
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
