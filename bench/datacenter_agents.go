package bench

import (
	"context"
	"fmt"
	"io"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	k2iwire "ddcos/k2i/wire"
	"ddcos/middlecon"
)

// answeredLine is what agents say when each of them has answered once more: the
// bytes of those answers.
const answeredLine = "answered %d"

// AgentsOptions say which hosts [Agents] are.
type AgentsOptions struct {
	Broker    string // unix:///path or tcp://host:port
	Rows      string // file with an answer of a real agent
	First     int    // the number of the first of them
	Agents    int
	Processes int       // of each
	Out       io.Writer // FleetReady goes here, and after it what answeredLine is for
}

// Agents are members of the room k2i that answer as agents do, until ctx ends.
func Agents(ctx context.Context, o AgentsOptions) error {
	rows, err := readRows(o.Rows)
	if err != nil {
		return err
	}
	if o.Processes < 1 || o.Processes > maxRows || len(rows.answer.Processes) == 0 {
		return fmt.Errorf("%w: %d processes made of %d", ErrOptions, o.Processes, len(rows.answer.Processes))
	}
	conns := make([]*middlecon.Conn, o.Agents)
	defer func() {
		for _, c := range conns {
			if c != nil {
				_ = c.Close()
			}
		}
	}()
	told := &teller{out: o.Out, agents: int64(o.Agents)}
	group, dialCtx := errgroup.WithContext(ctx)
	group.SetLimit(dialing)
	for i := range o.Agents {
		group.Go(func() (err error) {
			snap := rows.snapshot(o.First+i, o.Processes)
			answer := func(_ context.Context, m *middlecon.Message) ([]byte, error) {
				req, err := k2iwire.DecodeRequest(m.Payload)
				if err != nil {
					return nil, err
				}
				reply, err := k2iwire.Reply(snap, req, time.Now())
				if err == nil {
					err = told.add(len(reply))
				}
				return reply, err
			}
			if conns[i], err = middlecon.Dial(dialCtx, o.Broker, middlecon.Options{Software: "bench agents"}); err != nil {
				return err
			}
			_, err = conns[i].Join(dialCtx, k2iwire.Room, middlecon.Member{Name: snap.Host.Name}, answer)
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

// teller adds up the bytes of answers and tells them when all agents have answered.
type teller struct {
	out            io.Writer
	agents         int64
	answers, bytes atomic.Int64
}

func (t *teller) add(bytes int) error {
	t.bytes.Add(int64(bytes))
	if t.answers.Add(1)%t.agents != 0 {
		return nil
	}
	_, err := fmt.Fprintf(t.out, answeredLine+"\n", t.bytes.Swap(0))
	return err
}
