// Command bench-mochi is mochi-mqtt as bench compares with it: the library with its defaults, but
// for a queue that ten thousand replies fit, and without the log that nobody would read.
package main

import (
	"flag"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"strings"
	"syscall"

	mqtt "github.com/mochi-mqtt/server/v2"
	"github.com/mochi-mqtt/server/v2/hooks/auth"
	"github.com/mochi-mqtt/server/v2/listeners"
)

// queued messages fit each client's queue: the caller gets one of each member at once, and what
// does not fit is dropped.
const queued = 1 << 16

func main() {
	listen := flag.String("listen", "127.0.0.1:1883", "host:port or /path to listen on")
	flag.Parse()
	if err := serve(*listen); err != nil {
		fmt.Fprintln(os.Stderr, "bench-mochi:", err)
		os.Exit(1)
	}
}

// serve answers until the process is told to end.
func serve(listen string) error {
	stop := make(chan os.Signal, 1)
	signal.Notify(stop, os.Interrupt, syscall.SIGTERM)
	can := mqtt.NewDefaultServerCapabilities()
	can.MaximumClientWritesPending = queued
	s := mqtt.New(&mqtt.Options{Capabilities: can, Logger: slog.New(slog.NewTextHandler(io.Discard, nil))})
	if err := s.AddHook(new(auth.AllowHook), nil); err != nil {
		return err
	}
	var l listeners.Listener = listeners.NewTCP(listeners.Config{ID: "bench", Address: listen})
	if strings.HasPrefix(listen, "/") {
		l = listeners.NewUnixSock(listeners.Config{ID: "bench", Address: listen})
	}
	if err := s.AddListener(l); err != nil {
		return err
	}
	if err := s.Serve(); err != nil {
		return err
	}
	<-stop
	return nil // its Close may wait for its clients for ever, and there is nothing to keep
}
