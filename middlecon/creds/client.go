package creds

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"ddcos/protocol"
)

// Client is which files a process shows and checks when it speaks TLS. Empty fields are
// those of the host, where they can be read: CAFile, HostCert and HostKey.
type Client struct {
	CA        string // the authorities that brokers' certificates come from
	Cert, Key string
	TokenFile string
	Name      string // that the broker's certificate has to be for, or its spiffe:// identity; "": the address's host
}

// FromEnv is the client that the environment names.
func FromEnv(getenv func(string) string) Client {
	var c Client
	for _, f := range c.Flags() {
		if f.Env != "" {
			*f.Value = getenv(f.Env)
		}
	}
	return c
}

// Flag is one of the flags by which every command takes a Client.
type Flag struct {
	Name, Arg, Usage string
	Env              string // the variable that stands for it; "": none
	Value            *string
}

// Text is what a command's help says of the flag.
func (f Flag) Text() string {
	text := "`" + f.Arg + "` " + f.Usage
	if f.Env != "" {
		text += " (environment: " + f.Env + ")"
	}
	return text
}

// Flags set the client's fields.
func (c *Client) Flags() []Flag {
	return []Flag{
		{"tls-ca", "FILE", "with the authorities that the broker's certificate comes from (" + CAFile + ")", "DDCOS_TLS_CA", &c.CA},
		{"tls-cert", "FILE", "with this client's certificate (" + HostCert + ")", "DDCOS_TLS_CERT", &c.Cert},
		{"tls-key", "FILE", "with its key, which nobody else may read (" + HostKey + ")", "DDCOS_TLS_KEY", &c.Key},
		{"token-file", "FILE", "with a token to show instead of a certificate", "DDCOS_TOKEN_FILE", &c.TokenFile},
		{"tls-name", "NAME", "that the broker's certificate is for, or its spiffe:// identity; the address's host without it", "", &c.Name},
	}
}

// For is what sessions are opened by with brokers at these addresses, with commas
// between; nothing is read, and config is nil, where none of them is tls://host:port.
func (c Client) For(addresses string) (config *tls.Config, token func() (string, error), err error) {
	for a := range strings.SplitSeq(addresses, ",") {
		if strings.HasPrefix(a, "tls://") {
			config, err = c.Config()
			return config, c.Token, err
		}
	}
	return nil, nil, nil
}

// Config is what connections to brokers are made by. It reads its files at each
// handshake, so that a certificate that was renewed is used by the next one; what cannot
// be read now is an error now.
func (c Client) Config() (*tls.Config, error) {
	if (c.Cert == "") != (c.Key == "") {
		return nil, errors.New("--tls-cert and --tls-key belong together: give both, or none")
	}
	if _, err := c.authorities(); err != nil {
		return nil, err
	}
	if _, err := c.certificate(); err != nil {
		return nil, err
	}
	config := &tls.Config{
		MinVersion:                  tls.VersionTLS13,
		NextProtos:                  []string{protocol.ALPN},
		DynamicRecordSizingDisabled: true,
		InsecureSkipVerify:          true,     // VerifyConnection does all of it, by the files as they are then
		VerifyConnection:            c.verify, // whose ServerName has to be told, where it is an address
		GetClientCertificate: func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
			cert, err := c.certificate()
			if cert == nil && err == nil {
				cert = &tls.Certificate{} // none: the broker will say what it makes of that
			}
			return cert, err
		},
	}
	if !strings.HasPrefix(c.Name, protocol.IdentityScheme) {
		config.ServerName = c.Name
	}
	return config, nil
}

// authorities are those of the file, or of the host, or those that its system believes.
func (c Client) authorities() (*x509.CertPool, error) {
	if c.CA != "" {
		authorities, _, err := pool(c.CA)
		if err != nil {
			err = fmt.Errorf("--tls-ca: %w", err)
		}
		return authorities, err
	}
	authorities, _, err := pool(CAFile)
	if errors.Is(err, os.ErrNotExist) || errors.Is(err, os.ErrPermission) {
		return nil, nil // the system's, as x509 has it
	}
	return authorities, err
}

// certificate is the client's, and nil where there is none.
func (c Client) certificate() (*tls.Certificate, error) {
	if c.Cert != "" {
		cert, _, err := pair(c.Cert, c.Key)
		if err != nil {
			err = fmt.Errorf("--tls-cert, --tls-key: %w", err)
		}
		return cert, err
	}
	cert, _, err := pair(HostCert, HostKey)
	if errors.Is(err, os.ErrNotExist) || errors.Is(err, os.ErrPermission) {
		return nil, nil
	}
	return cert, err
}

// Token is what is in the token's file now; "" where no file was named.
func (c Client) Token() (string, error) {
	if c.TokenFile == "" {
		return "", nil
	}
	token, err := Token(c.TokenFile)
	if err != nil {
		err = fmt.Errorf("--token-file: %w", err)
	}
	return token, err
}

// verify checks a broker.
func (c Client) verify(cs tls.ConnectionState) error {
	authorities, err := c.authorities()
	if err != nil {
		return err
	}
	if _, err := verify(cs.PeerCertificates, authorities, x509.ExtKeyUsageServerAuth, time.Now()); err != nil {
		return fmt.Errorf("the broker's certificate: %w; --tls-ca names a file with others", err)
	}
	return c.named(cs.PeerCertificates[0], cs.ServerName)
}

// named checks that a certificate is the broker's that was asked for, and no member's: one
// of the own authority has to be for a broker.
func (c Client) named(leaf *x509.Certificate, host string) error {
	id, unnamed := IdentityOf(leaf)
	if strings.HasPrefix(c.Name, protocol.IdentityScheme) {
		if unnamed != nil || id.URI != c.Name {
			return fmt.Errorf("the broker's certificate is for %q and not for %s: --tls-name", name(fmt.Sprint(leaf.URIs)), c.Name)
		}
		return nil
	}
	for _, uri := range leaf.URIs {
		if strings.EqualFold(uri.Host, protocol.OwnDomain) && (unnamed != nil || id.Role() != protocol.RoleBroker) {
			return fmt.Errorf("what answers there is no broker: its certificate is for %q", name(fmt.Sprint(leaf.URIs)))
		}
	}
	if err := leaf.VerifyHostname(host); err != nil {
		return fmt.Errorf("the broker's certificate is for %s and not for %s: reach it by such a name, or give it with --tls-name", names(leaf), host)
	}
	return nil
}

// names are those that a certificate is for.
func names(leaf *x509.Certificate) string {
	all := append([]string{}, leaf.DNSNames...)
	for _, ip := range leaf.IPAddresses {
		all = append(all, ip.String())
	}
	if len(all) == 0 {
		return "no name at all"
	}
	return name(strings.Join(all, ", "))
}
