// Package listen opens what a broker or an agent serves on. Its errors say what
// to do about them.
package listen

import (
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"

	"ddcos/protocol"
)

// Mode is a Unix socket's: its owner and its group may connect.
const Mode = 0o660

// ErrPlaintext is wrapped where an address is refused because other hosts reach
// it and nothing is encrypted there.
var ErrPlaintext = errors.New("other hosts reach it, and what passes is neither encrypted nor authenticated: " +
	"listen on loopback or a Unix socket, or allow it with --insecure-plaintext")

// Open listens at one address; nothing is left behind when it fails. TCP beyond
// loopback needs leave. The directory of a Unix socket is made, and a socket
// that nobody serves is replaced.
func Open(a protocol.Address, insecure bool) (net.Listener, error) {
	if a.Network == "tls" {
		return nil, fmt.Errorf("%s: TLS is not served here: want unix:///path or tcp://host:port", a)
	}
	if err := Allowed(a, insecure); err != nil {
		return nil, err
	}
	return open(a)
}

// UnderTLS opens the listener of an address tls://host:port. Its caller makes the
// handshakes.
func UnderTLS(a protocol.Address) (net.Listener, error) { return open(a) }

func open(a protocol.Address) (net.Listener, error) {
	if a.Network == "unix" {
		if err := prepare(a.Where); err != nil {
			return nil, fmt.Errorf("%s: %w", a, err)
		}
	}
	l, err := net.Listen(a.Dialled(), a.Where)
	if errors.Is(err, unix.EADDRINUSE) {
		return nil, fmt.Errorf("%s is in use by another program; stop it, or choose another address with --listen", a)
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w; choose another address with --listen", a, err)
	}
	if a.Network == "unix" {
		if err := os.Chmod(a.Where, Mode); err != nil {
			_ = l.Close()
			return nil, fmt.Errorf("%s: %w", a, err)
		}
	}
	return l, nil
}

// Allowed refuses plaintext beyond this host, unless there is leave for it.
func Allowed(a protocol.Address, insecure bool) error {
	if !a.Local() && !insecure {
		return fmt.Errorf("%s: %w", a, ErrPlaintext)
	}
	return nil
}

// prepare makes a socket's directory and removes a socket that nobody serves;
// one that answers is somebody's.
func prepare(path string) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	info, err := os.Lstat(path)
	switch {
	case errors.Is(err, os.ErrNotExist):
		return nil
	case err != nil:
		return err
	case info.Mode()&os.ModeSocket == 0:
		return errors.New("a file is there that is no socket; remove it, or choose another path with --listen")
	}
	c, err := net.DialTimeout("unix", path, time.Second)
	if err == nil {
		_ = c.Close()
		return errors.New("another program serves this socket; stop it, or choose another path with --listen")
	}
	if !errors.Is(err, unix.ECONNREFUSED) {
		return err
	}
	return os.Remove(path)
}
