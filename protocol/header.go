package protocol

import "encoding/binary"

// Header is the fixed part of every frame: all that routing needs, so that a
// broker never looks into a payload. Numbers are big endian.
type Header struct {
	Version  uint8
	Kind     Kind
	Flags    Flags
	Outcome  Outcome  // Reply only
	Length   uint32   // bytes after the header: meta, then payload
	Sequence uint64   // chosen by who asks; what answers carries it again
	Member   MemberID // Joined: the member; Call: the only one that is meant, 0 for the room
	Room     uint32   // the broker's number of a room, from Joined
	Budget   uint32   // µs left of the deadline when the frame was written
	MetaLen  uint16   // bytes of the msgpack meta
	Code     Code     // Error only
}

// AppendHeader appends h's 40 bytes.
func AppendHeader(b []byte, h Header) []byte {
	b = append(b, h.Version, byte(h.Kind), byte(h.Flags), byte(h.Outcome))
	b = binary.BigEndian.AppendUint32(b, h.Length)
	b = binary.BigEndian.AppendUint64(b, h.Sequence)
	b = binary.BigEndian.AppendUint64(b, uint64(h.Member))
	b = binary.BigEndian.AppendUint32(b, h.Room)
	b = binary.BigEndian.AppendUint32(b, h.Budget)
	b = binary.BigEndian.AppendUint16(b, h.MetaLen)
	b = binary.BigEndian.AppendUint16(b, uint16(h.Code))
	return binary.BigEndian.AppendUint32(b, 0)
}

// parseHeader reads a header; b holds at least HeaderSize bytes.
func parseHeader(b []byte) Header {
	return Header{
		Version:  b[0],
		Kind:     Kind(b[1]),
		Flags:    Flags(b[2]),
		Outcome:  Outcome(b[3]),
		Length:   binary.BigEndian.Uint32(b[4:]),
		Sequence: binary.BigEndian.Uint64(b[8:]),
		Member:   MemberID(binary.BigEndian.Uint64(b[16:])),
		Room:     binary.BigEndian.Uint32(b[24:]),
		Budget:   binary.BigEndian.Uint32(b[28:]),
		MetaLen:  binary.BigEndian.Uint16(b[32:]),
		Code:     Code(binary.BigEndian.Uint16(b[34:])),
	}
}

// check finds what no version of a frame may be; reserved is the header's last four bytes.
func (h Header) check(limit int, reserved uint32) error {
	switch {
	case h.Version != Version:
		return Errorf(CodeBadVersion, "version %d; this side speaks %d", h.Version, Version)
	case int64(h.Length)+HeaderSize > int64(limit):
		return Errorf(CodeFrameTooLarge, "%d bytes; %d are allowed here", int64(h.Length)+HeaderSize, limit)
	case uint32(h.MetaLen) > h.Length:
		return Errorf(CodeMalformed, "meta of %d bytes in a body of %d", h.MetaLen, h.Length)
	case reserved != 0:
		return Errorf(CodeMalformed, "reserved bytes are not zero")
	}
	return nil
}
