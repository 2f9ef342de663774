package bench

import (
	"encoding/binary"
	"errors"
	"fmt"
)

// HTTP/2 frames and settings (RFC 9113), as far as a stream of gRPC messages needs them.
const (
	h2Data         = 0
	h2Headers      = 1
	h2Reset        = 3
	h2Settings     = 4
	h2Ping         = 6
	h2GoAway       = 7
	h2WindowUpdate = 8

	h2EndStream  = 0x1
	h2Ack        = 0x1
	h2EndHeaders = 0x4
	h2Padded     = 0x8

	h2Header        = 9
	h2MaxFrame      = 16 << 10 // of a payload: what an endpoint takes that says nothing else
	h2FirstWindow   = 65535
	h2Window        = 1 << 20 // that we give the broker
	h2TableSize     = 1
	h2EnablePush    = 2
	h2InitialWindow = 4
	h2Stream        = 1        // the only stream of a connection
	grpcHeader      = 5        // a zero and a length
	grpcMax         = 32 << 10 // bytes of a message that a measurement meets
)

// h2 is one stream of messages over one HTTP/2 connection, as a gRPC client has it, in bytes.
type h2 struct {
	left, padding int // bytes of the DATA frame that is being read: messages, and what follows them
	partial       []byte
	eaten         int    // bytes since the broker was given more window
	whole, own    int    // window that the broker gives us: for the connection, and for the stream
	initial       int    // and gives a stream at first
	waiting       []byte // messages that the window does not let out
}

