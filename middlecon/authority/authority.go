// Package authority is a small certificate authority for the hosts of one
// datacenter: it says who is who, for a short while each time. All that it knows
// stands in one directory; nothing is kept between two calls, so that several
// processes may use one authority and a restart forgets nothing.
package authority

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"time"

	"ddcos/middlecon/files"
)

// The files of an authority's directory.
const (
	keyFile   = "ca.key"     // key, certificate and, in an overlap, what stands for the one before: the truth
	rootsFile = "ca.crt"     // the certificates that are trusted, the newest first: for all to read
	namesFile = "names.json" // who has a certificate, and who shall have none
)

// Limits and lifetimes.
const (
	RootLife    = 10 * 365 * 24 * time.Hour
	DefaultLife = 24 * time.Hour // of what is issued
	LeastLife   = time.Minute
	MostLife    = 90 * 24 * time.Hour
	Backdate    = 5 * time.Minute // that a certificate is valid before it is made, for clocks that are behind
	maxState    = 64 << 10        // bytes of the key file
	maxNames    = 32 << 20        // bytes of the names file
)

// Errors that are told by errors.Is.
var (
	ErrNone    = errors.New("there is no authority")
	ErrOverlap = errors.New("the authority before is still trusted")
	ErrExpired = errors.New("the authority's certificate has expired")
)

// Options of an authority.
type Options struct {
	Dir  string           // where it keeps all that it knows
	Life time.Duration    // of a certificate that it issues; 0: DefaultLife
	Now  func() time.Time // nil: time.Now
}

// Authority issues certificates. It may be used by many goroutines and
// processes at once.
type Authority struct{ options Options }

// state is what the key file holds.
type state struct {
	key   *ecdsa.PrivateKey
	root  *x509.Certificate // of key
	cross *x509.Certificate // of key too, but signed by old: while it is valid old is trusted; nil without one
	old   *x509.Certificate
}

// Open gives the authority of a directory, which must be there.
func Open(options Options) (*Authority, error) {
	a := newAuthority(options)
	unlock, err := a.lock()
	if err != nil {
		return nil, err
	}
	defer unlock()
	_, err = a.load()
	return a, err
}

// Ensure gives the authority of a directory, and makes it where it is missing.
func Ensure(options Options) (a *Authority, made bool, err error) {
	a = newAuthority(options)
	if err := os.MkdirAll(a.options.Dir, files.SecretDir); err != nil {
		return nil, false, err
	}
	unlock, err := a.lock()
	if err != nil {
		return nil, false, err
	}
	defer unlock()
	_, err = a.load()
	if !errors.Is(err, ErrNone) {
		return a, false, err
	}
	key, root, err := newRoot(a.options.Now())
	if err != nil {
		return nil, false, err
	}
	return a, true, a.save(&state{key: key, root: root})
}

func newAuthority(options Options) *Authority {
	if options.Life == 0 {
		options.Life = DefaultLife
	}
	if options.Now == nil {
		options.Now = time.Now
	}
	return &Authority{options}
}

// lock keeps other processes out of the directory.
func (a *Authority) lock() (func(), error) {
	unlock, err := files.Lock(a.options.Dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%w in %s", ErrNone, a.options.Dir)
	}
	return unlock, err
}

func (a *Authority) path(name string) string { return filepath.Join(a.options.Dir, name) }

// load reads the truth, and completes what a crash may have left undone.
func (a *Authority) load() (*state, error) {
	data, err := files.ReadSecret(a.path(keyFile), maxState)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%w in %s", ErrNone, a.options.Dir)
	}
	if err != nil {
		return nil, err
	}
	s, err := parseState(data)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", a.path(keyFile), err)
	}
	now := a.options.Now()
	if s.cross != nil && now.After(s.cross.NotAfter) {
		s.cross, s.old = nil, nil
		return s, a.save(s)
	}
	return s, a.saveRoots(s)
}

// save writes the truth first; what follows from it is made again at the next load.
func (a *Authority) save(s *state) error {
	data, err := s.encode()
	if err != nil {
		return err
	}
	if err := files.Replace(a.path(keyFile), data, files.Secret); err != nil {
		return err
	}
	return a.saveRoots(s)
}

// saveRoots brings the public file up to the truth.
func (a *Authority) saveRoots(s *state) error {
	want := s.trusted()
	if have, err := files.Read(a.path(rootsFile), maxState); err == nil && string(have) == string(want) {
		return nil
	}
	return files.Replace(a.path(rootsFile), want, files.Public)
}

// Roots are the certificates that are to be trusted, PEM, the newest first.
func (a *Authority) Roots() ([]byte, error) {
	s, err := a.locked()
	if err != nil {
		return nil, err
	}
	return s.trusted(), nil
}

