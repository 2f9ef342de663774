// Package creds is the credentials of TLS: which files they are in, what a
// certificate says of who holds it, and how either end of a session checks the other.
package creds

import (
	"crypto/x509"
	"encoding/asn1"
	"errors"
	"fmt"
	"strings"
	"time"

	"ddcos/protocol"
)

// Identity is who a certificate speaks for.
type Identity struct {
	URI      string    // spiffe://TRUSTDOMAIN/PATH, in the only form that is taken
	NotAfter time.Time // when the first certificate of its chain ends; zero where no chain was verified
}

// Role is that which the own authority gave, and "" for anybody else.
func (i Identity) Role() string {
	role, _, _ := protocol.OwnIdentity(i.URI)
	return role
}

// Host is how sessions of this identity are shown: the host of one that the own
// authority gave, and for others all that tells them apart.
func (i Identity) Host() string {
	if _, host, ok := protocol.OwnIdentity(i.URI); ok {
		return host
	}
	return strings.TrimPrefix(i.URI, protocol.IdentityScheme)
}

// IdentityOf reads who a certificate speaks for: its one URI, whose every byte has to
// be in its only form. Common names, DNS names and addresses are never looked at. It
// verifies nothing.
func IdentityOf(cert *x509.Certificate) (Identity, error) {
	uris, err := urisOf(cert)
	if err != nil {
		return Identity{}, err
	}
	if len(uris) != 1 {
		return Identity{}, fmt.Errorf("the certificate has %d URIs as subject alternative names; exactly one, %sDOMAIN/PATH, says who it is for", len(uris), protocol.IdentityScheme)
	}
	if err := protocol.CheckIdentity(uris[0]); err != nil {
		return Identity{}, err
	}
	return Identity{URI: uris[0]}, nil
}

// uriTag is that of a uniformResourceIdentifier among the subject alternative names.
const uriTag = 6

// urisOf reads the URIs as they stand in the certificate: x509 keeps them parsed, and a
// parsed one has lost how it was written.
func urisOf(cert *x509.Certificate) ([]string, error) {
	var uris []string
	for _, e := range cert.Extensions {
		if !e.Id.Equal(asn1.ObjectIdentifier{2, 5, 29, 17}) {
			continue
		}
		var names asn1.RawValue
		if rest, err := asn1.Unmarshal(e.Value, &names); err != nil || len(rest) > 0 {
			return nil, errors.New("the certificate's subject alternative names cannot be read")
		}
		for rest := names.Bytes; len(rest) > 0; {
			var name asn1.RawValue
			var err error
			if rest, err = asn1.Unmarshal(rest, &name); err != nil {
				return nil, errors.New("the certificate's subject alternative names cannot be read")
			}
			if name.Class == asn1.ClassContextSpecific && name.Tag == uriTag {
				uris = append(uris, string(name.Bytes))
			}
		}
	}
	return uris, nil
}
