// Package tokens is bearer tokens as a broker keeps them: names, roles and
// hashes, never the tokens themselves.
package tokens

import (
	"bytes"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"ddcos/middlecon/policy"
	"ddcos/protocol"
)

// Use is what a token is good for, and for nothing else.
type Use string

// The uses.
const (
	Session Use = "session" // a hello
	Join    Use = "join"    // fetching a certificate
)

// Limits of a file.
const (
	MaxBytes  = 1 << 20
	MaxTokens = 1000
)

// Errors of Find, Valid and Redeem.
var (
	ErrUnknown = errors.New("there is no such token")
	ErrExpired = errors.New("the token has expired")
	ErrRevoked = errors.New("the token was revoked")
	ErrUsedUp  = errors.New("the token has been used as often as it may be")
	ErrRole    = errors.New("the token is for another role")
)

// Token is one, as the file has it.
type Token struct {
	Name    string    `json:"name"` // unique among those that hold
	Role    string    `json:"role"` // of a session that lives by it, or of the certificate that it fetches
	Use     Use       `json:"use"`
	Hash    Hash      `json:"hash"`
	Created time.Time `json:"created"`
	Expires time.Time `json:"expires"`
	Revoked time.Time `json:"revoked,omitzero"` // zero while it is not
	Uses    int       `json:"uses,omitempty"`   // that it is good for, of one to join with; 0: any number
	Used    int       `json:"used,omitempty"`
}

// Holds is nil while the token may be used.
func (t *Token) Holds(now time.Time) error {
	switch {
	case !t.Revoked.IsZero():
		return ErrRevoked
	case !now.Before(t.Expires):
		return ErrExpired
	case t.Uses > 0 && t.Used >= t.Uses:
		return ErrUsedUp
	}
	return nil
}

// Hash is the SHA-256 of a token, which names it. A token is 256 random bits, so
// that nothing slower is needed.
type Hash [sha256.Size]byte

const hashPrefix = "sha256:"

// HashOf is that of a token.
func HashOf(secret string) Hash { return sha256.Sum256([]byte(secret)) }

// MarshalText writes sha256:HEX.
func (h Hash) MarshalText() ([]byte, error) {
	return []byte(hashPrefix + hex.EncodeToString(h[:])), nil
}

// UnmarshalText reads what MarshalText wrote.
func (h *Hash) UnmarshalText(text []byte) error {
	digits, ok := strings.CutPrefix(string(text), hashPrefix)
	sum, err := hex.DecodeString(digits)
	if !ok || err != nil || len(sum) != len(h) {
		return fmt.Errorf("%.80q is no hash: want %s and %d hex digits", text, hashPrefix, 2*len(h))
	}
	copy(h[:], sum)
	return nil
}

// secretPrefix lets people and scanners of secrets know what they see.
const secretPrefix = "ddcos_"

// New makes a token and its secret, which is told once and kept nowhere.
func New(name, role string, use Use, created, expires time.Time) (t Token, secret string, err error) {
	var random [32]byte
	_, _ = rand.Read(random[:]) // it never fails
	secret = secretPrefix + base64.RawURLEncoding.EncodeToString(random[:])
	t = Token{Name: name, Role: role, Use: use, Hash: HashOf(secret), Created: created.UTC().Truncate(time.Second), Expires: expires.UTC().Truncate(time.Second)}
	return t, secret, t.check()
}

func (t *Token) check() error {
	if err := policy.CheckTokenName(t.Name); err != nil {
		return err
	}
	if err := policy.CheckRole(t.Role); err != nil {
		return err
	}
	switch {
	case t.Role == protocol.RoleBroker && t.Use != Join:
		return fmt.Errorf("%s: the role %s is for brokers' certificates alone", t.Name, t.Role)
	case t.Use != Session && t.Use != Join:
		return fmt.Errorf("%s: %.20q is no use of a token: want %s or %s", t.Name, t.Use, Session, Join)
	case t.Uses < 0 || t.Used < 0 || t.Use == Session && t.Uses+t.Used > 0:
		return fmt.Errorf("%s: %d uses, %d of them used: only a token to join with has any", t.Name, t.Uses, t.Used)
	case t.Hash == Hash{}:
		return fmt.Errorf("%s: without a hash", t.Name)
	case !t.Expires.After(t.Created):
		return fmt.Errorf("%s: want an expiry that comes after its creation", t.Name)
	}
	return nil
}

