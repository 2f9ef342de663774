package middlecon_test

import (
	"context"
	"fmt"
	"log"
	"os"
	"path/filepath"
	"time"

	"ddcos/middlecon"
	"ddcos/middlecon/broker"
	"ddcos/protocol"
)

// One process joins a room; another calls every member of it.
func Example() {
	ctx, address, stop := exampleBroker()
	defer stop()

	server, err := middlecon.Dial(ctx, address, middlecon.Options{})
	if err != nil {
		log.Fatal(err)
	}
	defer func() { _ = server.Close() }()
	greet := func(_ context.Context, m *middlecon.Message) ([]byte, error) {
		return append([]byte("hello "), m.Payload...), nil
	}
	if _, err := server.Join(ctx, "greeters", middlecon.Member{Name: "first"}, greet); err != nil {
		log.Fatal(err)
	}

	client, err := middlecon.Dial(ctx, address, middlecon.Options{})
	if err != nil {
		log.Fatal(err)
	}
	defer func() { _ = client.Close() }()
	account, err := client.Call(ctx, "greeters", []byte("world"), middlecon.CallOptions{Deadline: time.Minute})
	if err != nil {
		log.Fatal(err)
	}
	for _, o := range account.Outcomes {
		fmt.Printf("%s: %s %s\n", o.Name, o.Outcome, o.Reply)
	}
	// Output: first: ok hello world
}

// Two members take work; exactly one of them is bound to each piece.
func ExampleConn_Offer() {
	ctx, address, stop := exampleBroker()
	defer stop()
	conn := exampleWorkers(ctx, address, map[string]uint64{"near": 1, "far": 7})
	defer func() { _ = conn.Close() }()

	account, err := conn.Offer(ctx, "resizers", []byte("cat.png"), middlecon.OfferOptions{Window: 10 * time.Second, Deadline: time.Minute})
	if err != nil {
		log.Fatal(err)
	}
	if o, ok := account.BoundOutcome(); ok {
		fmt.Printf("%s: %s %s\n", o.Name, o.Outcome, o.Reply)
	}
	// Output: near: ok resized cat.png
}

// exampleWorkers joins members whose work has these costs, and gives a caller.
func exampleWorkers(ctx context.Context, address string, costs map[string]uint64) *middlecon.Conn {
	resize := func(_ context.Context, m *middlecon.Message) ([]byte, error) {
		return append([]byte("resized "), m.Payload...), nil
	}
	for name, cost := range costs {
		bid := func(context.Context, *middlecon.Message) (uint64, error) { return cost, nil }
		conn, err := middlecon.Dial(ctx, address, middlecon.Options{})
		if err != nil {
			log.Fatal(err)
		}
		if _, err := conn.Join(ctx, "resizers", middlecon.Member{Name: name, Bid: bid, Work: resize}, resize); err != nil {
			log.Fatal(err)
		}
	}
	conn, err := middlecon.Dial(ctx, address, middlecon.Options{})
	if err != nil {
		log.Fatal(err)
	}
	return conn
}

// exampleBroker runs a broker for an example.
func exampleBroker() (ctx context.Context, address string, stop func()) {
	dir, err := os.MkdirTemp("", "example")
	if err != nil {
		log.Fatal(err)
	}
	options := broker.DefaultOptions()
	options.Listen = []protocol.Address{{Network: "unix", Where: filepath.Join(dir, "m.sock")}}
	b, err := broker.New(options)
	if err != nil {
		log.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- b.Serve(ctx) }()
	return ctx, options.Listen[0].String(), func() {
		cancel()
		<-done
		_ = os.RemoveAll(dir)
	}
}
