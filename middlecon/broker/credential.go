package broker

import (
	"context"
	"crypto/x509"
	"errors"
	"strings"
	"time"
	"unique"

	"ddcos/middlecon/room"
	"ddcos/protocol"
)

// credential is what a TLS session has shown of who it is.
type credential struct {
	chain []*x509.Certificate // as it was shown; nil where none was asked for or shown
	token string              // where it stands for a certificate
	role  string              // of token
	until time.Time           // when the certificate ends; zero without one
	timer *time.Timer         // the loop's: looks then
}

// tokenPrefix begins the principals that are known by a token.
const tokenPrefix = "token "

// recheckEvery is how often the files of TLS are read again, and those sessions asked
// for that are known by what may have been revoked meanwhile.
const recheckEvery = 2 * time.Second

// lookAgain bounds how long a session is not looked at whose certificate ends later: the
// wall clock may be set.
const lookAgain = time.Hour

// recognise takes who it is from the certificate that was shown in the handshake. Without
// one the session's token has to tell, in its Hello.
func (t *fed) recognise(chain []*x509.Certificate, now time.Time) error {
	t.cred.chain = chain
	if len(t.cred.chain) == 0 {
		return nil
	}
	id, err := t.b.options.TLS.Verify(t.cred.chain, now)
	if err != nil {
		return err
	}
	t.cred.until = id.NotAfter
	t.s.kin = unique.Make(room.Peer{Host: id.Host(), Principal: room.Principal(id.URI)})
	return nil
}

// authenticated lets a session go on after its Hello, or ends it. All transports but TLS
// have been identified by then.
func (b *Broker) authenticated(s *session, token string) bool {
	t, ok := s.conn.(*fed)
	if !ok {
		if token != "" { // whoever is on the way could have read it
			b.refuse(s, protocol.Errorf(protocol.CodeUnauthenticated, "a token is for TLS alone"))
		}
		return token == ""
	}
	if err := b.authenticate(t, token); err != nil {
		b.refuseCredential(t, err)
		return false
	}
	return true
}

func (b *Broker) authenticate(t *fed, token string) error {
	switch {
	case token != "":
		if b.options.Authenticate == nil {
			return errors.New("this broker knows no tokens; show a certificate: --tls-cert and --tls-key")
		}
		who, role, ok := b.options.Authenticate(token)
		if !ok {
			return errors.New("the token is unknown, has expired or was revoked")
		}
		t.cred.token = strings.Clone(token)
		t.s.kin = unique.Make(room.Peer{Host: t.s.peer().Host, Principal: tokenPrefix + room.Principal(who), Roles: role})
		t.cred.role = role
		return nil
	case len(t.cred.chain) > 0:
		b.watchEnd(t)
		return nil
	case b.options.Anonymous:
		return nil
	case b.options.Authenticate == nil:
		return errors.New("no certificate was shown: --tls-cert and --tls-key name one")
	}
	return errors.New("neither a certificate nor a token was shown: --tls-cert and --tls-key, or --token-file")
}

// refuseCredential ends a session that is not, or not any more, who it has to be.
func (b *Broker) refuseCredential(t *fed, why error) {
	if t.s.closing {
		return
	}
	b.refusals.log(b.options.Log, "refused", "peer", t.line.RemoteAddr().String(), "who", string(t.s.peer().Principal), "reason", why.Error())
	b.refuse(t.s, protocol.Errorf(protocol.CodeUnauthenticated, "%v", why))
}

// watchEnd has the session looked at when its certificate ends, and ends it then.
func (b *Broker) watchEnd(t *fed) {
	if t.s.closing {
		return
	}
	now := time.Now()
	if now.After(t.cred.until) {
		id, err := b.options.TLS.Verify(t.cred.chain, now)
		if err != nil {
			b.refuseCredential(t, err)
			return
		}
		t.cred.until = id.NotAfter // an issuer was renewed
	}
	left := min(t.cred.until.Sub(now)+time.Second, lookAgain)
	t.cred.timer = time.AfterFunc(left, func() { b.turnFor(func() { b.watchEnd(t) }) })
}

// recheck reads the files of TLS again and again, and ends the sessions whose
// certificates or tokens are not believed any more.
func (b *Broker) recheck(ctx context.Context) {
	ticker := time.NewTicker(recheckEvery)
	defer ticker.Stop()
	failing := ""
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		changed, err := b.options.TLS.Reload()
		switch {
		case err == nil:
			failing = ""
		case err.Error() != failing:
			failing = err.Error()
			b.options.Log.Error("the files of TLS cannot be read; those of before stay", "error", err)
		}
		if changed {
			b.options.Log.Info("the files of TLS have changed", "until", b.options.TLS.Leaf().NotAfter)
		}
		b.recheckSessions(ctx, changed)
	}
}

// recheckSessions looks at the sessions that are known by a token, and with certificates
// at those as well. Checking is not the loop's work: it takes a tenth of a millisecond each.
func (b *Broker) recheckSessions(ctx context.Context, certificates bool) {
	type shown struct {
		t    *fed
		cred credential
	}
	found := make(chan []shown, 1)
	if !b.mailbox.reached(func() {
		var all []shown
		for _, s := range b.byID.All() {
			if t, ok := s.conn.(*fed); ok && !s.closing && (t.cred.token != "" || certificates && t.cred.chain != nil) {
				all = append(all, shown{t, t.cred})
			}
		}
		found <- all
	}) {
		return
	}
	var all []shown
	select {
	case all = <-found:
	case <-ctx.Done():
		return
	}
	now := time.Now()
	for _, one := range all {
		err := b.recheckOne(&one.cred, now)
		if err != nil {
			b.turnFor(func() { b.refuseCredential(one.t, err) })
		}
	}
}

func (b *Broker) recheckOne(c *credential, now time.Time) error {
	if c.token == "" {
		_, err := b.options.TLS.Verify(c.chain, now)
		return err
	}
	if _, role, ok := b.options.Authenticate(c.token); !ok || role != c.role {
		return errors.New("the token has expired or was revoked")
	}
	return nil
}