// Pin is what a host that knows nothing yet can know the authority by.
func (a *Authority) Pin() (string, error) {
	s, err := a.locked()
	if err != nil {
		return "", err
	}
	return PinOf(s.root), nil
}

// Overlap is until when the authority before is trusted too; zero where none is.
func (a *Authority) Overlap() (time.Time, error) {
	s, err := a.locked()
	if err != nil || s.cross == nil {
		return time.Time{}, err
	}
	return s.cross.NotAfter, nil
}

func (a *Authority) locked() (*state, error) {
	unlock, err := a.lock()
	if err != nil {
		return nil, err
	}
	defer unlock()
	return a.load()
}

// Rotate makes a new key and certificate. For so long as overlap says the one
// before is trusted as well, and vouches for the new one to those who have not
// heard of it; its key is gone at once. With 0 there is no overlap: all that was
// issued is worth nothing from now on.
func (a *Authority) Rotate(overlap time.Duration) error {
	unlock, err := a.lock()
	if err != nil {
		return err
	}
	defer unlock()
	s, err := a.load()
	if err != nil {
		return err
	}
	now := a.options.Now()
	if s.cross != nil && overlap > 0 {
		return fmt.Errorf("%w until %s; two are enough", ErrOverlap, s.cross.NotAfter.Format(time.RFC3339))
	}
	next := &state{}
	if next.key, next.root, err = newRoot(now); err != nil {
		return err
	}
	if overlap > 0 {
		next.old = s.root
		if next.cross, err = crossSign(next, s, now, overlap); err != nil {
			return err
		}
	}
	return a.save(next)
}

// crossSign has the old authority vouch for the new one's key.
func crossSign(next, old *state, now time.Time, overlap time.Duration) (*x509.Certificate, error) {
	template := rootTemplate(next.root.Subject, now)
	template.NotAfter = now.Add(overlap)
	if template.NotAfter.After(old.root.NotAfter) {
		return nil, fmt.Errorf("%w too soon for an overlap of %v", ErrExpired, overlap)
	}
	template.MaxPathLen, template.MaxPathLenZero = 0, true
	template.SubjectKeyId = next.root.SubjectKeyId
	return sign(template, old.root, &next.key.PublicKey, old.key)
}

func newRoot(now time.Time) (*ecdsa.PrivateKey, *x509.Certificate, error) {
	key, err := NewKey()
	if err != nil {
		return nil, nil, err
	}
	public, err := x509.MarshalPKIXPublicKey(&key.PublicKey)
	if err != nil {
		return nil, nil, err
	}
	sum := sha256.Sum256(public)
	template := rootTemplate(pkix.Name{CommonName: "ddcos authority " + hex.EncodeToString(sum[:4])}, now)
	root, err := sign(template, template, &key.PublicKey, key)
	return key, root, err
}

// NewKey makes a private key of the kind that is used everywhere here.
func NewKey() (*ecdsa.PrivateKey, error) { return ecdsa.GenerateKey(elliptic.P256(), rand.Reader) }

func rootTemplate(name pkix.Name, now time.Time) *x509.Certificate {
	return &x509.Certificate{
		Subject:               name,
		NotBefore:             now.Add(-Backdate),
		NotAfter:              now.Add(RootLife),
		KeyUsage:              x509.KeyUsageCertSign,
		IsCA:                  true,
		BasicConstraintsValid: true,
		MaxPathLen:            1, // the next authority, in an overlap
	}
}

// sign gives a template a number and a signature.
func sign(template, parent *x509.Certificate, public crypto.PublicKey, by *ecdsa.PrivateKey) (*x509.Certificate, error) {
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 127))
	if err != nil {
		return nil, err
	}
	template.SerialNumber = serial.Add(serial, big.NewInt(1))
	der, err := x509.CreateCertificate(rand.Reader, template, parent, public, by)
	if err != nil {
		return nil, err
	}
	return x509.ParseCertificate(der)
}

// pinPrefix names the hash, as kubeadm does.
const pinPrefix = "sha256:"

// PinOf is the SHA-256 of a certificate's public key: sha256:HEX.
func PinOf(c *x509.Certificate) string {
	sum := sha256.Sum256(c.RawSubjectPublicKeyInfo)
	return pinPrefix + hex.EncodeToString(sum[:])
}

// CheckPin refuses what cannot be a pin.
func CheckPin(pin string) error {
	digits, found := strings.CutPrefix(pin, pinPrefix)
	if raw, err := hex.DecodeString(digits); !found || err != nil || len(raw) != sha256.Size {
		return fmt.Errorf("%.80q: want sha256: and %d hexadecimal digits", pin, 2*sha256.Size)
	}
	return nil
}
