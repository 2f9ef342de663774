package main

import (
	"fmt"
	"log/slog"
	"net"
	"net/http"

	"ddcos/middlecon/listen"
	"ddcos/protocol"
	"ddcos/web"
)

// beside is what a broker serves over HTTP beside itself.
type beside struct {
	metrics  string // address of /metrics; "" for none
	profiles string // path of a Unix socket for /debug/pprof; "" for none
	config   web.File
}

// open listens at the addresses; nothing stays open when it fails.
func (s beside) open(insecure bool) (all []front, err error) {
	defer func() {
		if err != nil {
			closeAll(all)
		}
	}()
	guarded, err := s.config.Check()
	if err != nil {
		return nil, fmt.Errorf("--web.config.file: %w", err)
	}
	if s.metrics != "" {
		a, err := protocol.ParseAddress(s.metrics)
		if err != nil {
			return all, fmt.Errorf("--metrics: %w", err)
		}
		if !a.Local() && !guarded && !insecure {
			return all, fmt.Errorf("--metrics: %s: %w", a, web.ErrUnguarded)
		}
		l, err := listen.Open(a, true)
		if err != nil {
			return all, fmt.Errorf("--metrics: %w", err)
		}
		all = append(all, front{l, "metrics", s.config})
	}
	if s.profiles != "" {
		l, err := listen.Open(protocol.Address{Network: "unix", Where: s.profiles}, false)
		if err != nil {
			return all, fmt.Errorf("--profiles: %w", err)
		}
		all = append(all, front{l, "profiles", ""})
	}
	return all, nil
}

// front is a listener with what is answered at it.
type front struct {
	net.Listener
	what   string
	config web.File
}

func closeAll(all []front) {
	for _, l := range all {
		_ = l.Close()
	}
}

// serveBeside answers at all listeners until the function that it gives is called.
func serveBeside(all []front, metrics http.Handler, host string, log *slog.Logger) (stop func()) {
	handlers := map[string]http.Handler{"metrics": web.Metrics(metrics, host), "profiles": web.Profiles()}
	var servers []*http.Server
	done := make(chan struct{}, len(all))
	for _, l := range all {
		server := web.NewServer(handlers[l.what], log)
		servers = append(servers, server)
		go func() {
			defer func() { done <- struct{}{} }()
			if err := web.Serve(l.Listener, server, l.config, log); err != nil {
				log.Warn(l.what+" are not front any more", "error", err)
			}
		}()
	}
	return func() {
		for _, server := range servers {
			_ = server.Close()
		}
		for range all {
			<-done
		}
	}
}
