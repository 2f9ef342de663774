package bench

import (
	"context"
	"fmt"
	"io"

	"golang.org/x/sync/errgroup"

	"ddcos/middlecon"
)

// dialing is how many clients of one process connect at once at the start.
const dialing = 64

// ClientsOptions say which clients [Clients] are.
type ClientsOptions struct {
	Broker  string // unix:///path or tcp://host:port
	Members int
	First   int       // the number of the first of them
	Out     io.Writer // FleetReady goes here
}

// Clients are members in one process that each have a connection of the Go client library, and so
// come back by themselves when the broker has gone. They answer with what they are sent, until ctx
// ends.
func Clients(ctx context.Context, o ClientsOptions) error {
	conns := make([]*middlecon.Conn, o.Members)
	defer func() {
		for _, c := range conns {
			if c != nil {
				_ = c.Close()
			}
		}
	}()
	group, dialCtx := errgroup.WithContext(ctx)
	group.SetLimit(dialing)
	echo := func(_ context.Context, m *middlecon.Message) ([]byte, error) { return m.Payload, nil }
	for i := range o.Members {
		group.Go(func() (err error) {
			conns[i], err = middlecon.Dial(dialCtx, o.Broker, middlecon.Options{Software: "bench clients", Reconnect: true})
			if err != nil {
				return err
			}
			_, err = conns[i].Join(dialCtx, callRoom, middlecon.Member{Name: fmt.Sprintf("m%d", o.First+i)}, echo)
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return err
	}
	if _, err := fmt.Fprintln(o.Out, FleetReady); err != nil {
		return err
	}
	<-ctx.Done()
	return nil
}
