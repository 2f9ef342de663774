package authority

import (
	"crypto/ecdsa"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"

	"ddcos/protocol"
)

// ErrName is of a role or a host's name that cannot be.
var ErrName = errors.New("no such name can be given")

// Name is who a certificate says that one is.
type Name struct{ Role, Host string }

var hostPattern = regexp.MustCompile(`^[A-Za-z0-9]([A-Za-z0-9._-]{0,126}[A-Za-z0-9])?$`)

// Check refuses what cannot be a name.
func (n Name) Check() error {
	if !slices.Contains(protocol.Roles(), n.Role) {
		return fmt.Errorf("%w: role %.40q: want one of %s", ErrName, n.Role, strings.Join(protocol.Roles(), ", "))
	}
	if !hostPattern.MatchString(n.Host) || strings.Contains(n.Host, "..") {
		return fmt.Errorf("%w: host %.140q: want 1 to 128 letters, digits, dots, dashes and underscores", ErrName, n.Host)
	}
	return nil
}

// String is ROLE/HOST.
func (n Name) String() string { return n.Role + "/" + n.Host }

// URI is the name as a certificate carries it: spiffe://ddcos/ROLE/HOST.
func (n Name) URI() *url.URL {
	return &url.URL{Scheme: "spiffe", Host: protocol.OwnDomain, Path: "/" + n.String()}
}

// ParseName reads ROLE/HOST.
func ParseName(s string) (Name, error) {
	role, host, _ := strings.Cut(s, "/")
	n := Name{role, host}
	return n, n.Check()
}

// NameOf is who a certificate of such an authority says that its owner is.
// Nothing is looked at but its URIs, of which there must be exactly one.
func NameOf(c *x509.Certificate) (Name, error) {
	if len(c.URIs) != 1 {
		return Name{}, fmt.Errorf("%w: the certificate has %d URIs, want 1", ErrName, len(c.URIs))
	}
	text := c.URIs[0].String()
	role, host, found := protocol.OwnIdentity(text)
	if !found {
		return Name{}, fmt.Errorf("%w: %.200q is not of this authority", ErrName, text)
	}
	n := Name{role, host}
	return n, n.Check()
}

// Request is what the authority is asked for. Who asks has been decided on.
type Request struct {
	Name  Name
	Key   *ecdsa.PublicKey
	DNS   []string     // that others may reach the owner by
	IPs   []netip.Addr // likewise
	Renew bool         // its owner has shown a certificate of this name and key that is valid
}

// Certificate is what was issued.
type Certificate struct {
	Name  Name
	Leaf  *x509.Certificate
	Chain []byte // PEM: the leaf and, of a broker, what leads to each root that is trusted
	Roots []byte // PEM: the roots that are trusted
}

// Issue makes a certificate. A name belongs to one key for as long as a
// certificate of it is valid; and to none where it was revoked.
func (a *Authority) Issue(r Request) (*Certificate, error) {
	if err := r.Name.Check(); err != nil {
		return nil, err
	}
	unlock, err := a.lock()
	if err != nil {
		return nil, err
	}
	defer unlock()
	s, err := a.load()
	if err != nil {
		return nil, err
	}
	now := a.options.Now()
	template := leafTemplate(r, now, a.options.Life)
	if now.After(s.root.NotAfter) {
		return nil, fmt.Errorf("%w: rotate it", ErrExpired)
	}
	if template.NotAfter.After(s.root.NotAfter) {
		template.NotAfter = s.root.NotAfter
	}
	if err := a.claim(r, now, template.NotAfter); err != nil {
		return nil, err
	}
	leaf, err := sign(template, s.root, r.Key, s.key)
	if err != nil {
		return nil, err
	}
	chain := EncodeCertificates(leaf)
	if r.Name.Role == protocol.RoleBroker {
		chain = append(chain, EncodeCertificates(s.chain()...)...)
	}
	return &Certificate{Name: r.Name, Leaf: leaf, Chain: chain, Roots: s.trusted()}, nil
}

// leafTemplate is what a certificate of a name says. It may be shown by a server
// where it says where that is reached.
func leafTemplate(r Request, now time.Time, life time.Duration) *x509.Certificate {
	template := &x509.Certificate{
		NotBefore:             now.Add(-Backdate),
		NotAfter:              now.Add(life),
		KeyUsage:              x509.KeyUsageDigitalSignature,
		ExtKeyUsage:           []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
		BasicConstraintsValid: true,
		URIs:                  []*url.URL{r.Name.URI()},
	}
	if len(r.DNS)+len(r.IPs) > 0 {
		template.ExtKeyUsage = append(template.ExtKeyUsage, x509.ExtKeyUsageServerAuth)
	}
	template.DNSNames = slices.Clone(r.DNS)
	for _, ip := range r.IPs {
		template.IPAddresses = append(template.IPAddresses, net.IP(ip.Unmap().AsSlice()))
	}
	return template
}

// RenewAt is when a certificate is to be renewed: after two thirds of its life,
// and by share, between 0 and 1, up to a tenth of it later, so that those who
// came together do not come back together.
func RenewAt(c *x509.Certificate, share float64) time.Time {
	life := c.NotAfter.Sub(c.NotBefore.Add(Backdate))
	return c.NotAfter.Add(-life/3 + time.Duration(share*float64(life)/10))
}
