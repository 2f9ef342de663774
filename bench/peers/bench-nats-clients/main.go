// Command bench-nats-clients is many members of a nats-server, each with a connection of nats.go,
// which comes back by itself when the server has gone. They answer with what they are sent.
package main

import (
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"
)

func main() {
	broker := flag.String("broker", "127.0.0.1:4222", "host:port of the server")
	subject := flag.String("subject", "bench", "that each subscribes to")
	members := flag.Int("members", 1, "how many")
	flag.Parse()
	if err := connectAll(*broker, *subject, *members); err != nil {
		fmt.Fprintln(os.Stderr, "bench-nats-clients:", err)
		os.Exit(1)
	}
	stop := make(chan os.Signal, 1)
	signal.Notify(stop, os.Interrupt, syscall.SIGTERM)
	fmt.Println("ready")
	<-stop
}