// List is all tokens of a file, in its order.
type List []Token

// file is what the list stands in.
type file struct {
	Tokens List `json:"tokens"`
}

// Parse reads a file. One that has anything that is not known is refused whole.
func Parse(text []byte) (List, error) {
	if len(text) > MaxBytes {
		return nil, fmt.Errorf("%d bytes; %d are allowed", len(text), MaxBytes)
	}
	var f file
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	if err := d.Decode(&f); err != nil {
		return nil, err
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("something stands behind the list")
	}
	if len(f.Tokens) > MaxTokens {
		return nil, fmt.Errorf("%d tokens; %d are allowed", len(f.Tokens), MaxTokens)
	}
	for i := range f.Tokens {
		t := &f.Tokens[i]
		if err := t.check(); err != nil {
			return nil, fmt.Errorf("token %d: %w", i+1, err)
		}
		if slices.ContainsFunc(f.Tokens[:i], func(o Token) bool { return o.Hash == t.Hash || o.Name == t.Name }) {
			return nil, fmt.Errorf("token %d: %s, or its hash, is there twice", i+1, t.Name)
		}
	}
	return f.Tokens, nil
}

// Encode is what Parse reads.
func (l List) Encode() []byte {
	if l == nil {
		l = List{}
	}
	text, err := json.MarshalIndent(file{l}, "", "  ")
	if err != nil {
		panic("tokens: " + err.Error()) // no year of a checked list is beyond RFC 3339
	}
	return append(text, '\n')
}

// Add puts a token into the list. It takes the place of one of its name that does
// not hold any more: sessions of that one are of another hash, and end.
func (l List) Add(t Token, now time.Time) (List, error) {
	if err := t.check(); err != nil {
		return l, err
	}
	if i := l.named(t.Name); i >= 0 {
		if l[i].Holds(now) == nil {
			return l, fmt.Errorf("there is a token %s: revoke it first, or choose another name", t.Name)
		}
		l = slices.Delete(slices.Clone(l), i, i+1)
	}
	if len(l) >= MaxTokens {
		return l, fmt.Errorf("there are %d tokens, the most", len(l))
	}
	return append(slices.Clone(l), t), nil
}

// Revoke makes the token of that name useless.
func (l List) Revoke(name string, now time.Time) (List, error) {
	i := l.named(name)
	if i < 0 {
		return l, fmt.Errorf("%.80q: %w", name, ErrUnknown)
	}
	l = slices.Clone(l)
	if l[i].Revoked.IsZero() {
		l[i].Revoked = now.UTC().Truncate(time.Second)
	}
	return l, nil
}

// Prune drops those that did not hold any more at that time.
func (l List) Prune(at time.Time) List {
	return slices.DeleteFunc(slices.Clone(l), func(t Token) bool {
		return !t.Expires.After(at) || !t.Revoked.IsZero() && !t.Revoked.After(at)
	})
}

func (l List) named(name string) int {
	return slices.IndexFunc(l, func(t Token) bool { return t.Name == name })
}

// Find gives the token that a secret is, if it may be used for that now. All
// hashes are compared, each in constant time.
func (l List) Find(secret string, use Use, now time.Time) (Token, error) {
	if secret == "" || len(secret) > protocol.MaxToken {
		return Token{}, ErrUnknown
	}
	return l.Valid(HashOf(secret), use, now)
}

// Valid is Find of what was found before: what a session lives by.
func (l List) Valid(h Hash, use Use, now time.Time) (Token, error) {
	found := -1
	for i := range l {
		if subtle.ConstantTimeCompare(l[i].Hash[:], h[:]) == 1 {
			found = i
		}
	}
	if found < 0 || l[found].Use != use {
		return Token{}, ErrUnknown
	}
	return l[found], l[found].Holds(now)
}
