package web

import (
	"net"
	"net/http"
	"net/netip"
	"strings"
)

// Rebound tells whether a request came in over TCP to an address that only this
// host reaches, by a name that somebody else's name server may answer for: so a
// page in a browser could read what its author could not (DNS rebinding). Known
// are addresses, localhost, and name, the host's own. Beyond loopback it is TLS
// that such a page fails at, since no certificate is for its name.
func Rebound(r *http.Request, name string) bool {
	addr, ok := r.Context().Value(http.LocalAddrContextKey).(*net.TCPAddr)
	return ok && addr.IP.IsLoopback() && !knownHost(r.Host, name)
}

// knownHost accepts what no stranger's name server can answer for.
func knownHost(hostport, name string) bool {
	host, _, err := net.SplitHostPort(hostport)
	if err != nil {
		host = strings.TrimSuffix(strings.TrimPrefix(hostport, "["), "]")
	}
	if _, err := netip.ParseAddr(host); err == nil {
		return true
	}
	return strings.EqualFold(host, "localhost") || (name != "" && strings.EqualFold(host, name))
}
