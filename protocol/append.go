package protocol

import (
	"encoding/binary"
	"math"
	"slices"
	"strings"
	"unicode/utf8"
)

// What a broker and its callers write with every message is appended here by
// hand: into a buffer that is there, without reflection. The bytes are those
// that Encode has the library write for every other body.

// Append appends c's msgpack.
func (c *Call) Append(b []byte) []byte {
	b = appendMap(b, 3+ones(len(c.Labels) > 0, c.To != "", c.Key != "", c.Value != "", c.Wait != 0, c.WaitUS != 0, len(c.State) > 0, c.Partial))
	b = appendText(appendText(b, "room"), c.Room)
	b = appendUint(appendText(b, "rule"), uint64(c.Rule))
	b = appendUint(appendText(b, "n"), uint64(c.N))
	b = appendPairs(b, "labels", c.Labels)
	b = appendTextUnlessEmpty(b, "to", c.To)
	b = appendTextUnlessEmpty(b, "key", c.Key)
	b = appendTextUnlessEmpty(b, "value", c.Value)
	b = appendUintUnlessZero(b, "wait", uint64(c.Wait))
	b = appendUintUnlessZero(b, "wait_us", uint64(c.WaitUS))
	b = appendPairs(b, "state", c.State)
	if c.Partial {
		b = appendBool(appendText(b, "partial"), true)
	}
	return b
}

// Append appends d's msgpack.
func (d *Deliver) Append(b []byte) []byte {
	b = appendMap(b, 3+ones(d.Principal != "", d.Roles != ""))
	b = appendUint(appendText(b, "view"), d.View)
	b = appendText(appendText(b, "host"), d.Host)
	b = appendInt(appendText(b, "pid"), int64(d.PID))
	b = appendTextUnlessEmpty(b, "principal", d.Principal)
	return appendTextUnlessEmpty(b, "roles", d.Roles)
}

// Append appends c's msgpack.
func (c *AccountChunk) Append(b []byte) []byte {
	return AppendAccount(b, len(c.Entries), func(i int) *Entry { return &c.Entries[i] }, c.Absent, c.Summary)
}

// AppendAccount appends the msgpack of an AccountChunk of n entries, wherever
// they are; an entry is used before the next is asked for.
func AppendAccount(b []byte, n int, entry func(i int) *Entry, absent []Absent, summary *Summary) []byte {
	b = appendMap(b, ones(n > 0, len(absent) > 0, summary != nil))
	if n > 0 {
		b = appendArray(appendText(b, "entries"), n)
		for i := range n {
			b = entry(i).append(b)
		}
	}
	if len(absent) > 0 {
		b = appendArray(appendText(b, "absent"), len(absent))
		for i := range absent {
			b = absent[i].append(b)
		}
	}
	if summary != nil {
		b = summary.append(appendText(b, "summary"))
	}
	return b
}

// Size is at least as many bytes as the entry takes in an account.
func (e *Entry) Size() int {
	return maxFixed + len(e.Name) + len(e.Host) + len(e.Error) + len(e.Reply)
}

// maxFixed is what the numbers and the msgpack heads of an entry take at most.
const maxFixed = 64

func (e *Entry) append(b []byte) []byte {
	b = appendUint(appendArray(b, 9), uint64(e.Member))
	b = appendInt(appendText(appendText(b, e.Name), e.Host), int64(e.PID))
	b = appendUint(appendUint(b, uint64(e.Outcome)), e.LatencyUS)
	return appendBool(appendBytes(appendText(b, e.Error), e.Reply), e.More)
}

func (a *Absent) append(b []byte) []byte {
	b = appendUint(appendArray(b, 6), uint64(a.ID))
	b = appendInt(appendText(appendText(b, a.Name), a.Host), int64(a.PID))
	return appendText(appendUint(b, a.AgoMS), a.Reason)
}