// hello appends what opens the stream of that method.
func (h *h2) hello(out []byte, method string) []byte {
	h.whole, h.own, h.initial = h2FirstWindow, h2FirstWindow, h2FirstWindow
	out = append(out, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"...)
	out = appendH2(out, h2Settings, 0, 0, 18)
	for _, s := range [][2]uint32{{h2TableSize, 0}, {h2EnablePush, 0}, {h2InitialWindow, h2Window}} {
		out = binary.BigEndian.AppendUint32(binary.BigEndian.AppendUint16(out, uint16(s[0])), s[1])
	}
	out = appendWindow(out, 0, h2Window-h2FirstWindow)
	fields := []byte{0x83, 0x86} // :method POST, :scheme http: of HPACK's static table
	fields = appendField(fields, []byte{0x01}, "bench")
	fields = appendField(fields, []byte{0x04}, method)
	fields = appendField(fields, []byte{0x0f, 0x10}, "application/grpc")
	fields = appendField(fields, append([]byte{0x00}, "\x02te"...), "trailers")
	return append(appendH2(out, h2Headers, h2EndHeaders, h2Stream, len(fields)), fields...)
}

// appendField appends a header field by its name, as HPACK has it, and a value of under 127 bytes.
func appendField(out, name []byte, value string) []byte {
	return append(append(append(out, name...), byte(len(value))), value...)
}

func appendH2(out []byte, kind, flags byte, stream uint32, length int) []byte {
	out = append(out, byte(length>>16), byte(length>>8), byte(length), kind, flags)
	return binary.BigEndian.AppendUint32(out, stream)
}

func appendWindow(out []byte, stream uint32, more int) []byte {
	return binary.BigEndian.AppendUint32(appendH2(out, h2WindowUpdate, 0, stream, 4), uint32(more))
}

// send appends a message, a protobuf BytesValue of those parts, as far as the window lets it out.
func (h *h2) send(out []byte, parts ...[]byte) []byte {
	size := 0
	for _, p := range parts {
		size += len(p)
	}
	length := binary.AppendUvarint([]byte{0x0a}, uint64(size))
	h.waiting = append(h.waiting, 0)
	h.waiting = binary.BigEndian.AppendUint32(h.waiting, uint32(len(length)+size))
	h.waiting = append(h.waiting, length...)
	for _, p := range parts {
		h.waiting = append(h.waiting, p...)
	}
	return h.flush(out)
}

// flush appends what waits and may leave.
func (h *h2) flush(out []byte) []byte {
	for len(h.waiting) > 0 {
		n := min(len(h.waiting), h2MaxFrame, h.whole, h.own)
		if n <= 0 {
			break
		}
		out = append(appendH2(out, h2Data, 0, h2Stream, n), h.waiting[:n]...)
		h.waiting = h.waiting[:copy(h.waiting, h.waiting[n:])]
		h.whole, h.own = h.whole-n, h.own-n
	}
	return out
}

// take reads what stands at the head of in: a frame, or the next part of one that carries messages.
// value, nil where no message is complete, lives as in does; used is 0 while too little has come.
func (h *h2) take(in, out []byte) (used int, value, answer []byte, err error) {
	switch {
	case h.left > 0:
		used, value, err = h.message(in)
		return used, value, out, err
	case h.padding > 0:
		used = min(h.padding, len(in))
		h.padding -= used
		return used, nil, out, nil
	case len(in) < h2Header:
		return 0, nil, out, nil
	}
	length, kind, flags := int(in[0])<<16|int(in[1])<<8|int(in[2]), in[3], in[4]
	switch {
	case length > h2MaxFrame:
		return 0, nil, out, fmt.Errorf("a frame of %d bytes", length)
	case kind == h2Data:
		return h.data(in, out, length, flags)
	case len(in) < h2Header+length:
		return 0, nil, out, nil
	}
	stream := binary.BigEndian.Uint32(in[5:]) & (1<<31 - 1)
	answer, err = h.control(in[h2Header:h2Header+length], out, kind, flags, stream)
	return h2Header + length, nil, answer, err
}

// data begins a DATA frame.
func (h *h2) data(in, out []byte, length int, flags byte) (used int, value, answer []byte, err error) {
	if flags&h2EndStream != 0 {
		return 0, nil, out, errors.New("the broker ended the stream")
	}
	used, h.padding = h2Header, 0
	if flags&h2Padded != 0 {
		if len(in) == used {
			return 0, nil, out, nil
		}
		h.padding = int(in[used])
		used++
		if length < 1+h.padding {
			return 0, nil, out, errors.New("more padding than frame")
		}
	}
	h.left = length - (used - h2Header) - h.padding
	if h.eaten += length; h.eaten >= h2Window/2 {
		out = appendWindow(appendWindow(out, 0, h.eaten), h2Stream, h.eaten)
		h.eaten = 0
	}
	return used, nil, out, nil
}

// message takes the next message of a DATA frame, or the part of one that the frame has.
func (h *h2) message(in []byte) (used int, value []byte, err error) {
	in = in[:min(len(in), h.left)]
	if len(h.partial) == 0 {
		size, err := grpcSize(in)
		if err != nil || len(in) < h.left && (size == 0 || size > len(in)) {
			return 0, nil, err // its rest is still to come
		}
		if size > 0 && size <= len(in) {
			h.left -= size
			value, err = bytesValue(in[grpcHeader:size])
			return size, value, err
		}
	}
	// It goes on in the next frame.
	for len(in) > 0 {
		size, err := grpcSize(h.partial)
		if err != nil {
			return 0, nil, err
		}
		n := min(len(in), grpcHeader-len(h.partial))
		if size > 0 {
			n = min(len(in), size-len(h.partial))
		}
		h.partial = append(h.partial, in[:n]...)
		in, used, h.left = in[n:], used+n, h.left-n
		if size, err = grpcSize(h.partial); err != nil {
			return 0, nil, err
		}
		if size == len(h.partial) {
			value, err = bytesValue(h.partial[grpcHeader:])
			h.partial = h.partial[:0]
			return used, value, err
		}
	}
	return used, nil, nil
}

// grpcSize is that of the message at the head of b, 0 while its length has not come.
func grpcSize(b []byte) (int, error) {
	if len(b) < grpcHeader {
		return 0, nil
	}
	length := binary.BigEndian.Uint32(b[1:])
	if b[0] != 0 || length > grpcMax {
		return 0, fmt.Errorf("a message of kind %d and %d bytes", b[0], length)
	}
	return grpcHeader + int(length), nil
}

// bytesValue is what a protobuf BytesValue holds.
func bytesValue(b []byte) ([]byte, error) {
	if len(b) == 0 || b[0] != 0x0a {
		return nil, errors.New("a message that is no BytesValue")
	}
	length, n := binary.Uvarint(b[1:])
	if n <= 0 || length != uint64(len(b)-1-n) {
		return nil, errors.New("a BytesValue of another length than its message")
	}
	return b[1+n:], nil
}

// control takes a frame that carries no message.
func (h *h2) control(body, out []byte, kind, flags byte, stream uint32) ([]byte, error) {
	switch kind {
	case h2Headers:
		if flags&h2EndStream != 0 {
			return out, errors.New("the broker ended the stream")
		}
	case h2Reset, h2GoAway:
		return out, fmt.Errorf("the broker ended it: % x", body)
	case h2Ping:
		if flags&h2Ack == 0 {
			out = append(appendH2(out, h2Ping, h2Ack, 0, len(body)), body...)
		}
	case h2Settings:
		if flags&h2Ack != 0 {
			break
		}
		for s := body; len(s) >= 6; s = s[6:] {
			if binary.BigEndian.Uint16(s) == h2InitialWindow {
				n := int(min(binary.BigEndian.Uint32(s[2:]), 1<<31-1))
				h.own, h.initial = h.own+n-h.initial, n
			}
		}
		out = h.flush(appendH2(out, h2Settings, h2Ack, 0, 0))
	case h2WindowUpdate:
		if len(body) != 4 {
			return out, errors.New("a window update that is none")
		}
		more := int(binary.BigEndian.Uint32(body) & (1<<31 - 1))
		if stream == 0 {
			h.whole += more
		} else {
			h.own += more
		}
		out = h.flush(out)
	}
	return out, nil
}
