package rest

import (
	"fmt"
	"net/http"
	"slices"
	"strings"

	"ddcos/web"
)

// ServeHTTP passes a request by the guards, cheapest first, and contains a
// panic of whatever answers it.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.Header().Set("Cache-Control", "no-store")
	if status, reason := h.refuse(r); status != 0 {
		h.refused.Add(1)
		w.Header().Set("Connection", "close")
		if status == http.StatusMethodNotAllowed {
			w.Header().Set("Allow", allowed)
		}
		fail(w, status, "%s", reason)
		return
	}
	if r.Method == http.MethodOptions {
		w.Header().Set("Allow", allowed)
		w.WriteHeader(http.StatusNoContent)
		return
	}
	select {
	case h.inFlight <- struct{}{}:
		defer func() { <-h.inFlight }()
	default:
		h.refused.Add(1)
		w.Header().Set("Retry-After", "1")
		fail(w, http.StatusServiceUnavailable, "%d requests are in work already; try again", MaxInFlight)
		return
	}
	begun := &writer{ResponseWriter: w}
	defer h.contain(begun, r)
	h.mux.ServeHTTP(begun, r)
}

// allowed are the methods that every path takes.
const allowed = "GET, HEAD, OPTIONS"

// refuse gives the status and the reason for a request that no answer is worth, or 0.
func (h *Handler) refuse(r *http.Request) (status int, reason string) {
	switch {
	case !slices.Contains([]string{http.MethodGet, http.MethodHead, http.MethodOptions}, r.Method) || r.URL.Path == "*":
		return http.StatusMethodNotAllowed, "an agent is only read: want GET or HEAD"
	case r.ContentLength != 0 && r.Header.Get("Content-Type") != "":
		return http.StatusUnsupportedMediaType, "a request has no body, of whatever type"
	case r.ContentLength != 0:
		return http.StatusRequestEntityTooLarge, "a request has no body"
	case !strings.HasPrefix(r.URL.Path, "/"):
		return http.StatusBadRequest, "want a path that begins with /"
	case web.Rebound(r, h.options.Name):
		return http.StatusForbidden, fmt.Sprintf("Host %.64q is not this agent: want an address, localhost or the host's own name", r.Host)
	}
	return 0, ""
}

// writer knows whether the answer has begun.
type writer struct {
	http.ResponseWriter
	begun bool
}

func (w *writer) WriteHeader(status int) {
	w.begun = true
	w.ResponseWriter.WriteHeader(status)
}

func (w *writer) Write(b []byte) (int, error) {
	w.begun = true
	return w.ResponseWriter.Write(b)
}

// Unwrap lets http.ResponseController reach the connection.
func (w *writer) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// contain turns a panic into a 500, or into a broken connection where the
// answer had begun, so that nobody takes half of it for the whole.
func (h *Handler) contain(w *writer, r *http.Request) {
	p := recover()
	if p == nil {
		return
	}
	h.panics.Add(1)
	h.options.Log.Error("a request panicked", "path", r.URL.Path, "panic", fmt.Sprint(p))
	if w.begun {
		panic(http.ErrAbortHandler) // net/http drops this one connection
	}
	fail(w, http.StatusInternalServerError, "internal error; the agent's log tells more")
}