func (s *Summary) append(b []byte) []byte {
	b = appendMap(b, 10+ones(s.Key != "", s.Value != "", s.WaitedUS != 0, s.Bound != 0, s.Bids != 0))
	b = appendText(appendText(b, "room"), s.Room)
	b = appendUint(appendText(b, "view"), s.View)
	b = appendUint(appendText(b, "view_size"), uint64(s.ViewSize))
	b = appendUint(appendText(b, "selected"), uint64(s.Selected))
	b = appendUint(appendText(b, "rule"), uint64(s.Rule))
	b = appendUint(appendText(b, "n"), uint64(s.N))
	b = appendBool(appendText(b, "met"), s.Met)
	b = appendUint(appendText(b, "elapsed_us"), s.ElapsedUS)
	b = appendUint(appendText(b, "late"), uint64(s.Late))
	b = appendUint(appendText(b, "duplicate"), uint64(s.Duplicate))
	b = appendTextUnlessEmpty(b, "key", s.Key)
	b = appendTextUnlessEmpty(b, "value", s.Value)
	b = appendUintUnlessZero(b, "waited_us", s.WaitedUS)
	b = appendUintUnlessZero(b, "bound", uint64(s.Bound))
	return appendUintUnlessZero(b, "bids", uint64(s.Bids))
}

// ones counts what is true.
func ones(all ...bool) (n int) {
	for _, one := range all {
		if one {
			n++
		}
	}
	return n
}

func appendMap(b []byte, pairs int) []byte {
	if pairs > 0x0f {
		return binary.BigEndian.AppendUint16(append(b, 0xde), uint16(pairs))
	}
	return append(b, 0x80|byte(pairs))
}

func appendArray(b []byte, elements int) []byte {
	if elements > 0x0f {
		return binary.BigEndian.AppendUint16(append(b, 0xdc), uint16(elements))
	}
	return append(b, 0x90|byte(elements))
}

func appendBool(b []byte, v bool) []byte {
	if v {
		return append(b, 0xc3)
	}
	return append(b, 0xc2)
}

func appendUint(b []byte, n uint64) []byte {
	switch {
	case n <= math.MaxInt8:
		return append(b, byte(n))
	case n <= math.MaxUint8:
		return append(b, 0xcc, byte(n))
	case n <= math.MaxUint16:
		return binary.BigEndian.AppendUint16(append(b, 0xcd), uint16(n))
	case n <= math.MaxUint32:
		return binary.BigEndian.AppendUint32(append(b, 0xce), uint32(n))
	}
	return binary.BigEndian.AppendUint64(append(b, 0xcf), n)
}

// appendInt takes what fits 32 bits.
func appendInt(b []byte, n int64) []byte {
	switch {
	case n >= 0:
		return appendUint(b, uint64(n))
	case n >= -32:
		return append(b, byte(n))
	case n >= math.MinInt8:
		return append(b, 0xd0, byte(n))
	case n >= math.MinInt16:
		return binary.BigEndian.AppendUint16(append(b, 0xd1), uint16(n))
	}
	return binary.BigEndian.AppendUint32(append(b, 0xd2), uint32(n))
}

// appendText appends a string, with question marks for what is no UTF-8.
func appendText(b []byte, s string) []byte {
	switch n := len(s); {
	case n <= 0x1f:
		b = append(b, 0xa0|byte(n))
	case n <= math.MaxUint8:
		b = append(b, 0xd9, byte(n))
	case n <= math.MaxUint16:
		b = binary.BigEndian.AppendUint16(append(b, 0xda), uint16(n))
	default:
		b = binary.BigEndian.AppendUint32(append(b, 0xdb), uint32(n))
	}
	at := len(b)
	b = append(b, s...)
	if !utf8.ValidString(s) {
		mend(b[at:])
	}
	return b
}

func appendBytes(b, v []byte) []byte {
	switch n := len(v); {
	case v == nil:
		return append(b, 0xc0)
	case n <= math.MaxUint8:
		b = append(b, 0xc4, byte(n))
	case n <= math.MaxUint16:
		b = binary.BigEndian.AppendUint16(append(b, 0xc5), uint16(n))
	default:
		b = binary.BigEndian.AppendUint32(append(b, 0xc6), uint32(n))
	}
	return append(b, v...)
}

func appendTextUnlessEmpty(b []byte, key, s string) []byte {
	if s == "" {
		return b
	}
	return appendText(appendText(b, key), s)
}

func appendUintUnlessZero(b []byte, key string, n uint64) []byte {
	if n == 0 {
		return b
	}
	return appendUint(appendText(b, key), n)
}

// appendPairs appends labels or a state, by key, unless it is empty.
func appendPairs(b []byte, key string, pairs map[string]string) []byte {
	if len(pairs) == 0 {
		return b
	}
	b = appendMap(appendText(b, key), len(pairs))
	keys := make([]string, 0, len(pairs))
	for k := range pairs {
		keys = append(keys, k)
	}
	slices.SortFunc(keys, strings.Compare)
	for _, k := range keys {
		b = appendText(appendText(b, k), pairs[k])
	}
	return b
}
