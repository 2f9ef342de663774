package enrol_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/x509"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"ddcos/middlecon/authority"
	"ddcos/middlecon/enrol"
	"ddcos/middlecon/files"
)

// kept is a host's files, and an authority that renews by a call, in a bubble's time.
type kept struct {
	*testing.T
	files enrol.Files
	ca    *authority.Authority
	key   *ecdsa.PrivateKey
	log   *journal
	stop  context.CancelFunc
	done  chan struct{}

	mu      sync.Mutex // guards what follows
	renewed []time.Time
	fails   error
}

func newKept(t *testing.T, life time.Duration) *kept {
	t.Helper()
	dir := t.TempDir()
	ca, _, err := authority.Ensure(authority.Options{Dir: filepath.Join(dir, "ca"), Life: life})
	if err != nil {
		t.Fatal(err)
	}
	tls := filepath.Join(dir, "etc", "tls")
	k := &kept{T: t, ca: ca, log: &journal{}, done: make(chan struct{}), files: enrol.Files{
		CA: filepath.Join(tls, "ca.crt"), Cert: filepath.Join(tls, "host.crt"), Key: filepath.Join(tls, "host.key"),
	}}
	var made bool
	if k.key, made, err = k.files.EnsureKey(); err != nil || !made {
		t.Fatal(made, err)
	}
	k.save()
	return k
}

func (k *kept) answer() *enrol.Answer {
	k.Helper()
	c, err := k.ca.Issue(authority.Request{Name: agentNamed("web-1"), Key: &k.key.PublicKey})
	if err != nil {
		k.Fatal(err)
	}
	return &enrol.Answer{Name: c.Name.URI().String(), Certificate: string(c.Chain), Roots: string(c.Roots)}
}

func (k *kept) save() {
	k.Helper()
	if err := k.files.Save(k.answer()); err != nil {
		k.Fatal(err)
	}
}

func (k *kept) run(stale func(*x509.Certificate) bool) {
	ctx, cancel := context.WithCancel(k.Context())
	k.stop = cancel
	keeper := &enrol.Keeper{
		Files: k.files, Look: 10 * time.Second, Stale: stale, Log: slog.New(slog.NewTextHandler(k.log, nil)),
		Renew: func(context.Context, *x509.Certificate) (*enrol.Answer, error) {
			k.mu.Lock()
			k.renewed = append(k.renewed, time.Now())
			fails := k.fails
			k.mu.Unlock()
			if fails != nil {
				return nil, fails
			}
			return k.answer(), nil
		},
	}
	go func() {
		defer close(k.done)
		keeper.Run(ctx)
	}()
}

func (k *kept) fail(err error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.fails = err
}

// renewals are when it was tried.
func (k *kept) renewals() []time.Time {
	k.mu.Lock()
	defer k.mu.Unlock()
	return slices.Clone(k.renewed)
}

func (k *kept) end() {
	k.stop()
	<-k.done
}

func TestKeeperRenewsInTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := newKept(t, time.Hour)
		k.run(nil)
		defer k.end()
		for range 5 {
			k.save() // a round begins
			begun, n := time.Now(), len(k.renewals())
			time.Sleep(47 * time.Minute) //nolint:forbidigo // a bubble's time
			synctest.Wait()
			if len(k.renewals()) != n+1 {
				t.Fatalf("%d renewals within 47 minutes of 60", len(k.renewals())-n)
			}
			if after := k.renewals()[n].Sub(begun); after < 40*time.Minute-10*time.Second {
				t.Errorf("after %v of an hour", after)
			}
		}
	})
}

// TestKeeperGoesOn: a broker that is away for a while costs nothing but words.
func TestKeeperGoesOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := newKept(t, time.Hour)
		k.fail(errors.New("away"))
		k.run(nil)
		defer k.end()
		time.Sleep(58 * time.Minute) //nolint:forbidigo // a bubble's time
		synctest.Wait()
		if n := len(k.renewals()); n < 5 || n > 60 {
			t.Errorf("tried %d times", n)
		}
		k.fail(nil)
		time.Sleep(90 * time.Second) //nolint:forbidigo // likewise
		synctest.Wait()
		if leaf, err := k.files.Leaf(); err != nil || time.Until(leaf.NotAfter) < 50*time.Minute {
			t.Errorf("%v, %v", leaf.NotAfter, err)
		}
	})
}

