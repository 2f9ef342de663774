package k2i

import (
	"errors"
	"fmt"
	"strconv"
)

// Bits is a mask of signals or of capabilities: the first one in the lowest
// bit. A nil *Bits is one that could not be read, and null in JSON; rows share
// what they point to, and nobody changes it.
type Bits uint64

// String is 16 hexadecimal digits, as /proc/PID/status has them.
func (b Bits) String() string { return fmt.Sprintf("%016x", uint64(b)) }

// MarshalJSON writes the digits as a string: JSON's numbers are not as large.
func (b Bits) MarshalJSON() ([]byte, error) { return []byte(`"` + b.String() + `"`), nil }

// UnmarshalJSON is the inverse of MarshalJSON.
func (b *Bits) UnmarshalJSON(text []byte) error {
	if len(text) != 18 || text[0] != '"' || text[17] != '"' {
		return errors.New("a mask that is no string of 16 hexadecimal digits")
	}
	n, err := strconv.ParseUint(string(text[1:17]), 16, 64)
	*b = Bits(n)
	return err
}

// Inode is a namespace's number; 0 where there is none or it could not be read,
// and null in JSON.
type Inode uint32

// Count is the number, or Unread.
func (i Inode) Count() Count {
	if i == 0 {
		return Unread
	}
	return Count(i)
}

// MarshalJSON writes the number, or null.
func (i Inode) MarshalJSON() ([]byte, error) { return i.Count().MarshalJSON() }

// UnmarshalJSON is the inverse of MarshalJSON.
func (i *Inode) UnmarshalJSON(text []byte) error {
	if string(text) == "null" {
		*i = 0
		return nil
	}
	n, err := strconv.ParseUint(string(text), 10, 32)
	*i = Inode(n)
	return err
}
