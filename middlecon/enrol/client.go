package enrol

import (
	"bytes"
	"cmp"
	"context"
	"crypto/ecdsa"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"time"

	"ddcos/middlecon/authority"
	"ddcos/protocol"
)

// Errors that are told by errors.Is, beside the codes.
var (
	ErrPin         = errors.New("whoever answers there is not vouched for by the authority of --ca-hash")
	ErrNoBroker    = errors.New("whoever answers there is no broker")
	ErrAddress     = errors.New("the broker's certificate is not for this address")
	ErrClock       = errors.New("this host's clock and the broker's differ")
	ErrUnreachable = errors.New("no broker can be reached")
	errAnswer      = errors.New("the broker's answer is not what was asked for")
)

// Joining is what a host needs to get its first certificate.
type Joining struct {
	Address string // the broker's, host:port
	Pin     string // of the authority, as authority.PinOf tells it
	Token   string
	Name    authority.Name
	Key     *ecdsa.PrivateKey
}

// Join gets a certificate for a token. The token leaves this host only when the
// broker has shown that it is vouched for by the authority whose key Pin is of.
func Join(ctx context.Context, j Joining) (*Answer, error) {
	if err := errors.Join(authority.CheckPin(j.Pin), j.Name.Check()); err != nil {
		return nil, err
	}
	csr, err := authority.NewRequest(j.Key)
	if err != nil {
		return nil, err
	}
	host, _, err := net.SplitHostPort(j.Address)
	if err != nil {
		return nil, err
	}
	body, err := json.Marshal(ask{j.Token, j.Name.Role, j.Name.Host, string(csr)})
	if err != nil {
		return nil, err
	}
	config := &tls.Config{
		MinVersion: tls.VersionTLS13,
		ServerName: host,
		// The chain is not verified against roots, of which none is known yet, but against the pin.
		InsecureSkipVerify: true,
		VerifyConnection:   func(s tls.ConnectionState) error { return checkPinned(s.PeerCertificates, j.Pin, host, time.Now()) },
	}
	answer, err := post(ctx, j.Address, PathEnrol, config, body)
	if err != nil {
		return nil, err
	}
	return answer, answer.check(j.Name, &j.Key.PublicKey, j.Pin)
}

// Renew gets the successor of the certificate that config shows.
func Renew(ctx context.Context, address string, config *tls.Config, name authority.Name, key *ecdsa.PublicKey) (*Answer, error) {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return nil, err
	}
	config = config.Clone()
	verify := config.VerifyConnection
	config.VerifyConnection = func(s tls.ConnectionState) error {
		if verify != nil {
			s.ServerName = cmp.Or(config.ServerName, host) // crypto/tls leaves it out where it is an IP address
			if err := verify(s); err != nil {
				return err
			}
		}
		return checkBroker(s.PeerCertificates)
	}
	answer, err := post(ctx, address, PathRenew, config, nil)
	if err != nil {
		return nil, err
	}
	return answer, answer.check(name, key, "")
}

// checkPinned finds the pinned authority among what the peer showed, and the
// peer to be a broker that it vouches for, reached by the right address.
func checkPinned(shown []*x509.Certificate, pin, host string, now time.Time) error {
	roots, between := x509.NewCertPool(), x509.NewCertPool()
	found := []string{}
	known := false
	for _, c := range shown[min(1, len(shown)):] {
		if c.IsCA && authority.PinOf(c) == pin {
			roots.AddCert(c)
			known = true
			continue
		}
		found = append(found, authority.PinOf(c))
		between.AddCert(c)
	}
	if !known {
		return fmt.Errorf("%w: it showed %s", ErrPin, orNothing(found))
	}
	leaf := shown[0]
	_, err := leaf.Verify(x509.VerifyOptions{Roots: roots, Intermediates: between, CurrentTime: now, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}})
	var invalid x509.CertificateInvalidError
	if errors.As(err, &invalid) && invalid.Reason == x509.Expired {
		return fmt.Errorf("%w, or the broker's certificate has expired: it is valid from %s to %s, and here it is %s",
			ErrClock, leaf.NotBefore.Format(time.RFC3339), leaf.NotAfter.Format(time.RFC3339), now.UTC().Format(time.RFC3339))
	}
	if err != nil {
		return fmt.Errorf("%w: %w", ErrPin, err)
	}
	if err := checkBroker(shown); err != nil {
		return err
	}
	if err := leaf.VerifyHostname(host); err != nil {
		return fmt.Errorf("%w, but for %s: use one of those, or tell the broker this one by 'middlecon up --advertise'", ErrAddress, orNothing(reachedBy(leaf)))
	}
	return nil
}

