package bench

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"ddcos/middlecon"
	"ddcos/protocol"
)

// census asks a broker how many members it has, or what grows with each of them.
type census interface {
	count(ctx context.Context) (int, error)
	close() error
}

// returning is what a storm needs to know of a system whose clients come back by themselves.
type returning struct {
	program string // that the clients are, in the directory of programs
	args    func(broker protocol.Address, first, members int) []string
	env     []string // of the broker
	census  census
	note    string // how they come back
}

// middleconReturning are clients of the Go library.
func middleconReturning(broker protocol.Address) (*returning, error) {
	return &returning{
		program: "bench",
		args: func(broker protocol.Address, first, members int) []string {
			return []string{"clients", "--broker", broker.String(), "--first", strconv.Itoa(first), "--members", strconv.Itoa(members)}
		},
		census: &middleconCensus{broker: broker},
	}, nil
}

// middleconCensus asks for the broker's status, over a session that begins anew when it is lost.
type middleconCensus struct {
	broker protocol.Address
	conn   *middlecon.Conn
}

func (c *middleconCensus) count(ctx context.Context) (n int, err error) {
	if c.conn == nil {
		if c.conn, err = middlecon.Dial(ctx, c.broker.String(), middlecon.Options{Software: "bench storm"}); err != nil {
			return 0, err
		}
	}
	stats, err := c.conn.Status(ctx)
	if err != nil {
		return 0, errors.Join(err, c.close())
	}
	return int(stats.Members), nil
}

func (c *middleconCensus) close() error {
	if c.conn == nil {
		return nil
	}
	conn := c.conn
	c.conn = nil
	return conn.Close()
}

// natsReturning are clients of nats.go.
func natsReturning(protocol.Address) (*returning, error) {
	monitor, err := freeAddress("tcp", "")
	if err != nil {
		return nil, err
	}
	return &returning{
		program: "bench-nats-clients",
		args: func(broker protocol.Address, first, members int) []string {
			return []string{"--broker", broker.Where, "--subject", callRoom, "--members", strconv.Itoa(members)}
		},
		env:    []string{"BENCH_NATS_MONITOR=" + monitor.Where},
		census: &natsCensus{url: "http://" + monitor.Where + "/subsz", client: &http.Client{Timeout: time.Second}},
		note:   "; its clients are those of nats.go with its defaults, 2 s and up to 0.1 s more before each try, without an end of tries",
	}, nil
}

// natsCensus asks the server's monitor for its subscriptions.
type natsCensus struct {
	url    string
	client *http.Client
}

func (c *natsCensus) count(ctx context.Context) (int, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, c.url, nil)
	if err != nil {
		return 0, err
	}
	answer, err := c.client.Do(request)
	if err != nil {
		return 0, err
	}
	defer func() { _ = answer.Body.Close() }()
	var subs struct {
		Count *int `json:"num_subscriptions"`
	}
	if err := json.NewDecoder(http.MaxBytesReader(nil, answer.Body, 1<<20)).Decode(&subs); err != nil {
		return 0, err
	}
	if subs.Count == nil {
		return 0, fmt.Errorf("%s: %s, and no number of subscriptions", c.url, answer.Status)
	}
	return *subs.Count, nil
}

func (c *natsCensus) close() error {
	c.client.CloseIdleConnections()
	return nil
}
