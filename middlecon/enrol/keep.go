package enrol

import (
	"context"
	"crypto/ecdsa"
	"crypto/x509"
	"errors"
	"io/fs"
	"log/slog"
	"math/rand/v2"
	"os"
	"path/filepath"
	"time"

	"ddcos/middlecon/authority"
	"ddcos/middlecon/files"
)

// maxFile bounds what is read of a certificate or a key, in bytes.
const maxFile = 64 << 10

// Files are where a certificate, its key and the roots that are trusted stand.
type Files struct{ CA, Cert, Key string }

// EnsureKey gives the key, and makes it where it is missing, with its directory.
// One key stays for as long as a host does: so certificate and key always
// belong together, whenever a crash comes.
func (f Files) EnsureKey() (key *ecdsa.PrivateKey, made bool, err error) {
	data, err := files.ReadSecret(f.Key, maxFile)
	if err == nil {
		key, err = authority.ParseKey(data)
		return key, false, err
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return nil, false, err
	}
	if err := os.MkdirAll(filepath.Dir(f.Key), files.SecretDir); err != nil {
		return nil, false, err
	}
	if key, err = authority.NewKey(); err != nil {
		return nil, false, err
	}
	text, err := authority.EncodeKey(key)
	if err != nil {
		return nil, false, err
	}
	return key, true, files.Replace(f.Key, text, files.Secret)
}

// Save puts an answer into the files. The roots are first: those of an answer
// include whatever the certificate before needed.
func (f Files) Save(a *Answer) error {
	if err := files.Replace(f.CA, []byte(a.Roots), files.Public); err != nil {
		return err
	}
	return files.Replace(f.Cert, []byte(a.Certificate), files.Public)
}

// Leaf is the certificate that is there now.
func (f Files) Leaf() (*x509.Certificate, error) {
	data, err := files.Read(f.Cert, maxFile)
	if err != nil {
		return nil, err
	}
	chain, err := authority.ParseCertificates(data)
	if err != nil {
		return nil, err
	}
	return chain[0], nil
}

// How long a keeper waits after a renewal that failed: a tenth of what is left
// of the certificate's life, between these.
const (
	leastPause = time.Second
	mostPause  = 10 * time.Minute
)

var errExpired = errors.New("it has expired")

// Keeper renews the certificate of files for as long as it runs. Whoever reads
// the files at each handshake needs no word from it.
type Keeper struct {
	Files Files
	// Renew gets the successor of a certificate.
	Renew func(context.Context, *x509.Certificate) (*Answer, error)
	// Stale tells that a certificate is to be renewed though it is not yet time;
	// nil: never.
	Stale func(*x509.Certificate) bool
	// Look is how often the files are looked at: somebody else may have renewed.
	Look time.Duration
	Log  *slog.Logger
}

// Run keeps until ctx ends.
func (k *Keeper) Run(ctx context.Context) {
	var known *x509.Certificate
	var due, retry time.Time
	told := false // that there is no valid certificate
	tick := time.NewTicker(k.Look)
	defer tick.Stop()
	for {
		leaf, err := k.Files.Leaf()
		if err == nil && (known == nil || !leaf.Equal(known)) {
			known, due, retry, told = leaf, authority.RenewAt(leaf, rand.Float64()), time.Time{}, false
		}
		now := time.Now()
		switch stale := err == nil && k.Stale != nil && k.Stale(leaf); {
		case err != nil || now.After(leaf.NotAfter) && k.Stale == nil:
			if !told {
				told = true
				k.Log.Error("there is no certificate that can be renewed: join again with a token", "file", k.Files.Cert, "error", orExpired(err))
			}
		case (stale || !now.Before(due)) && !now.Before(retry):
			if err := k.renew(ctx, leaf); err != nil {
				pause := min(max(leaf.NotAfter.Sub(now)/10, leastPause), mostPause)
				retry = now.Add(pause/2 + time.Duration(rand.Float64()*float64(pause/2)))
				k.Log.Warn("cannot renew the certificate", "until", leaf.NotAfter, "again", retry, "error", err)
			}
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}

func orExpired(err error) error {
	if err == nil {
		return errExpired
	}
	return err
}

func (k *Keeper) renew(ctx context.Context, leaf *x509.Certificate) error {
	answer, err := k.Renew(ctx, leaf)
	if err != nil {
		return err
	}
	if err := k.Files.Save(answer); err != nil {
		return err
	}
	k.Log.Info("renewed the certificate", "name", answer.Name, "file", k.Files.Cert)
	return nil
}
