// Package enrol is how a host gets its certificate, and how it keeps one: two
// questions over HTTPS at the broker's own port. A token and the public key are
// worth a name; a certificate that is valid is worth its successor.
package enrol

import (
	"errors"
	"fmt"
	"time"

	"ddcos/middlecon/authority"
	"ddcos/middlecon/tokens"
)

// The questions. Both are POST, and bodies and answers are JSON.
const (
	PathEnrol = "/v1/enrol"
	PathRenew = "/v1/renew"
)

// Limits of what is read and how long it may take.
const (
	MaxBody    = 16 << 10 // bytes of a question
	maxAnswer  = 64 << 10
	bodyTime   = 5 * time.Second  // that a question's body may take to come
	answerTime = 15 * time.Second // that a client waits for all of it
)

// ask is the body of a question for a first certificate. The other question has
// no body: the session says all.
type ask struct {
	Token string `json:"token"`
	Role  string `json:"role"`
	Name  string `json:"name"`
	CSR   string `json:"csr"` // PEM; nothing of it is read but the key
}

// Answer is a certificate and whom to trust.
type Answer struct {
	Name        string    `json:"name"`        // as the certificate says it: spiffe://ddcos/ROLE/HOST
	Certificate string    `json:"certificate"` // PEM, the leaf first
	Roots       string    `json:"roots"`       // PEM
	Time        time.Time `json:"time"`        // the broker's clock
}

// problem is the body of an answer that is not 200.
type problem struct {
	Code Code   `json:"code"`
	Text string `json:"error"`
}

// Code says why a question was refused. A code is an error, which errors.Is
// finds in what Join and Renew return.
type Code string

// The codes.
const (
	BadRequest    Code = "bad_request"
	TokenUnknown  Code = "token_unknown"
	TokenExpired  Code = "token_expired"
	TokenUsedUp   Code = "token_used_up"
	TokenRevoked  Code = "token_revoked"
	TokenRole     Code = "token_role"
	NameInvalid   Code = "name_invalid"
	NameTaken     Code = "name_taken"
	NameRevoked   Code = "name_revoked"
	NoCertificate Code = "no_certificate"
	TooOften      Code = "too_often"
	Failed        Code = "failed"
)

// Codes are all of them.
func Codes() []Code {
	return []Code{BadRequest, TokenUnknown, TokenExpired, TokenUsedUp, TokenRevoked, TokenRole, NameInvalid, NameTaken, NameRevoked, NoCertificate, TooOften, Failed}
}

// Error is what people are told to do about it.
func (c Code) Error() string {
	switch c {
	case TokenUnknown:
		return "the broker knows no such token; make one there with 'middlecon token new'"
	case TokenExpired:
		return "the token has expired; make another at the broker with 'middlecon token new'"
	case TokenUsedUp:
		return "the token has been used as often as it may be; make another at the broker with 'middlecon token new'. If that was not you, see 'middlecon ca names' there"
	case TokenRevoked:
		return "the token was revoked"
	case TokenRole:
		return "the token is for another role; make one for this role at the broker with 'middlecon token new --role'"
	case NameTaken:
		return "another key has that name; choose another with --name or, if this host lost its key, let it go at the broker with 'middlecon ca release'"
	case NameRevoked:
		return "the name was revoked; 'middlecon ca release' at the broker lets it be used again"
	case NoCertificate:
		return "the certificate is not valid any more, or not this broker's; join again with a token"
	case TooOften:
		return "too many questions from this address; wait and try again"
	case BadRequest, NameInvalid, Failed:
	}
	return "the broker refused: " + string(c)
}

// Refusal is an error that the broker told.
type Refusal struct {
	Code Code
	Text string // the broker's own words
}

func (r *Refusal) Error() string {
	if r.Text == "" {
		return r.Code.Error()
	}
	return fmt.Sprintf("%v (%s)", r.Code, r.Text)
}

// Unwrap gives the code to errors.Is.
func (r *Refusal) Unwrap() error { return r.Code }

// codeOf is how an error of the authority or of a token is told.
func codeOf(err error) Code {
	switch {
	case errors.Is(err, tokens.ErrUnknown):
		return TokenUnknown
	case errors.Is(err, tokens.ErrExpired):
		return TokenExpired
	case errors.Is(err, tokens.ErrUsedUp):
		return TokenUsedUp
	case errors.Is(err, tokens.ErrRevoked):
		return TokenRevoked
	case errors.Is(err, tokens.ErrRole):
		return TokenRole
	case errors.Is(err, authority.ErrName):
		return NameInvalid
	case errors.Is(err, authority.ErrTaken):
		return NameTaken
	case errors.Is(err, authority.ErrRevoked):
		return NameRevoked
	case errors.Is(err, authority.ErrForeign), errors.Is(err, authority.ErrUnknown):
		return NoCertificate
	}
	return Failed
}
