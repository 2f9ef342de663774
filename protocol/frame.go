package protocol

import (
	"bytes"
	"encoding/binary"
	"time"
)

// Frame is one frame; Meta and Payload point into the bytes it was parsed
// from and live as long as those do.
type Frame struct {
	Header
	Meta    []byte
	Payload []byte
}

// Parse reads the frame at the head of b, where limit bytes a frame are
// allowed. size is 0 while b holds only a part of it; the header is checked as
// soon as it is there, so that nobody waits for a length that will be refused.
func Parse(b []byte, limit int) (f Frame, size int, err error) {
	if len(b) < HeaderSize {
		return Frame{}, 0, nil
	}
	h := parseHeader(b)
	if err := h.check(limit, binary.BigEndian.Uint32(b[36:])); err != nil {
		return Frame{}, 0, err
	}
	size = HeaderSize + int(h.Length)
	if len(b) < size {
		return Frame{}, 0, nil
	}
	body := b[HeaderSize:size:size]
	return Frame{Header: h, Meta: body[:h.MetaLen:h.MetaLen], Payload: body[h.MetaLen:]}, size, nil
}

// Need tells how many bytes the frame at the head of b has in all: HeaderSize
// while its header is incomplete, and never more than MaxFrame, because Parse
// refuses such a frame. It is for readers that grow a buffer.
func Need(b []byte) int {
	if len(b) < HeaderSize {
		return HeaderSize
	}
	return HeaderSize + int(min(binary.BigEndian.Uint32(b[4:]), MaxBody))
}

// AppendFrame appends a whole frame and sets the version and both lengths of
// h. meta is nil or one encoded body. A frame over MaxFrame is CodeFrameTooLarge.
func AppendFrame(b []byte, h Header, meta, payload []byte) ([]byte, error) {
	if len(meta)+len(payload) > MaxBody {
		return b, Errorf(CodeFrameTooLarge, "%s of %d bytes; %d are allowed", h.Kind, HeaderSize+len(meta)+len(payload), MaxFrame)
	}
	h.Version = Version
	h.Length = uint32(len(meta) + len(payload))
	h.MetaLen = uint16(len(meta))
	b = AppendHeader(b, h)
	b = append(b, meta...)
	return append(b, payload...), nil
}

// KindOf is the kind of a whole frame.
func KindOf(frame []byte) Kind { return Kind(frame[1]) }

// WithBudget is a copy of a frame with what is left of its deadline.
func WithBudget(frame []byte, left time.Duration) []byte {
	frame = bytes.Clone(frame)
	binary.BigEndian.PutUint32(frame[28:], uint32(max(0, left.Microseconds())))
	return frame
}

// EndFrame completes a frame that was begun at b[at] by AppendHeader and had its
// meta appended behind it, so that no meta has to be put together elsewhere: it
// appends the payload and sets the version and both lengths. A frame over
// MaxFrame is CodeFrameTooLarge, and b ends at at again.
func EndFrame(b []byte, at int, payload []byte) ([]byte, error) {
	meta := len(b) - at - HeaderSize
	if meta+len(payload) > MaxBody {
		return b[:at], Errorf(CodeFrameTooLarge, "%s of %d bytes; %d are allowed", Kind(b[at+1]), HeaderSize+meta+len(payload), MaxFrame)
	}
	b = append(b, payload...)
	h := b[at : at+HeaderSize]
	h[0] = Version
	binary.BigEndian.PutUint32(h[4:], uint32(meta+len(payload)))
	binary.BigEndian.PutUint16(h[32:], uint16(meta))
	return b, nil
}
