package main

import (
	"context"
	"crypto/x509"
	"errors"
	"log/slog"
	"os"
	"time"

	"ddcos/middlecon/authority"
	"ddcos/middlecon/enrol"
)

// lookEvery is how often the broker's certificate is compared with what it should be.
const lookEvery = 2 * time.Second

// brokerCert is the certificate of the broker beside its own authority.
type brokerCert struct {
	place
	ca    *authority.Authority
	name  authority.Name
	find  func() (reach, error) // by what the host is reached now
	reach reach                 // as ensure found it
}

// ensure sees to it that there is a certificate, which is good for a while.
func (c *brokerCert) ensure(log *slog.Logger) error {
	if _, made, err := c.files().EnsureKey(); err != nil {
		return err
	} else if made {
		log.Info("made the broker's key", "file", c.files().Key)
	}
	var err error
	if c.reach, err = c.find(); err != nil {
		return err
	}
	leaf, err := c.files().Leaf()
	if err == nil && !c.stale(leaf) && time.Now().Before(authority.RenewAt(leaf, 0)) {
		log.Info("the broker's certificate is there", "file", c.files().Cert, "until", leaf.NotAfter)
		return nil
	}
	answer, err := c.issue()
	if err != nil {
		return err
	}
	log.Info("made the broker's certificate", "file", c.files().Cert, "dns", c.reach.dns, "ips", c.reach.ips)
	return c.files().Save(answer)
}

// issue makes one. Whoever may read the authority's key may take the name, too: it is
// this host's, even if the key of before was lost.
func (c *brokerCert) issue() (*enrol.Answer, error) {
	key, _, err := c.files().EnsureKey()
	if err != nil {
		return nil, err
	}
	now, err := c.find()
	if err != nil {
		return nil, err
	}
	r := authority.Request{Name: c.name, Key: &key.PublicKey, DNS: now.dns, IPs: now.ips}
	issued, err := c.ca.Issue(r)
	if errors.Is(err, authority.ErrTaken) || errors.Is(err, authority.ErrRevoked) {
		if err := c.ca.Release(c.name); err != nil {
			return nil, err
		}
		issued, err = c.ca.Issue(r)
	}
	if err != nil {
		return nil, err
	}
	return &enrol.Answer{Name: c.name.URI().String(), Certificate: string(issued.Chain), Roots: string(issued.Roots)}, nil
}

// stale tells that the certificate is not what it should be: the authority has
// changed, or the host is reached by something that is not in it.
func (c *brokerCert) stale(leaf *x509.Certificate) bool {
	roots, err := c.ca.Roots()
	if err != nil {
		return false // it is told where it is issued
	}
	have, err := os.ReadFile(c.files().CA)
	if err != nil || string(have) != string(roots) {
		return true
	}
	newest, err := authority.ParseCertificates(roots)
	if err != nil || leaf.CheckSignatureFrom(newest[0]) != nil {
		return true
	}
	if got, err := authority.NameOf(leaf); err != nil || got != c.name {
		return true
	}
	now, err := c.find()
	if err != nil {
		return false
	}
	for _, name := range now.dns {
		if leaf.VerifyHostname(name) != nil {
			return true
		}
	}
	for _, ip := range now.ips {
		if leaf.VerifyHostname(ip.String()) != nil {
			return true
		}
	}
	return false
}

func (c *brokerCert) keeper(log *slog.Logger) *enrol.Keeper {
	return &enrol.Keeper{
		Files: c.files(), Look: lookEvery, Stale: c.stale, Log: log,
		Renew: func(context.Context, *x509.Certificate) (*enrol.Answer, error) { return c.issue() },
	}
}
