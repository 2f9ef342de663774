package rest

import (
	"context"
	"net/http"
	"strconv"
	"strings"
	"time"

	"ddcos/k2i"
	"ddcos/k2i/query"
	"ddcos/k2i/wire"
)

// Details reads of a process what no sample holds, and says what it could not.
type Details interface {
	Read(ctx context.Context, p *k2i.Process, parts []k2i.Part) *k2i.Detail
	wire.Reader
}

func detailParam() query.Param {
	return query.Param{Name: "detail", Type: "string", Help: "what to read of it now, joined by commas: " + strings.Join(k2i.PartNames(), ", ")}
}

// process is GET /v1/proc/{pid}.
func (h *Handler) process(c *call) {
	pid, err := strconv.ParseUint(c.r.PathValue("pid"), 10, 31)
	if err != nil || pid == 0 {
		fail(c.w, http.StatusBadRequest, "want /v1/proc/{pid} with a positive number")
		return
	}
	h.one(c, int32(pid))
}

// self is GET /v1/proc/self.
func (h *Handler) self(c *call) { h.one(c, h.options.PID) }

func (h *Handler) one(c *call, pid int32) {
	newest := h.fresh
	var parts []k2i.Part
	if list, asked := c.values["detail"]; asked {
		newest = h.snapshot // what is read now is no snapshot's
		var err error
		if parts, err = k2i.ParseParts(strings.Join(list, ",")); err != nil {
			fail(c.w, http.StatusBadRequest, "parameter detail: %v", err)
			return
		}
	}
	snap := newest(c)
	if snap == nil {
		return
	}
	p := snap.Find(pid)
	if p == nil {
		c.w.Header().Del("ETag")
		fail(c.w, http.StatusNotFound, "no process %d on %s in the sample of %s", pid, snap.Host.Name, snap.At.UTC().Format(time.RFC3339Nano))
		return
	}
	body := wire.ProcessAnswer{Head: wire.HeadOf(snap, h.options.Now()), Process: p}
	if parts != nil {
		body.Detail = h.options.Details.Read(c.r.Context(), p, parts)
	}
	h.reply(c, http.StatusOK, body)
}
