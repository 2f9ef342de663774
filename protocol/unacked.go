package protocol

// Unacked are the frames that one side of a session has sent and the other has
// not acknowledged, oldest first: what is sent again when the session is resumed.
// Both sides count the frames of a session from its first, Hello or Welcome, on,
// and begin anew when it is resumed.
type Unacked[F any] struct {
	frames []unacked[F] // from head on
	head   int
	before uint64 // frames sent before the first that is kept
	bytes  int    // of those kept
}

type unacked[F any] struct {
	frame F
	size  int
}

// keptRoom is for how many frames there stays room when none is kept: what a burst took is let go.
const keptRoom = 256

// Add notes a frame of size bytes as sent. Beyond most bytes in all the oldest
// are forgotten: a session that needs them cannot be resumed.
func (u *Unacked[F]) Add(frame F, size, most int) {
	u.frames = append(u.frames, unacked[F]{frame, size})
	u.bytes += size
	for u.bytes > most {
		u.drop(1)
	}
}

// Ack notes that n frames of this session have come. More than were sent is CodeMalformed.
func (u *Unacked[F]) Ack(n uint64) error {
	if n > u.Sent() {
		return Errorf(CodeMalformed, "%d frames are acknowledged; %d were sent", n, u.Sent())
	}
	if n > u.before {
		u.drop(int(n - u.before))
	}
	return nil
}

// After gives the frames behind the first n; ok is false where some of them are
// forgotten, or fewer than n were sent.
func (u *Unacked[F]) After(n uint64) (rest []F, ok bool) {
	if n < u.before || n > u.Sent() {
		return nil, false
	}
	for _, f := range u.frames[u.head+int(n-u.before):] {
		rest = append(rest, f.frame)
	}
	return rest, true
}

// Sent counts the frames of this session.
func (u *Unacked[F]) Sent() uint64 { return u.before + uint64(len(u.frames)-u.head) }

// Bytes are those of the frames that are kept.
func (u *Unacked[F]) Bytes() int { return u.bytes }

// drop forgets the n oldest, and closes the gap when it is most of the memory.
func (u *Unacked[F]) drop(n int) {
	for i := u.head; i < u.head+n; i++ {
		u.bytes -= u.frames[i].size
		u.frames[i] = unacked[F]{}
	}
	u.head += n
	u.before += uint64(n)
	if 2*u.head >= len(u.frames) {
		kept := copy(u.frames, u.frames[u.head:])
		clear(u.frames[kept:])
		u.frames, u.head = u.frames[:kept], 0
		if kept == 0 && cap(u.frames) > keptRoom {
			u.frames = nil
		}
	}
}

// An acknowledgement is due after so many frames, or so many bytes of them.
const (
	ackFrames = 64
	ackBytes  = 32 << 10
)

// Received counts the frames that came in a session, and tells when to say so.
type Received struct {
	Frames uint64
	told   uint64
	bytes  int // since then
}

// Add counts one frame of size bytes, and tells whether Frames is to be
// acknowledged now; it is taken to be.
func (r *Received) Add(size int) (ack bool) {
	r.Frames++
	r.bytes += size
	if r.Frames-r.told < ackFrames && r.bytes < ackBytes {
		return false
	}
	r.told, r.bytes = r.Frames, 0
	return true
}

// Tell is Frames, which are taken to be acknowledged now: with the pong to a ping, so that
// a side which only pings has nothing to keep.
func (r *Received) Tell() uint64 {
	r.told, r.bytes = r.Frames, 0
	return r.Frames
}
