package authority_test

import (
	"crypto/x509"
	"errors"
	"net/netip"
	"os"
	"path/filepath"
	"testing"
	"time"

	"ddcos/middlecon/authority"
)

// TestRotation follows those who knew only the authority before, and those who
// know only the next, through an overlap.
func TestRotation(t *testing.T) {
	w := newWorld(t)
	agentKey, brokerKey := w.key(), w.key()
	hub := authority.Request{Name: broker, Key: &brokerKey.PublicKey, IPs: []netip.Addr{netip.MustParseAddr("10.0.0.1")}}
	before := w.issue(authority.Request{Name: agent, Key: &agentKey.PublicKey})
	brokerBefore := w.issue(hub)
	rootsBefore := w.roots()
	pin, err := w.Pin()
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Rotate(48 * time.Hour); err != nil {
		t.Fatal(err)
	}
	after := w.issue(authority.Request{Name: agent, Key: &agentKey.PublicKey})
	brokerAfter := w.issue(hub)
	roots, err := authority.ParseCertificates(w.roots())
	if err != nil || len(roots) != 2 {
		t.Fatal(len(roots), err)
	}
	newPin, err := w.Pin()
	if err != nil || newPin == pin {
		t.Fatal(newPin, err)
	}
	onlyNew := authority.EncodeCertificates(roots[0])
	check := func(what string, err error, want bool) {
		t.Helper()
		if (err == nil) != want {
			t.Errorf("%s: %v; trusted: %v", what, err, want)
		}
	}
	server, client := x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth
	check("the new broker, to whom only the old is known", w.verify(rootsBefore, brokerAfter.Chain, server), true)
	check("the new broker, to whom only the new is known", w.verify(onlyNew, brokerAfter.Chain, server), true)
	check("the old broker, to whom both are known", w.verify(w.roots(), brokerBefore.Chain, server), true)
	check("an agent that has not renewed", w.verify(w.roots(), before.Chain, client), true)
	check("an agent that has", w.verify(w.roots(), after.Chain, client), true)
	if _, _, err := w.Holder(before.Leaf); err != nil {
		t.Errorf("who has not renewed cannot: %v", err)
	}
	chain, err := authority.ParseCertificates(brokerAfter.Chain)
	if err != nil {
		t.Fatal(err)
	}
	pins := map[string]bool{}
	for _, c := range chain[1:] {
		pins[authority.PinOf(c)] = true
	}
	if !pins[pin] || !pins[newPin] {
		t.Error("a line to join by, printed before the rotation or after it, does not find its pin")
	}
	if err := w.Rotate(time.Hour); !errors.Is(err, authority.ErrOverlap) {
		t.Errorf("a third root: %v", err)
	}
	if until, err := w.Overlap(); err != nil || !until.Equal(w.now.Add(48*time.Hour)) {
		t.Errorf("until %v, %v", until, err)
	}

	w.now = w.now.Add(48*time.Hour + time.Second)
	late := w.issue(hub)
	check("the broker after the overlap, to whom only the old is known", w.verify(rootsBefore, late.Chain, server), false)
	check("the broker after the overlap", w.verify(onlyNew, late.Chain, server), true)
	if string(w.roots()) != string(onlyNew) {
		t.Error("the old root is still given out")
	}
	if data, err := os.ReadFile(filepath.Join(w.dir, "ca.crt")); err != nil || string(data) != string(onlyNew) {
		t.Errorf("the old root is still in the file: %v", err)
	}
	if until, err := w.Overlap(); err != nil || !until.IsZero() {
		t.Errorf("until %v, %v", until, err)
	}
	check("a rotation after the overlap", w.Rotate(time.Hour), true)
}

// TestRotationAtOnce is for a key that was stolen: nothing of before is trusted.
func TestRotationAtOnce(t *testing.T) {
	w := newWorld(t)
	before := w.issue(authority.Request{Name: agent, Key: &w.key().PublicKey})
	if err := w.Rotate(time.Hour); err != nil {
		t.Fatal(err)
	}
	between := w.issue(authority.Request{Name: broker, Key: &w.key().PublicKey})
	if err := w.Rotate(0); err != nil { // in an overlap, too
		t.Fatal(err)
	}
	for _, c := range []*authority.Certificate{before, between} {
		if w.verify(w.roots(), c.Chain, x509.ExtKeyUsageClientAuth) == nil {
			t.Errorf("%s is still trusted", c.Name)
		}
		if _, _, err := w.Holder(c.Leaf); !errors.Is(err, authority.ErrForeign) {
			t.Errorf("%s may renew: %v", c.Name, err)
		}
	}
	if roots, err := authority.ParseCertificates(w.roots()); err != nil || len(roots) != 1 {
		t.Errorf("%d roots, %v", len(roots), err)
	}
}

// TestRootEnds: no certificate outlives the authority's own.
func TestRootEnds(t *testing.T) {
	w := newWorld(t)
	w.now = w.now.Add(authority.RootLife - time.Hour)
	leaf := w.issue(authority.Request{Name: agent, Key: &w.key().PublicKey}).Leaf
	if got := leaf.NotAfter.Sub(w.now); got != time.Hour {
		t.Errorf("valid for %v", got)
	}
	if err := w.Rotate(2 * time.Hour); !errors.Is(err, authority.ErrExpired) {
		t.Errorf("an overlap that is longer than the root: %v", err)
	}
	w.now = w.now.Add(2 * time.Hour)
	if _, err := w.Issue(authority.Request{Name: broker, Key: &w.key().PublicKey}); !errors.Is(err, authority.ErrExpired) {
		t.Errorf("issued by an expired root: %v", err)
	}
	if err := w.Rotate(0); err != nil {
		t.Fatal(err)
	}
	w.issue(authority.Request{Name: broker, Key: &w.key().PublicKey})
}
