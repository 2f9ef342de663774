package protocol

import (
	"fmt"
	"strconv"
	"strings"
)

// MemberID names one incarnation of one member: every join gets a new one. Its
// upper 24 bits are the broker's number and the lower 40 count that broker's
// joins, so that accounts of several brokers can be merged.
type MemberID uint64

// MaxBroker and MaxSerial bound the two parts of a MemberID.
const (
	serialBits = 40
	MaxBroker  = 1<<24 - 1
	MaxSerial  = 1<<serialBits - 1
)

// NewMemberID joins a broker's number and a serial; both must be in bounds.
func NewMemberID(broker uint32, serial uint64) MemberID {
	return MemberID(uint64(broker&MaxBroker)<<serialBits | serial&MaxSerial)
}

// Broker is the number of the broker that the member joined at.
func (id MemberID) Broker() uint32 { return uint32(id >> serialBits) }

// Serial counts that broker's joins.
func (id MemberID) Serial() uint64 { return uint64(id) & MaxSerial }

// String is BROKER.SERIAL, the broker in six hex digits: a uint64 does not survive JSON's numbers.
func (id MemberID) String() string { return fmt.Sprintf("%06x.%d", id.Broker(), id.Serial()) }

// ParseMemberID reads what String printed, and no other spelling of it.
func ParseMemberID(s string) (MemberID, error) {
	left, right, _ := strings.Cut(s, ".")
	broker, errB := strconv.ParseUint(left, 16, 24)
	serial, errS := strconv.ParseUint(right, 10, serialBits)
	id := NewMemberID(uint32(broker), serial)
	if errB != nil || errS != nil || id.String() != s {
		return 0, fmt.Errorf("member id %.40q: want six hex digits, a dot and a number", s)
	}
	return id, nil
}
