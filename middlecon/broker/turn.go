package broker

// A turn is what the loop does for one batch of bytes, one letter or one
// connection's end, settle included.

// turnBytes is how much memory a turn has at first for the frames that it makes.
const turnBytes = 256 << 10

// begin begins one: the clock is read, once for all that it brings.
func (b *Broker) begin() {
	b.clock, b.statsMeta = b.now(), nil
	b.later.copied, b.later.unread, b.later.spread = 0, false, false
}

// borrow gives room for a frame of so many bytes that is written within the turn.
// Of what is appended to it, lend keeps the bytes until the turn's end.
func (b *Broker) borrow(size int) []byte {
	if cap(b.memory)-len(b.memory) < size {
		b.memory = make([]byte, 0, max(turnBytes, size)) // the frames before keep the one that is full
	}
	return b.memory[len(b.memory):len(b.memory)]
}

// lend keeps a frame that was appended to what was borrowed last, and tells
// whether it is still there, and not grown out of it.
func (b *Broker) lend(frame []byte) bool {
	if at := len(b.memory); cap(b.memory)-at == cap(frame) {
		b.memory = b.memory[:at+len(frame)]
		return true
	}
	return false
}
