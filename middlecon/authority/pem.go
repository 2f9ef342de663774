package authority

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
)

// The kinds of PEM blocks that are written and read here.
const (
	pemKey  = "PRIVATE KEY"
	pemCert = "CERTIFICATE"
	pemCSR  = "CERTIFICATE REQUEST"
)

// maxChain is how many certificates one file or answer may hold.
const maxChain = 8

func (s *state) encode() ([]byte, error) {
	key, err := EncodeKey(s.key)
	if err != nil {
		return nil, err
	}
	return append(key, EncodeCertificates(s.root, s.cross, s.old)...), nil
}

func parseState(data []byte) (*state, error) {
	key, err := ParseKey(data)
	if err != nil {
		return nil, err
	}
	certs, err := ParseCertificates(data)
	if err != nil {
		return nil, err
	}
	if len(certs) != 1 && len(certs) != 3 {
		return nil, fmt.Errorf("%d certificates, want 1, or 3 in an overlap", len(certs))
	}
	s := &state{key: key, root: certs[0]}
	if len(certs) == 3 {
		s.cross, s.old = certs[1], certs[2]
	}
	for _, c := range certs[:min(2, len(certs))] {
		if !key.PublicKey.Equal(c.PublicKey) {
			return nil, errors.New("a certificate does not belong to the key")
		}
	}
	return s, nil
}

// trusted are the roots that clients and brokers shall believe.
func (s *state) trusted() []byte { return EncodeCertificates(s.root, s.old) }

// chain is what a broker shows beside its own certificate: with it a peer that
// knows one of the roots, or the pin of one, finds its way to it.
func (s *state) chain() []*x509.Certificate { return []*x509.Certificate{s.cross, s.root, s.old} }

// EncodeKey is a private key as PEM.
func EncodeKey(key *ecdsa.PrivateKey) ([]byte, error) {
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, err
	}
	return pem.EncodeToMemory(&pem.Block{Type: pemKey, Bytes: der}), nil
}

// ParseKey reads the first private key of PEM.
func ParseKey(data []byte) (*ecdsa.PrivateKey, error) {
	for block, rest := pem.Decode(data); block != nil; block, rest = pem.Decode(rest) {
		if block.Type != pemKey {
			continue
		}
		parsed, err := x509.ParsePKCS8PrivateKey(block.Bytes)
		if err != nil {
			return nil, err
		}
		key, ok := parsed.(*ecdsa.PrivateKey)
		if !ok {
			return nil, fmt.Errorf("a %T, want an ECDSA key", parsed)
		}
		return key, nil
	}
	return nil, errors.New("no private key in it")
}

// EncodeCertificates is PEM of those that are not nil, in order.
func EncodeCertificates(certs ...*x509.Certificate) []byte {
	var out bytes.Buffer
	for _, c := range certs {
		if c != nil {
			_ = pem.Encode(&out, &pem.Block{Type: pemCert, Bytes: c.Raw}) // a buffer takes all
		}
	}
	return out.Bytes()
}

// ParseCertificates reads the certificates of PEM, at least one.
func ParseCertificates(data []byte) ([]*x509.Certificate, error) {
	var certs []*x509.Certificate
	for block, rest := pem.Decode(data); block != nil; block, rest = pem.Decode(rest) {
		if block.Type != pemCert {
			continue
		}
		if len(certs) == maxChain {
			return nil, fmt.Errorf("more than %d certificates", maxChain)
		}
		c, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, err
		}
		certs = append(certs, c)
	}
	if len(certs) == 0 {
		return nil, errors.New("no certificate in it")
	}
	return certs, nil
}

// NewRequest is a certificate request that carries nothing but the key, PEM:
// who one is the authority says.
func NewRequest(key *ecdsa.PrivateKey) ([]byte, error) {
	der, err := x509.CreateCertificateRequest(nil, &x509.CertificateRequest{}, key)
	if err != nil {
		return nil, err
	}
	return pem.EncodeToMemory(&pem.Block{Type: pemCSR, Bytes: der}), nil
}

// ParseRequest takes the key out of a certificate request whose signature shows
// that its sender has that key. Whatever else it asks for is not read.
func ParseRequest(data []byte) (*ecdsa.PublicKey, error) {
	block, rest := pem.Decode(data)
	if block == nil || block.Type != pemCSR || len(bytes.TrimSpace(rest)) > 0 {
		return nil, errors.New("not one certificate request as PEM")
	}
	request, err := x509.ParseCertificateRequest(block.Bytes)
	if err != nil {
		return nil, err
	}
	key, ok := request.PublicKey.(*ecdsa.PublicKey)
	if !ok || key.Curve.Params().BitSize != 256 {
		return nil, errors.New("the key is not ECDSA P-256")
	}
	return key, request.CheckSignature()
}
