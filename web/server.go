// Package web is how this product serves HTTP: with limits, to whoever may, and by
// TLS where a file says so that is written as for every exporter of Prometheus
// (https://prometheus.io/docs/prometheus/latest/configuration/https/).
package web

import (
	"log/slog"
	"net"
	"net/http"
	"sync/atomic"
	"time"
)

// Limits of the server, against slow and greedy clients.
const (
	MaxConns       = 256      // connections at the same time; one more is closed
	MaxHeaderBytes = 64 << 10 // request line and header; net/http adds 4 KiB: 431
	headerTime     = 5 * time.Second
	readTime       = 10 * time.Second
	writeTime      = 30 * time.Second
	idleTime       = 60 * time.Second
)

// NewServer is an http.Server for h that no client can hold for long. The
// caller serves listeners with it and shuts it down.
func NewServer(h http.Handler, log *slog.Logger) *http.Server {
	var conns atomic.Int64
	var protocols http.Protocols
	protocols.SetHTTP1(true) // neither HTTP/2 nor its form without TLS: nothing here needs many requests on one connection
	return &http.Server{
		Handler:           h,
		Protocols:         &protocols,
		ReadHeaderTimeout: headerTime,
		ReadTimeout:       readTime,
		WriteTimeout:      writeTime,
		IdleTimeout:       idleTime,
		MaxHeaderBytes:    MaxHeaderBytes,
		// Else net/http answers OPTIONS * itself, past the guards.
		DisableGeneralOptionsHandler: true,
		ErrorLog:                     slog.NewLogLogger(log.Handler(), slog.LevelDebug),
		ConnContext:                  withUID,
		ConnState: func(c net.Conn, state http.ConnState) {
			switch state {
			case http.StateNew:
				if conns.Add(1) > MaxConns {
					_ = c.Close() // its reader finds out and ends the connection
				}
			case http.StateClosed, http.StateHijacked:
				conns.Add(-1)
			case http.StateActive, http.StateIdle:
			}
		},
	}
}
