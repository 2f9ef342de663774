package rest

import (
	"net"
	"net/http"
	"net/netip"

	"ddcos/k2i/veil"
	"ddcos/middlecon/creds"
	"ddcos/middlecon/policy"
	"ddcos/web"
)

// who asks, by what it has proved: the identity of a client certificate that was verified,
// else a user whose password was checked, else the kernel's word on a Unix socket, else its
// address. Nothing else in the request is believed.
func (h *Handler) who(r *http.Request) policy.Subject {
	if r.TLS != nil && len(r.TLS.VerifiedChains) > 0 {
		if id, err := creds.IdentityOf(r.TLS.VerifiedChains[0][0]); err == nil {
			return policy.Subject{Principal: id.URI}
		}
	}
	if uid, ok := web.UID(r); ok {
		return policy.Subject{Principal: policy.UID(uid)}
	}
	if name, _, shown := r.BasicAuth(); shown && h.options.Users != nil && h.options.Users(name) {
		return policy.Subject{Principal: policy.User(name)}
	}
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		return policy.Subject{}
	}
	a, err := netip.ParseAddr(host)
	if err != nil {
		return policy.Subject{}
	}
	return policy.Subject{Principal: a.Unmap().String()}
}

// admit lets a request to a route that is not open to all pass if who asks may read.
func (h *Handler) admit(r route) http.HandlerFunc {
	if r.open {
		return r.serve
	}
	return func(w http.ResponseWriter, request *http.Request) {
		if err := h.options.Veil.MayRead(h.who(request)); err != nil {
			h.refused.Add(1)
			fail(w, http.StatusForbidden, "%v", err)
			return
		}
		r.serve(w, request)
	}
}

// veilOr is the veil, or that of nobody's policy.
func veilOr(v *veil.Veil) *veil.Veil {
	if v == nil {
		return veil.New(nil)
	}
	return v
}
