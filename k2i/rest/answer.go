package rest

import (
	"encoding/json"
	"fmt"
	"net/http"
	"time"

	"ddcos/k2i"
	"ddcos/k2i/query"
	"ddcos/k2i/wire"
)

// StaleAfter is how many intervals a sample may be old in good health.
const StaleAfter = 5

// snapshot is the newest one; without any, the request is answered and nil comes back.
func (h *Handler) snapshot(c *call) *k2i.Snapshot {
	snap := h.options.Veil.Shown(h.who(c.r), h.options.Source.Snapshot())
	if snap == nil {
		c.w.Header().Set("Retry-After", "1")
		fail(c.w, http.StatusServiceUnavailable, "no sample yet; try again in a second")
	}
	return snap
}

// fresh is snapshot for what depends on it alone: who has an answer of the same
// one, and says so by its tag, is told 304.
func (h *Handler) fresh(c *call) *k2i.Snapshot {
	snap := h.snapshot(c)
	if snap == nil {
		return nil
	}
	tag := fmt.Sprintf(`W/"%x-%x-%x"`, snap.At.UnixNano(), snap.Events.Seen, len(snap.Missing))
	c.w.Header().Set("ETag", tag)
	if c.r.Header.Get("If-None-Match") == tag {
		c.w.WriteHeader(http.StatusNotModified)
		return nil
	}
	return snap
}

// processes is GET /v1/proc.
func (h *Handler) processes(c *call) {
	q, err := query.FromValues(c.values)
	if err != nil {
		fail(c.w, http.StatusBadRequest, "%v", err)
		return
	}
	newest := h.fresh
	if wire.Demands(q) {
		newest = h.snapshot // what is read now is no snapshot's
	}
	snap := newest(c)
	if snap == nil {
		return
	}
	now := h.options.Now()
	snap, req, err := wire.Demand(c.r.Context(), h.options.Details, snap, wire.Request{Query: q})
	if err != nil {
		fail(c.w, http.StatusUnprocessableEntity, "%v", err)
		return
	}
	if c.contentType == jsonType {
		c.w.Header().Set("Content-Type", jsonType)
		if err := wire.WriteJSON(c.w, snap, req, now); query.IsLimit(err) {
			fail(c.w, http.StatusUnprocessableEntity, "%v", err)
		} // another error means that nobody reads any more
		return
	}
	body, err := wire.Reply(snap, req, now)
	if err != nil {
		fail(c.w, http.StatusUnprocessableEntity, "%v", err)
		return
	}
	write(c, http.StatusOK, body)
}

// named is GET /v1/proc/cmd/{name}.
func (h *Handler) named(c *call) {
	c.values.Set("comm", c.r.PathValue("name"))
	h.processes(c)
}

// containers is GET /v1/containers.
func (h *Handler) containers(c *call) {
	if snap := h.fresh(c); snap != nil {
		h.reply(c, http.StatusOK, wire.ContainersAnswer{Head: wire.HeadOf(snap, h.options.Now()), Containers: snap.Containers()})
	}
}

// config is GET /v1/config.
func (h *Handler) config(c *call) {
	if snap := h.snapshot(c); snap != nil {
		h.reply(c, http.StatusOK, configBody{wire.HeadOf(snap, h.options.Now()), h.options.Config})
	}
}

// health is GET /healthz: 200 while the samples are fresh.
func (h *Handler) health(c *call) {
	snap := h.snapshot(c)
	if snap == nil {
		return
	}
	status, word := http.StatusOK, "ok"
	interval := max(h.options.Interval, time.Duration(snap.Self.IntervalNS)) // longer while the agent is throttled
	if wire.Age(snap, h.options.Now()) > StaleAfter*interval {
		status, word = http.StatusServiceUnavailable, "stale"
	}
	h.reply(c, status, healthBody{word, wire.HeadOf(snap, h.options.Now())})
}

// reply answers with one body, in the encoding that was asked for.
func (h *Handler) reply(c *call, status int, body any) {
	if c.contentType != jsonType {
		write(c, status, wire.EncodeBody(body))
		return
	}
	text, err := json.Marshal(body)
	if err != nil {
		h.options.Log.Error("an answer cannot be written as JSON", "path", c.r.URL.Path, "error", err)
		fail(c.w, http.StatusInternalServerError, "internal error; the agent's log tells more")
		return
	}
	write(c, status, append(text, '\n'))
}

// write sends a whole body. An error means that nobody reads any more.
func write(c *call, status int, body []byte) {
	c.w.Header().Set("Content-Type", c.contentType)
	c.w.WriteHeader(status)
	_, _ = c.w.Write(body)
}