// TestKeeperAfterTheEnd: when it is too late it says what to do, once, and takes
// what somebody else brought.
func TestKeeperAfterTheEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := newKept(t, time.Hour)
		k.fail(errors.New("away"))
		k.run(nil)
		defer k.end()
		time.Sleep(61 * time.Minute) //nolint:forbidigo // a bubble's time
		synctest.Wait()
		n := len(k.renewals())
		time.Sleep(time.Hour) //nolint:forbidigo // likewise
		synctest.Wait()
		if len(k.renewals()) != n || strings.Count(k.log.String(), "join again") != 1 {
			t.Errorf("%d tries after the end:\n%s", len(k.renewals())-n, k.log)
		}
		k.save()
		k.fail(nil)
		time.Sleep(50 * time.Minute) //nolint:forbidigo // likewise
		synctest.Wait()
		if len(k.renewals()) != n+1 {
			t.Errorf("%d renewals after somebody joined again", len(k.renewals())-n)
		}
	})
}

// TestKeeperFollowsTheAuthority: what is stale is renewed at the next look.
func TestKeeperFollowsTheAuthority(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := newKept(t, time.Hour)
		k.run(func(leaf *x509.Certificate) bool {
			roots, err := k.ca.Roots()
			if err != nil {
				t.Error(err)
			}
			first, err := authority.ParseCertificates(roots)
			return err == nil && leaf.CheckSignatureFrom(first[0]) != nil
		})
		defer k.end()
		time.Sleep(time.Minute) //nolint:forbidigo // a bubble's time
		synctest.Wait()
		if len(k.renewals()) != 0 {
			t.Fatal("renewed what was good")
		}
		if err := k.ca.Rotate(2 * time.Hour); err != nil {
			t.Fatal(err)
		}
		time.Sleep(20 * time.Second) //nolint:forbidigo // likewise
		synctest.Wait()
		if len(k.renewals()) != 1 {
			t.Errorf("%d renewals after the rotation", len(k.renewals()))
		}
	})
}

func TestFiles(t *testing.T) {
	k := newKept(t, time.Hour)
	key, made, err := k.files.EnsureKey()
	if err != nil || made || !key.Equal(k.key) {
		t.Errorf("another key: %v, %v", made, err)
	}
	for path, want := range map[string]os.FileMode{
		filepath.Dir(k.files.Key): os.ModeDir | files.SecretDir, k.files.Key: files.Secret, k.files.Cert: files.Public, k.files.CA: files.Public,
	} {
		if info, err := os.Stat(path); err != nil || info.Mode() != want {
			t.Errorf("%s: %v, %v", path, info.Mode(), err)
		}
	}
	// A crash between the roots and the certificate, in a rotation: the certificate of before is still believed.
	if err := k.ca.Rotate(2 * time.Hour); err != nil {
		t.Fatal(err)
	}
	if err := files.Replace(k.files.CA, []byte(k.answer().Roots), files.Public); err != nil {
		t.Fatal(err)
	}
	leaf, err := k.files.Leaf()
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(k.files.CA)
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(text)
	if _, err := leaf.Verify(x509.VerifyOptions{Roots: roots, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}}); err != nil || !k.key.PublicKey.Equal(leaf.PublicKey) {
		t.Errorf("what a crash leaves does not belong together: %v", err)
	}
	if err := os.Chmod(k.files.Key, 0o644); err != nil {
		t.Fatal(err)
	}
	if _, _, err := k.files.EnsureKey(); !errors.Is(err, files.ErrExposed) {
		t.Errorf("a key that all may read: %v", err)
	}
	if err := os.WriteFile(k.files.Key, []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(k.files.Key, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, _, err := k.files.EnsureKey(); err == nil {
		t.Error("a broken key was replaced without a word")
	}
}
