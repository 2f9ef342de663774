package main

import (
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"ddcos/protocol"
)

// socketMode lets the owner and the group read the process table.
const socketMode = 0o660

// parseListen reads an address to serve HTTP on: host:port, http://host:port,
// tcp://host:port or unix:///path. TCP beyond loopback needs leave.
func parseListen(s string, insecure bool) (protocol.Address, error) {
	if hostport, ok := strings.CutPrefix(s, "http://"); ok {
		s = "tcp://" + strings.TrimSuffix(hostport, "/")
	} else if !strings.Contains(s, "://") {
		s = "tcp://" + s
	}
	a, err := protocol.ParseAddress(s)
	if err != nil {
		return a, misuse{fmt.Errorf("--listen: %w", err)}
	}
	if !a.Local() && !insecure {
		return a, misuse{fmt.Errorf("--listen %s: other hosts reach it, and HTTP is neither encrypted nor authenticated: "+
			"listen on loopback or a Unix socket, or allow it with --insecure-plaintext", a.Where)}
	}
	return a, nil
}

// listen opens an address; the error says what to do.
func listen(a protocol.Address) (net.Listener, error) {
	if a.Network == "unix" {
		if err := prepareSocket(a.Where); err != nil {
			return nil, fmt.Errorf("%s: %w", a, err)
		}
	}
	l, err := net.Listen(a.Network, a.Where)
	if errors.Is(err, syscall.EADDRINUSE) {
		return nil, fmt.Errorf("%s is in use, perhaps by another k2i; stop it, or choose another address with --listen", a.Where)
	}
	if err != nil {
		return nil, fmt.Errorf("cannot listen: %w; choose another address with --listen", err)
	}
	if a.Network == "unix" {
		if err := os.Chmod(a.Where, socketMode); err != nil {
			_ = l.Close()
			return nil, err
		}
	}
	return l, nil
}

// prepareSocket makes the directory, and removes a socket that nobody serves.
func prepareSocket(path string) error {
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
	conn, err := net.DialTimeout("unix", path, time.Second)
	if err == nil {
		_ = conn.Close()
		return errors.New("another k2i serves this socket; stop it, or choose another path with --listen")
	}
	if !errors.Is(err, syscall.ECONNREFUSED) {
		return err
	}
	return os.Remove(path)
}

// shown is an address as dps takes it with --agents.
func shown(a net.Addr) string {
	if a.Network() == "unix" {
		return "unix://" + a.String()
	}
	return "http://" + a.String()
}
