package broker

import "testing"

// An idle session has no memory for a queue; what is kept of others' is bounded,
// and lent empty.
func TestQueues(t *testing.T) {
	var b Broker
	s := &session{}
	b.enqueue(s, queued{frame: []byte("one")})
	b.enqueue(s, queued{frame: []byte("two")})
	if b.queues.release(s); s.queue == nil {
		t.Fatal("a queue that is not empty was taken back")
	}
	clear(s.queue)
	s.queue, s.bytes = s.queue[:0], 0
	b.queues.release(s)
	if s.queue != nil || b.queues.frames < 2 {
		t.Fatalf("an empty queue was not taken back: %d frames are kept", b.queues.frames)
	}
	other := &session{}
	b.enqueue(other, queued{frame: []byte("three")})
	if len(other.queue) != 1 || other.bytes != 5 || len(b.queues.empty) != 0 || b.queues.frames != 0 {
		t.Fatalf("%d frames of %d bytes wait; %d queues and %d frames are kept", len(other.queue), other.bytes, len(b.queues.empty), b.queues.frames)
	}
	for range 3 {
		b.queues.release(&session{queue: make([]queued, 0, framesKept/2)})
	}
	if b.queues.frames != framesKept || len(b.queues.empty) != 2 {
		t.Errorf("%d frames in %d queues are kept; %d are the most", b.queues.frames, len(b.queues.empty), framesKept)
	}
}
