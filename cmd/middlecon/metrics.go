package main

import (
	"errors"
	"log/slog"
	"net"
	"net/http"
	"time"

	"ddcos/middlecon/listen"
	"ddcos/protocol"
)

// Limits of the metrics' server: what it serves is small and asked for seldom.
const (
	metricsHeader = 8 << 10
	metricsWithin = 15 * time.Second
)

func openMetrics(address string, insecure bool) (net.Listener, error) {
	a, err := protocol.ParseAddress(address)
	if err != nil {
		return nil, err
	}
	return listen.Open(a, insecure)
}

// serveMetrics answers /metrics on l until the function that it gives is called.
func serveMetrics(l net.Listener, metrics http.Handler, log *slog.Logger) (stop func()) {
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", metrics)
	server := &http.Server{
		Handler: mux, MaxHeaderBytes: metricsHeader, ReadTimeout: metricsWithin, WriteTimeout: metricsWithin, IdleTimeout: time.Minute,
		ErrorLog: slog.NewLogLogger(log.Handler(), slog.LevelDebug),
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		if err := server.Serve(l); err != nil && !errors.Is(err, http.ErrServerClosed) {
			log.Warn("metrics are not served any more", "error", err)
		}
	}()
	return func() {
		_ = server.Close()
		<-done
	}
}
