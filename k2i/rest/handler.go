// Package rest is the snapshot's HTTP face: GET /v1/proc, /v1/proc/{pid},
// /v1/host, /healthz and, handed in, /metrics. It only reads. Bytes of the
// kernel that are no UTF-8 appear in JSON as U+FFFD; msgpack keeps them.
package rest

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"sync/atomic"
	"time"

	"ddcos/k2i"
)

// Source is where the snapshots come from; nil until there is one.
type Source interface{ Snapshot() *k2i.Snapshot }

// Options of a Handler.
type Options struct {
	Source   Source
	Interval time.Duration    // of sampling: health is judged by it
	Name     string           // this host's own, which a request may use as its Host header
	Metrics  http.Handler     // of /metrics; nil for none
	Now      func() time.Time // the clock that stamps the snapshots
	Log      *slog.Logger
}

// DefaultOptions are those of a Handler whose Source is still to be named.
func DefaultOptions() Options {
	return Options{Interval: time.Second, Now: time.Now, Log: slog.New(slog.DiscardHandler)}
}

// MaxInFlight is how many requests are answered at the same time; one more is
// told 503.
const MaxInFlight = 32

// Handler answers requests. It is made by New.
type Handler struct {
	options  Options
	mux      *http.ServeMux
	inFlight chan struct{} // holds one for each request in work
	panics   atomic.Uint64
	refused  atomic.Uint64
}

// route is one path and what answers it.
type route struct {
	path   string
	answer http.HandlerFunc
}

func (h *Handler) routes() []route {
	all := []route{
		{"/v1/proc", h.processes},
		{"/v1/proc/{pid}", h.process},
		{"/v1/host", h.host},
		{"/healthz", h.health},
		{"/", h.unknown},
	}
	if h.options.Metrics != nil {
		all = append(all, route{"/metrics", h.options.Metrics.ServeHTTP})
	}
	return all
}

// New makes the handler of an agent; fields left zero are those of DefaultOptions.
func New(options Options) *Handler {
	defaults := DefaultOptions()
	if options.Interval == 0 {
		options.Interval = defaults.Interval
	}
	if options.Now == nil {
		options.Now = defaults.Now
	}
	if options.Log == nil {
		options.Log = defaults.Log
	}
	h := &Handler{options: options, mux: http.NewServeMux(), inFlight: make(chan struct{}, MaxInFlight)}
	for _, r := range h.routes() {
		h.mux.HandleFunc(r.path, r.answer)
	}
	return h
}

// Panics is how many requests ended in a panic that was contained.
func (h *Handler) Panics() uint64 { return h.panics.Load() }

// Refused is how many requests a guard turned away: method, Host header, body,
// or too many at once.
func (h *Handler) Refused() uint64 { return h.refused.Load() }

// fail answers with {"error": …} on one line.
func fail(w http.ResponseWriter, status int, format string, args ...any) {
	writeJSON(w, status, map[string]string{"error": fmt.Sprintf(format, args...)})
}

// writeJSON answers with v. An error of writing means that nobody reads any more.
func writeJSON(w http.ResponseWriter, status int, v any) {
	b, err := json.Marshal(v)
	if err != nil {
		status, b = http.StatusInternalServerError, []byte(`{"error":"the answer cannot be written as JSON"}`)
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = w.Write(append(b, '\n'))
}

func (h *Handler) unknown(w http.ResponseWriter, r *http.Request) {
	fail(w, http.StatusNotFound, "no such path %.64q; there are /v1/proc, /v1/proc/{pid}, /v1/host, /healthz and /metrics", r.URL.Path)
}
