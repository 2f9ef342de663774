package rest

import (
	"context"
	"net/http"

	"ddcos/k2i"
	"ddcos/k2i/wire"
)

// Machine reads of the host what no sample holds. Its error is ctx's.
type Machine interface {
	Read(ctx context.Context) (*k2i.Machine, error)
}

// host is GET /v1/host.
func (h *Handler) host(c *call) {
	snap := h.snapshot(c)
	if snap == nil {
		return
	}
	body := wire.HostAnswer{Head: wire.HeadOf(snap, h.options.Now())}
	if h.options.Machine != nil {
		var err error
		if body.Machine, err = h.options.Machine.Read(c.r.Context()); err != nil {
			fail(c.w, http.StatusServiceUnavailable, "the host is being asked for somebody else: %v", err)
			return
		}
	}
	h.reply(c, http.StatusOK, body)
}
