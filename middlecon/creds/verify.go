package creds

import (
	"crypto/x509"
	"errors"
	"fmt"
	"strings"
	"time"
)

// verify checks a peer's chain, its own certificate first, against the authorities, for
// one use and at one time. It gives when the first certificate of the chain ends.
func verify(chain []*x509.Certificate, roots *x509.CertPool, use x509.ExtKeyUsage, now time.Time) (notAfter time.Time, err error) {
	if len(chain) == 0 {
		return time.Time{}, errors.New("there is no certificate")
	}
	options := x509.VerifyOptions{Roots: roots, Intermediates: x509.NewCertPool(), CurrentTime: now, KeyUsages: []x509.ExtKeyUsage{use}}
	for _, c := range chain[1:] {
		options.Intermediates.AddCert(c)
	}
	chains, err := chain[0].Verify(options)
	if err != nil {
		return time.Time{}, explained(err, chain[0], use, now)
	}
	if chain[0].IsCA {
		return time.Time{}, errors.New("the certificate is an authority's own; nobody speaks by it")
	}
	for _, c := range chains[0] {
		if notAfter.IsZero() || c.NotAfter.Before(notAfter) {
			notAfter = c.NotAfter
		}
	}
	return notAfter, nil
}

// explained says what is wrong with a certificate so that somebody can do something about it.
func explained(err error, leaf *x509.Certificate, use x509.ExtKeyUsage, now time.Time) error {
	var invalid x509.CertificateInvalidError
	var unknown x509.UnknownAuthorityError
	switch {
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired:
		if now.Before(leaf.NotBefore) {
			return fmt.Errorf("the certificate is not valid before %s, and it is %s: is the clock right?", clock(leaf.NotBefore), clock(now))
		}
		if now.After(leaf.NotAfter) {
			return fmt.Errorf("the certificate ended at %s, and it is %s: renew it", clock(leaf.NotAfter), clock(now))
		}
		return fmt.Errorf("a certificate of its issuers is not valid at %s", clock(now))
	case errors.As(err, &invalid) && invalid.Reason == x509.IncompatibleUsage:
		return fmt.Errorf("the certificate is not for %s (its extended key usage)", map[x509.ExtKeyUsage]string{
			x509.ExtKeyUsageClientAuth: "clients", x509.ExtKeyUsageServerAuth: "servers",
		}[use])
	case errors.As(err, &unknown):
		return fmt.Errorf("the certificate was issued by %q, which is none of the authorities that are believed here", name(leaf.Issuer.String()))
	}
	return err
}

func clock(t time.Time) string { return t.UTC().Format(time.RFC3339) }

// name is so much of what a stranger wrote as a line has room for.
func name(s string) string {
	if len(s) > 128 {
		s = strings.ToValidUTF8(s[:128], "") + "..."
	}
	return s
}
