package tokens

import (
	"errors"
	"fmt"
	"slices"
	"time"
)

// Redeem uses a token of the file of that path, to join in a role, once. The use
// counts before it is made, so that no crash makes a second one of it, and is taken
// back where it fails.
func Redeem(path, secret, role string, now time.Time, use func() error) error {
	var spent Hash
	err := Update(path, func(l List) (List, error) {
		t, err := l.Find(secret, Join, now)
		if err != nil {
			return nil, err
		}
		if t.Role != role {
			return nil, fmt.Errorf("%w: %s", ErrRole, t.Role)
		}
		spent = t.Hash
		return l.count(spent, 1), nil
	})
	if err != nil {
		return err
	}
	if err := use(); err != nil {
		return errors.Join(err, Update(path, func(l List) (List, error) { return l.count(spent, -1), nil }))
	}
	return nil
}

// count adds to the uses of a token, if it is still there.
func (l List) count(h Hash, n int) List {
	l = slices.Clone(l)
	for i := range l {
		if l[i].Hash == h {
			l[i].Used = max(0, l[i].Used+n)
		}
	}
	return l
}
