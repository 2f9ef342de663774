package protocol

import (
	"fmt"
	"time"
)

// Code is why a request or a session was refused. It is an error, so that
// errors.Is(err, protocol.CodeNameTaken) holds on both ends. Append-only.
type Code uint16

// The codes. Those marked * end the session.
const (
	CodeMalformed         Code = 1  // * the bytes are no frame, or the meta is no valid body
	CodeFrameTooLarge     Code = 2  // * longer than MaxFrame, or than MaxFirst before Welcome
	CodeBadVersion        Code = 3  // * no version in common
	CodeUnexpected        Code = 4  // * a kind that may not come now, or never from this side
	CodeHelloTimeout      Code = 5  // * no Hello within HelloTimeout
	CodeTooManySessions   Code = 6  // * the broker is full
	CodeNameTaken         Code = 7  // that name is in the room already
	CodeAlreadyMember     Code = 8  // this session is in that room already
	CodeNotMember         Code = 9  // this session is not in that room
	CodeBadName           Code = 10 // empty, longer than MaxName, or with control characters
	CodeBadLabel          Code = 11 // too many, too long, or with control characters
	CodeBadRule           Code = 12 // an unknown rule, or a share over 100
	CodeBadDeadline       Code = 13 // outside MinDeadline..MaxDeadline
	CodeTooManyRooms      Code = 14 // of this session, or of the broker
	CodeTooManyMembers    Code = 15 // of that room
	CodeTooManyCalls      Code = 16 // in flight of this session, or of the broker
	CodeTooManyWatches    Code = 17 // of this session
	CodeDuplicate         Code = 18 // that sequence is in use on this session
	CodeReplyTooLarge     Code = 19 // over MaxReply for a member, or MaxAccount for a call
	CodeOverflow          Code = 20 // * this session does not read what it asked for
	CodeShuttingDown      Code = 21 // the broker is going away
	CodeInternal          Code = 22 // * a defect of the broker; it is in its log
	CodeUnresponsive      Code = 23 // * no frame, not even a Pong, for two ping intervals, or its host acknowledges nothing
	CodeNoSuchMember      Code = 24 // the room has none of that name or id, nor has it lost one
	CodeBadState          Code = 25 // like CodeBadLabel, or longer than MaxState
	CodeTooManyChanges    Code = 26 // this session has set its state more often than it may
	CodeTooManyDeliveries Code = 27 // this principal has caused more than it may; Error.Wait says until when
	CodeOverloaded        Code = 28 // the broker has no memory left for new calls
	CodeForbidden         Code = 29 // the broker's policy does not allow that to who asks
	CodeUnauthenticated   Code = 30 // * the broker does not know who this is: no credential, one that does not hold, or not any more
	CodeTakenOver         Code = 31 // * the session goes on in a newer connection
	CodeNotResumed        Code = 32 // * the session that the Hello names is another principal's
)

var codeNames = [...]string{
	CodeMalformed: "malformed", CodeFrameTooLarge: "frame_too_large", CodeBadVersion: "bad_version",
	CodeUnexpected: "unexpected", CodeHelloTimeout: "hello_timeout", CodeTooManySessions: "too_many_sessions",
	CodeNameTaken: "name_taken", CodeAlreadyMember: "already_member", CodeNotMember: "not_member",
	CodeBadName: "bad_name", CodeBadLabel: "bad_label", CodeBadRule: "bad_rule", CodeBadDeadline: "bad_deadline",
	CodeTooManyRooms: "too_many_rooms", CodeTooManyMembers: "too_many_members", CodeTooManyCalls: "too_many_calls",
	CodeTooManyWatches: "too_many_watches", CodeDuplicate: "duplicate", CodeReplyTooLarge: "reply_too_large",
	CodeOverflow: "overflow", CodeShuttingDown: "shutting_down", CodeInternal: "internal",
	CodeUnresponsive: "unresponsive", CodeNoSuchMember: "no_such_member", CodeBadState: "bad_state",
	CodeTooManyChanges: "too_many_changes", CodeTooManyDeliveries: "too_many_deliveries",
	CodeOverloaded: "overloaded", CodeForbidden: "forbidden", CodeUnauthenticated: "unauthenticated",
	CodeTakenOver: "taken_over", CodeNotResumed: "not_resumed",
}

// String is the code's name in SPEC.md.
func (c Code) String() string { return nameOf(codeNames[:], int(c), "code") }

// Error makes a Code an error.
func (c Code) Error() string { return c.String() }

// Error is a code with the sentence that came with it.
type Error struct {
	Code Code
	Text string        // for people; may be empty
	Wait time.Duration // after which it is worth while to ask again, where that is known
}

// Errorf makes an Error.
func Errorf(code Code, format string, args ...any) *Error {
	return &Error{Code: code, Text: fmt.Sprintf(format, args...)}
}

// Error is the code, and the sentence where there is one.
func (e *Error) Error() string {
	said := e.Code.String()
	if e.Text != "" {
		said += ": " + e.Text
	}
	if e.Wait > 0 {
		said += fmt.Sprintf("; again in %v", e.Wait.Round(time.Millisecond))
	}
	return said
}

// Unwrap lets errors.Is find the Code.
func (e *Error) Unwrap() error { return e.Code }
