package room

import "ddcos/protocol"

// What a member takes of memory beside its own text, in bytes: itself, and each
// pair of its labels and state. It errs downwards, by less than a quarter for
// a member that shows all it may.
const (
	memberWeight = 512
	pairWeight   = 64
)

// weigh is about how many bytes of memory a member takes that shows this.
func weigh(name string, labels, state map[string]string) int {
	return memberWeight + len(name) + weighPairs(labels) + weighPairs(state)
}

func weighPairs(pairs map[string]string) int {
	n := 0
	for k, v := range pairs {
		n += pairWeight + len(k) + len(v)
	}
	return n
}

// bears refuses what members would show beyond the broker's memory for it.
func (r *Rooms) bears(more int) error {
	if r.short && more > 0 {
		return protocol.Errorf(protocol.CodeOverloaded, "this broker has no memory left for what members show")
	}
	if r.shown+more > r.limits.MemberBytes {
		return protocol.Errorf(protocol.CodeTooManyMembers, "the members of this broker take %d bytes; %d are the most", r.shown, r.limits.MemberBytes)
	}
	return nil
}
