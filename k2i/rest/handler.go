// Package rest is the snapshot's HTTP face: processes, containers and the host
// under /v1, and, handed in, /metrics. It only reads. Bytes of the kernel that
// are no UTF-8 appear in JSON as U+FFFD, in msgpack as question marks.
package rest

import (
	"log/slog"
	"net/http"
	"os"
	"sync/atomic"
	"time"

	"ddcos/k2i"
	"ddcos/k2i/veil"
	"ddcos/k2i/wire"
)

// Source is where the snapshots come from; nil until there is one.
type Source interface{ Snapshot() *k2i.Snapshot }

// Options of a Handler.
type Options struct {
	Source  Source
	Details Details

	// Connections may be nil: this agent does not look at them.
	Connections wire.Looker

	Machine  Machine                // nil for a host of which its sample tells all
	Interval time.Duration          // of sampling: health is judged by it
	Config   any                    // what the agent was told, without secrets: a struct with tags
	Name     string                 // this host's own, which a request may use as its Host header
	PID      int32                  // the agent's own, as its samples have it; 0 for what the kernel says
	Metrics  http.Handler           // of /metrics; nil for none
	Veil     *veil.Veil             // what whom is answered; nil for policy.Default
	Users    func(name string) bool // whether a user of HTTP is one whose password has been checked; nil: there are none
	Now      func() time.Time       // the clock that stamps the snapshots
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
	document []byte        // of OpenAPI
	inFlight chan struct{} // holds one for each request in work
	panics   atomic.Uint64
	refused  atomic.Uint64
}

// New makes the handler of an agent; fields left zero are those of DefaultOptions.
func New(options Options) *Handler {
	defaults := DefaultOptions()
	if options.Interval == 0 {
		options.Interval = defaults.Interval
	}
	if options.PID == 0 {
		options.PID = int32(os.Getpid())
	}
	options.Veil = veilOr(options.Veil)
	if options.Now == nil {
		options.Now = defaults.Now
	}
	if options.Log == nil {
		options.Log = defaults.Log
	}
	h := &Handler{options: options, mux: http.NewServeMux(), inFlight: make(chan struct{}, MaxInFlight)}
	var err error
	if h.document, err = document(h.routes()); err != nil {
		panic("rest: a document that JSON cannot hold: " + err.Error()) // it is strings and numbers
	}
	for _, r := range h.routes() {
		h.mux.HandleFunc(r.path, h.admit(r))
	}
	return h
}

// Panics is how many requests ended in a panic that was contained.
func (h *Handler) Panics() uint64 { return h.panics.Load() }

// Refused is how many requests a guard turned away: method, Host header, body,
// or too many at once.
func (h *Handler) Refused() uint64 { return h.refused.Load() }
