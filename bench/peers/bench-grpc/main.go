// Command bench-grpc is a broker of calls as one writes it with gRPC: a bidirectional stream for
// each member and each caller, a map of the members, and grpc-go with its defaults.
package main

import (
	"flag"
	"fmt"
	"net"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"google.golang.org/grpc"
)

func main() {
	listen := flag.String("listen", "127.0.0.1:7500", "host:port or /path to listen on")
	flag.Parse()
	if err := serve(*listen); err != nil {
		fmt.Fprintln(os.Stderr, "bench-grpc:", err)
		os.Exit(1)
	}
}

// serve answers until the process is told to end.
func serve(listen string) error {
	network := "tcp"
	if strings.HasPrefix(listen, "/") {
		network = "unix"
	}
	l, err := net.Listen(network, listen)
	if err != nil {
		return err
	}
	b := newBroker()
	s := grpc.NewServer()
	s.RegisterService(&grpc.ServiceDesc{
		ServiceName: "bench.Broker",
		HandlerType: (*any)(nil),
		Streams: []grpc.StreamDesc{
			{StreamName: "Join", Handler: func(_ any, s grpc.ServerStream) error { return b.join(s) }, ServerStreams: true, ClientStreams: true},
			{StreamName: "Call", Handler: func(_ any, s grpc.ServerStream) error { return b.serveCaller(s) }, ServerStreams: true, ClientStreams: true},
		},
	}, b)
	stop := make(chan os.Signal, 1)
	signal.Notify(stop, os.Interrupt, syscall.SIGTERM)
	go func() {
		<-stop
		s.Stop()
	}()
	return s.Serve(l)
}
