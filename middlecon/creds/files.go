package creds

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"syscall"
)

// Where `middlecon up` and `k2i join` write, and where everybody looks who was told nothing.
const (
	Dir        = "/etc/ddcos/tls" // 0700
	CAFile     = Dir + "/ca.crt"
	HostCert   = Dir + "/host.crt"
	HostKey    = Dir + "/host.key" // 0600
	BrokerCert = Dir + "/broker.crt"
	BrokerKey  = Dir + "/broker.key" // 0600
)

// maxFile bounds a file of certificates, a key or a token, in bytes.
const maxFile = 1 << 20

// read reads one file, whole.
func read(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }()
	return readFrom(f)
}

func readFrom(f *os.File) ([]byte, error) {
	b, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err == nil && len(b) > maxFile {
		err = fmt.Errorf("%s: longer than %d bytes", f.Name(), maxFile)
	}
	return b, err
}

// readSecret reads a file that nobody but its owner may read, in a directory that
// nobody else may write to. Root's own may be read by a group, as a volume of
// Kubernetes and an administrator give one to a program that is not root.
func readSecret(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	owner, known := info.Sys().(*syscall.Stat_t)
	others := os.FileMode(0o077)
	if known && owner.Uid == 0 && os.Geteuid() != 0 {
		others = 0o037
	}
	if info.Mode().Perm()&others != 0 {
		return nil, fmt.Errorf("%s: its mode is %04o, so that others may read it: chmod 600 %s", path, info.Mode().Perm(), path)
	}
	if known && owner.Uid != 0 && int(owner.Uid) != os.Geteuid() {
		return nil, fmt.Errorf("%s: it belongs to user %d: chown it to who uses it", path, owner.Uid)
	}
	dir, err := os.Stat(filepath.Dir(path))
	if err != nil {
		return nil, err
	}
	if dir.Mode()&os.ModeSticky == 0 && dir.Mode().Perm()&0o022 != 0 {
		return nil, fmt.Errorf("%s: others may write to its directory, whose mode is %04o: chmod 700 %s", path, dir.Mode().Perm(), filepath.Dir(path))
	}
	return readFrom(f)
}

// pair is a certificate with its chain, and its key.
func pair(certFile, keyFile string) (cert *tls.Certificate, text []byte, err error) {
	certText, err := read(certFile)
	if err != nil {
		return nil, nil, err
	}
	keyText, err := readSecret(keyFile)
	if err != nil {
		return nil, nil, err
	}
	one, err := tls.X509KeyPair(certText, keyText)
	if err != nil {
		return nil, nil, fmt.Errorf("%s and %s: %w", certFile, keyFile, err)
	}
	return &one, append(certText, keyText...), nil
}

// pool is the authorities of a file.
func pool(path string) (authorities *x509.CertPool, text []byte, err error) {
	if text, err = read(path); err != nil {
		return nil, nil, err
	}
	authorities = x509.NewCertPool()
	if !authorities.AppendCertsFromPEM(text) {
		return nil, nil, fmt.Errorf("%s: there is no certificate in it, in PEM", path)
	}
	return authorities, text, nil
}

// Token reads the token of a file, without the white space around it.
func Token(path string) (string, error) {
	text, err := readSecret(path)
	if err != nil {
		return "", err
	}
	text = bytes.TrimSpace(text)
	if len(text) == 0 {
		return "", errors.New(path + ": there is no token in it")
	}
	return string(text), nil
}
