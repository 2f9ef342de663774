package web

import (
	"context"
	"net"
	"net/http"
	"os"

	"go.yaml.in/yaml/v3"
	"golang.org/x/sys/unix"
)

// uidKey is where a connection's context has its peer's uid.
type uidKey struct{}

// withUID notes whose process is at the other end of a Unix socket.
func withUID(ctx context.Context, c net.Conn) context.Context {
	u, ok := c.(*net.UnixConn)
	if !ok {
		return ctx
	}
	raw, err := u.SyscallConn()
	if err != nil {
		return ctx
	}
	_ = raw.Control(func(fd uintptr) {
		if cred, err := unix.GetsockoptUcred(int(fd), unix.SOL_SOCKET, unix.SO_PEERCRED); err == nil {
			ctx = context.WithValue(ctx, uidKey{}, cred.Uid)
		}
	})
	return ctx
}

// UID is whose process asks, by the kernel's word; false but on a Unix socket of NewServer.
func UID(r *http.Request) (uid uint32, ok bool) {
	uid, ok = r.Context().Value(uidKey{}).(uint32)
	return uid, ok
}

// Knows tells whether the file has a user of that name now. Where it has any, a request
// over TCP has passed their check already, so that the name in it is no claim.
func (f File) Knows(name string) bool {
	if f == "" {
		return false
	}
	text, err := os.ReadFile(string(f))
	if err != nil {
		return false
	}
	var c config
	if yaml.Unmarshal(text, &c) != nil {
		return false
	}
	_, ok := c.Users[name]
	return ok
}
