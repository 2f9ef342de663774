package listen

import (
	"errors"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"ddcos/protocol"
)

func unixAt(path string) protocol.Address { return protocol.Address{Network: "unix", Where: path} }

// A socket's directory is made, others may not connect, one that is served is
// left alone and one that nobody serves is replaced.
func TestUnixSocket(t *testing.T) {
	a := unixAt(filepath.Join(t.TempDir(), "made", "s.sock"))
	l, err := Open(a, false)
	if err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(a.Where); err != nil || info.Mode().Perm() != Mode {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
	l.(*net.UnixListener).SetUnlinkOnClose(false)
	if _, err := Open(a, false); err == nil || !strings.Contains(err.Error(), "another program serves") {
		t.Errorf("a socket that is served: %v", err)
	}
	_ = l.Close()
	if l, err = Open(a, false); err != nil {
		t.Fatalf("a socket that nobody serves: %v", err)
	}
	_ = l.Close()
	if _, err := os.Stat(a.Where); !os.IsNotExist(err) {
		t.Errorf("the socket outlives its listener: %v", err)
	}
}

func TestRefusals(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, []byte("precious"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(unixAt(file), false); err == nil || !strings.Contains(err.Error(), "no socket") {
		t.Errorf("a file: %v", err)
	}
	if b, err := os.ReadFile(file); err != nil || string(b) != "precious" {
		t.Errorf("the file is now %q, %v", b, err)
	}
	if _, err := Open(unixAt(filepath.Join(file, "s.sock")), false); err == nil {
		t.Error("a socket below a file")
	}
	if _, err := Open(unixAt(filepath.Join(dir, strings.Repeat("x", 200))), false); err == nil || !strings.Contains(err.Error(), "--listen") {
		t.Errorf("a path too long for a socket: %v", err)
	}
	for _, where := range []string{"0.0.0.0:0", ":0", "192.0.2.1:1"} {
		if _, err := Open(protocol.Address{Network: "tcp", Where: where}, false); !errors.Is(err, ErrPlaintext) {
			t.Errorf("%s without encryption: %v", where, err)
		}
	}
}

func TestTCP(t *testing.T) {
	l, err := Open(protocol.Address{Network: "tcp", Where: "127.0.0.1:0"}, false)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	taken := protocol.Address{Network: "tcp", Where: l.Addr().String()}
	if _, err := Open(taken, false); err == nil || !strings.Contains(err.Error(), "in use by another program") {
		t.Errorf("an address in use: %v", err)
	}
	all, err := Open(protocol.Address{Network: "tcp", Where: "0.0.0.0:0"}, true)
	if err != nil {
		t.Fatalf("with leave: %v", err)
	}
	_ = all.Close()
}
