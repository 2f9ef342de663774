package authority

import (
	"crypto/ecdsa"
	"crypto/x509"
	"errors"
	"fmt"
)

// ErrForeign is of a certificate that this authority did not issue, or that is
// not valid now.
var ErrForeign = errors.New("the certificate is not this authority's, or not valid now")

// Holder says whose certificate it is that a peer has shown, and the key of it,
// if this authority issued it and it is valid now.
func (a *Authority) Holder(c *x509.Certificate) (Name, *ecdsa.PublicKey, error) {
	s, err := a.locked()
	if err != nil {
		return Name{}, nil, err
	}
	roots := x509.NewCertPool()
	roots.AddCert(s.root)
	if s.old != nil {
		roots.AddCert(s.old)
	}
	if _, err := c.Verify(x509.VerifyOptions{
		Roots: roots, CurrentTime: a.options.Now(), KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	}); err != nil {
		return Name{}, nil, fmt.Errorf("%w: %w", ErrForeign, err)
	}
	n, err := NameOf(c)
	if err != nil {
		return Name{}, nil, err
	}
	key, ok := c.PublicKey.(*ecdsa.PublicKey)
	if !ok {
		return Name{}, nil, ErrForeign
	}
	return n, key, nil
}
