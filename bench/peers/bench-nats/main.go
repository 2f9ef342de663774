// Command bench-nats is nats-server as bench compares with it: the library with its defaults, and
// without the log that nobody would read.
package main

import (
	"errors"
	"flag"
	"fmt"
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

func main() {
	listen := flag.String("listen", "127.0.0.1:4222", "host:port to listen on")
	flag.Parse()
	if err := serve(*listen); err != nil {
		fmt.Fprintln(os.Stderr, "bench-nats:", err)
		os.Exit(1)
	}
}

// serve answers until the process is told to end.
func serve(listen string) error {
	host, portText, err := net.SplitHostPort(listen)
	if err != nil {
		return err
	}
	port, err := strconv.Atoi(portText)
	if err != nil {
		return err
	}
	s, err := server.NewServer(&server.Options{Host: host, Port: port, NoLog: true, NoSigs: true})
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
