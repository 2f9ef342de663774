package creds

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"os"
	"sync/atomic"
	"time"
)

// ServerFiles are what a broker, or an agent, serves TLS by.
type ServerFiles struct {
	Cert, Key string
	ClientCA  string // the authorities whose certificates say who a client is; "": none, and clients are not asked for any
}

// Server is what is in these files, always the latest that could be read. It is safe
// for many goroutines.
type Server struct {
	files   ServerFiles
	current atomic.Pointer[material]
}

// material is what was in the files at one time.
type material struct {
	text    []byte // of all files
	cert    *tls.Certificate
	clients *x509.CertPool // nil: clients are not asked for certificates
}

// NewServer reads the files.
func NewServer(files ServerFiles) (*Server, error) {
	s := &Server{files: files}
	if _, err := s.Reload(); err != nil {
		return nil, err
	}
	return s, nil
}

// Reload reads the files again. Where that fails what was read before stays.
func (s *Server) Reload() (changed bool, err error) {
	if s.files.Cert == "" || s.files.Key == "" {
		return false, errors.New("TLS needs a certificate and its key")
	}
	m := &material{}
	if m.cert, m.text, err = pair(s.files.Cert, s.files.Key); err != nil {
		return false, err
	}
	if s.files.ClientCA != "" {
		var text []byte
		if m.clients, text, err = pool(s.files.ClientCA); err != nil {
			return false, err
		}
		m.text = append(m.text, text...)
	}
	if old := s.current.Load(); old != nil && bytes.Equal(old.text, m.text) {
		return false, nil
	}
	s.current.Store(m)
	return true, nil
}

// Leaf is the certificate that is served now.
func (s *Server) Leaf() *x509.Certificate { return s.current.Load().cert.Leaf }

// Asks tells whether clients are asked for certificates.
func (s *Server) Asks() bool { return s.current.Load().clients != nil }

// Config is for handshakes that agree on one of these protocols. What a client shows is
// not judged in the handshake but by Verify, so that it can be told what is wrong with it.
// There are no tickets: a session that is resumed would outlive a change of the authorities.
func (s *Server) Config(protocols ...string) *tls.Config {
	base := &tls.Config{
		MinVersion:                  tls.VersionTLS13,
		NextProtos:                  protocols,
		SessionTicketsDisabled:      true,
		DynamicRecordSizingDisabled: true,
	}
	base.GetConfigForClient = func(*tls.ClientHelloInfo) (*tls.Config, error) {
		m := s.current.Load()
		c := base.Clone()
		c.Certificates = []tls.Certificate{*m.cert}
		if m.clients != nil {
			c.ClientAuth = tls.RequestClientCert
		}
		return c, nil
	}
	return base
}

// Verify says for whom a client's chain speaks now, or what is wrong with it.
func (s *Server) Verify(chain []*x509.Certificate, now time.Time) (Identity, error) {
	m := s.current.Load()
	if m.clients == nil {
		return Identity{}, errors.New("clients' certificates are not believed here: there is no authority for them")
	}
	notAfter, err := verify(chain, m.clients, x509.ExtKeyUsageClientAuth, now)
	if err != nil {
		return Identity{}, err
	}
	id, err := IdentityOf(chain[0])
	id.NotAfter = notAfter
	return id, err
}

// OrHost are the files with those of the host where none were named: the broker's
// certificate, and the host's authorities if there are any.
func (f ServerFiles) OrHost() ServerFiles {
	if f.Cert == "" && f.Key == "" {
		f.Cert, f.Key = BrokerCert, BrokerKey
	}
	if f.ClientCA == "" {
		if _, err := os.Stat(CAFile); err == nil {
			f.ClientCA = CAFile
		}
	}
	return f
}
