package main

import (
	"errors"
	"net"
	"os"
	"os/signal"
	"strconv"
	"syscall"
	"time"

	"github.com/nats-io/nats-server/v2/server"
)

// startTimeout is how long the server may take to listen.
const startTimeout = 10 * time.Second

// serve answers until the process is told to end.
func serve(listen string) error {
	host, port, err := split(listen)
	if err != nil {
		return err
	}
	options := &server.Options{Host: host, Port: port, NoLog: true, NoSigs: true}
	if monitor := os.Getenv("BENCH_NATS_MONITOR"); monitor != "" {
		if options.HTTPHost, options.HTTPPort, err = split(monitor); err != nil {
			return err
		}
	}
	s, err := server.NewServer(options)
	if err != nil {
		return err
	}
	stop := make(chan os.Signal, 1)
	signal.Notify(stop, os.Interrupt, syscall.SIGTERM)
	go s.Start()
	if !s.ReadyForConnections(startTimeout) {
		return errors.New("cannot listen on " + listen)
	}
	<-stop
	s.Shutdown()
	s.WaitForShutdown()
	return nil
}

// split parts host:port.
func split(address string) (host string, port int, err error) {
	host, text, err := net.SplitHostPort(address)
	if err == nil {
		port, err = strconv.Atoi(text)
	}
	return host, port, err
}