func reachedBy(leaf *x509.Certificate) []string {
	all := append([]string{}, leaf.DNSNames...)
	for _, ip := range leaf.IPAddresses {
		all = append(all, ip.String())
	}
	return all
}

func orNothing(all []string) string {
	if len(all) == 0 {
		return "nothing"
	}
	return strings.Join(all, ", ")
}

// checkBroker wants the role of a broker in the peer's name: a member's
// certificate will not do.
func checkBroker(shown []*x509.Certificate) error {
	if len(shown) == 0 {
		return ErrNoBroker
	}
	if n, err := authority.NameOf(shown[0]); err != nil || n.Role != protocol.RoleBroker {
		return fmt.Errorf("%w: its certificate is for %s", ErrNoBroker, orNothing(uris(shown[0])))
	}
	return nil
}

func uris(c *x509.Certificate) (all []string) {
	for _, u := range c.URIs {
		all = append(all, u.String())
	}
	return all
}

// post asks one question and reads the answer.
func post(ctx context.Context, address, path string, config *tls.Config, body []byte) (*Answer, error) {
	ctx, cancel := context.WithTimeout(ctx, answerTime)
	defer cancel()
	config.NextProtos = []string{"http/1.1"}
	transport := &http.Transport{TLSClientConfig: config, DisableKeepAlives: true, MaxResponseHeaderBytes: maxAnswer}
	client := &http.Client{
		Transport:     transport, // without a proxy: the token is for the broker alone
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, "https://"+address+path, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	request.Header.Set("Content-Type", "application/json")
	response, err := client.Do(request)
	if err != nil {
		return nil, told(err)
	}
	defer func() { _ = response.Body.Close() }()
	data, err := io.ReadAll(io.LimitReader(response.Body, maxAnswer))
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrUnreachable, err)
	}
	if response.StatusCode != http.StatusOK {
		return nil, refusal(response, data)
	}
	var answer Answer
	if err := json.Unmarshal(data, &answer); err != nil {
		return nil, fmt.Errorf("%w: %w", errAnswer, err)
	}
	return &answer, nil
}

// told keeps of a failure to connect what can be done about it.
func told(err error) error {
	for _, ours := range []error{ErrPin, ErrNoBroker, ErrAddress, ErrClock} {
		if errors.Is(err, ours) {
			var verify *tls.CertificateVerificationError
			if errors.As(err, &verify) {
				return verify.Err
			}
			return errors.Unwrap(err) // without the method and the URL
		}
	}
	var invalid x509.CertificateInvalidError
	if errors.As(err, &invalid) && invalid.Reason == x509.Expired {
		return fmt.Errorf("%w, or the broker's certificate has expired: %w", ErrClock, invalid)
	}
	var ended tls.AlertError
	if errors.As(err, &ended) {
		return &Refusal{Code: NoCertificate, Text: ended.Error()}
	}
	return fmt.Errorf("%w: %w", ErrUnreachable, errors.Unwrap(err))
}

// refusal is what the broker's answer says against it.
func refusal(response *http.Response, data []byte) error {
	var p problem
	if err := json.Unmarshal(data, &p); err != nil || p.Code == "" {
		return fmt.Errorf("%w: HTTP status %s: is it a broker that 'middlecon up' started?", errAnswer, response.Status)
	}
	return &Refusal{p.Code, p.Text}
}

// check holds an answer to what was asked: it may put nothing else on this host.
func (a *Answer) check(name authority.Name, key *ecdsa.PublicKey, pin string) error {
	chain, err := authority.ParseCertificates([]byte(a.Certificate))
	if err != nil {
		return fmt.Errorf("%w: certificate: %w", errAnswer, err)
	}
	roots, err := authority.ParseCertificates([]byte(a.Roots))
	if err != nil {
		return fmt.Errorf("%w: roots: %w", errAnswer, err)
	}
	leaf, now := chain[0], time.Now()
	if now.Before(leaf.NotBefore) || now.After(leaf.NotAfter) {
		return fmt.Errorf("%w: there it is %s, here %s", ErrClock, a.Time.UTC().Format(time.RFC3339), now.UTC().Format(time.RFC3339))
	}
	trusted, pinned := x509.NewCertPool(), pin == ""
	for _, root := range roots {
		trusted.AddCert(root)
		pinned = pinned || authority.PinOf(root) == pin
	}
	if !pinned {
		return fmt.Errorf("%w: the roots that it gave do not have it", ErrPin)
	}
	if _, err := leaf.Verify(x509.VerifyOptions{Roots: trusted, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}}); err != nil {
		return fmt.Errorf("%w: %w", errAnswer, err)
	}
	if got, err := authority.NameOf(leaf); err != nil || got != name || !key.Equal(leaf.PublicKey) {
		return fmt.Errorf("%w: a certificate for %s", errAnswer, a.Name)
	}
	return nil
}
