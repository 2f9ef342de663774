package authority

import (
	"crypto/ecdsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"slices"
	"time"

	"ddcos/middlecon/files"
)

// MostNames is how many names may have a certificate, or be revoked, at once.
const MostNames = 100_000

// Errors that are told by errors.Is.
var (
	ErrTaken     = errors.New("the name belongs to another key")
	ErrRevoked   = errors.New("the name was revoked")
	ErrUnknown   = errors.New("nobody has such a name")
	ErrManyNames = errors.New("too many names have a certificate")
)

// entry is what is known of one name.
type entry struct {
	Key     string    `json:"key,omitempty"` // SHA-256 of the public key, hexadecimal
	Until   time.Time `json:"until"`         // the end of the last certificate
	Revoked bool      `json:"revoked,omitempty"`
}

// Holder is a name and what is known of it.
type Holder struct {
	Name    Name
	Until   time.Time // the end of its last certificate
	Revoked bool      // it gets no other
}

// claim notes that a name belongs to a key until its certificate ends, or says
// why it cannot.
func (a *Authority) claim(r Request, now, until time.Time) error {
	names, err := a.names(now)
	if err != nil {
		return err
	}
	key, err := hashOf(r.Key)
	if err != nil {
		return err
	}
	held, found := names[r.Name.String()]
	switch {
	case held.Revoked:
		return fmt.Errorf("%s: %w", r.Name, ErrRevoked)
	case found && held.Key != key && held.Key != "":
		return fmt.Errorf("%s: %w until %s", r.Name, ErrTaken, held.Until.Format(time.RFC3339))
	case !found && r.Renew:
		return fmt.Errorf("%s: %w any more", r.Name, ErrUnknown)
	case !found && len(names) >= MostNames:
		return fmt.Errorf("%w: %d", ErrManyNames, MostNames)
	}
	names[r.Name.String()] = entry{Key: key, Until: until}
	return a.saveNames(names)
}

// Revoke has a name get no further certificate; the one that it has ends by
// itself. It may be one that is not known yet.
func (a *Authority) Revoke(n Name) error {
	return a.change(func(names map[string]entry) error {
		held := names[n.String()]
		held.Revoked = true
		names[n.String()] = held
		return nil
	})
}

// Release forgets a name: the next who asks for it with a token has it.
// Whoever held it cannot renew.
func (a *Authority) Release(n Name) error {
	return a.change(func(names map[string]entry) error {
		if _, found := names[n.String()]; !found {
			return fmt.Errorf("%s: %w", n, ErrUnknown)
		}
		delete(names, n.String())
		return nil
	})
}

// Holders are all names that have a certificate or were revoked, in order.
func (a *Authority) Holders() ([]Holder, error) {
	unlock, err := a.lock()
	if err != nil {
		return nil, err
	}
	defer unlock()
	names, err := a.names(a.options.Now())
	if err != nil {
		return nil, err
	}
	var all []Holder
	for _, text := range slices.Sorted(maps.Keys(names)) {
		n, err := ParseName(text)
		if err != nil {
			return nil, err
		}
		all = append(all, Holder{n, names[text].Until, names[text].Revoked})
	}
	return all, nil
}

func (a *Authority) change(how func(map[string]entry) error) error {
	unlock, err := a.lock()
	if err != nil {
		return err
	}
	defer unlock()
	names, err := a.names(a.options.Now())
	if err != nil {
		return err
	}
	if err := how(names); err != nil {
		return err
	}
	return a.saveNames(names)
}

// names are those that hold something now.
func (a *Authority) names(now time.Time) (map[string]entry, error) {
	names := map[string]entry{}
	data, err := files.ReadSecret(a.path(namesFile), maxNames)
	if errors.Is(err, fs.ErrNotExist) {
		return names, nil
	}
	if err != nil {
		return nil, err
	}
	if err := json.Unmarshal(data, &names); err != nil {
		return nil, fmt.Errorf("%s: %w", a.path(namesFile), err)
	}
	maps.DeleteFunc(names, func(_ string, e entry) bool { return !e.Revoked && now.After(e.Until) })
	return names, nil
}

func (a *Authority) saveNames(names map[string]entry) error {
	data, err := json.Marshal(names)
	if err != nil {
		return err
	}
	return files.Replace(a.path(namesFile), append(data, '\n'), files.Secret)
}

func hashOf(key *ecdsa.PublicKey) (string, error) {
	der, err := x509.MarshalPKIXPublicKey(key)
	if err != nil {
		return "", err
	}
	sum := sha256.Sum256(der)
	return hex.EncodeToString(sum[:]), nil
}
