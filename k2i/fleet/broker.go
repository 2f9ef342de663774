package fleet

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"ddcos/k2i/wire"
	"ddcos/middlecon"
	"ddcos/protocol"
)

// BrokerSource is every host whose agent has joined the room `k2i` of a broker.
// It keeps one session over all questions and dials again when that is over.
type BrokerSource struct {
	address  string
	deadline time.Duration
	dial     func(context.Context) (session, error)

	mu   sync.Mutex // guards conn
	conn session    // nil before the first question
}

// session is what a question needs of a *middlecon.Conn.
type session interface {
	Call(ctx context.Context, room string, payload []byte, options middlecon.CallOptions) (*middlecon.Account, error)
	Send(ctx context.Context, room, to string, payload []byte, options middlecon.CallOptions) (*middlecon.Account, error)
	Members(ctx context.Context, room string) (*middlecon.View, error)
	Done() <-chan struct{}
	Close() error
}

// Broker reaches the hosts through the broker at address (unix:///path,
// tcp://host:port or tls://host:port), which is dialled with the first question, by
// these options. A host has deadline to answer; 0 stands for
// middlecon.DefaultDeadline. Close ends the session.
func Broker(address string, deadline time.Duration, options middlecon.Options) *BrokerSource {
	if deadline == 0 {
		deadline = middlecon.DefaultDeadline
	}
	options.Software = "ddcos fleet"
	return &BrokerSource{address: address, deadline: deadline, dial: func(ctx context.Context) (session, error) {
		return middlecon.Dial(ctx, address, options)
	}}
}

// Close ends the session with the broker; a later Ask opens another.
func (b *BrokerSource) Close() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.conn == nil {
		return nil
	}
	err := b.conn.Close()
	b.conn = nil
	return err
}

// Ask implements Source.
func (b *BrokerSource) Ask(ctx context.Context, req wire.Request) ([]Reply, error) {
	return b.Stream(ctx, req, nil)
}

// Stream implements Streamer: one call, one Reply for each member and for each
// that the room remembers and has lost. The way to the broker is taken from the
// hosts' deadline, of which they have a quarter at least: whoever asks has waited
// for it as well. The error wraps middlecon.ErrUnreachable where no broker answers.
func (b *BrokerSource) Stream(ctx context.Context, req wire.Request, each func(Reply) Reply) ([]Reply, error) {
	began := time.Now()
	conn, err := b.session(ctx)
	if err != nil {
		return nil, err
	}
	return b.all(ctx, conn, req, max(b.deadline-time.Since(began), b.deadline/leastShare), each)
}

// all asks all hosts.
func (b *BrokerSource) all(ctx context.Context, conn session, req wire.Request, deadline time.Duration, each func(Reply) Reply) ([]Reply, error) {
	r := b.reading(req, each)
	account, err := conn.Call(ctx, wire.Room, wire.EncodeRequest(req), middlecon.CallOptions{Deadline: deadline, Labels: req.Query.Labels, Partial: r.read})
	if err != nil {
		r.end()
		return nil, fmt.Errorf("asking the hosts: %w", err)
	}
	replies := r.replies(account.Outcomes)
	for i := range account.Absent {
		replies = append(replies, absentReply(&account.Absent[i]))
	}
	return replies, nil
}

// one asks one host.
func (b *BrokerSource) one(ctx context.Context, conn session, name string, req wire.Request, deadline time.Duration) Reply {
	asked := time.Now()
	account, err := conn.Send(ctx, wire.Room, name, wire.EncodeRequest(req), middlecon.CallOptions{Deadline: deadline})
	switch {
	case err != nil:
		return Reply{Host: name, Status: Status(protocol.UnreachableBroker.String()), Err: firstLine(err.Error())}
	case len(account.Outcomes) == 1:
		r := b.reply(&account.Outcomes[0], req)
		r.Asked, r.Took = asked, account.Outcomes[0].Latency
		return r
	case len(account.Absent) == 1:
		return absentReply(&account.Absent[0])
	}
	return Reply{Host: name, Status: StatusError, Err: "the broker told of nobody"}
}

func absentReply(gone *middlecon.Absent) Reply {
	return Reply{Host: gone.Name, Status: StatusAbsent, Err: absence(gone), Lost: gone.Ago}
}

// Explain adds to an error of Ask what its reader can do about it.
func Explain(err error) error {
	switch {
	case errors.Is(err, middlecon.ErrUnreachable):
		return fmt.Errorf("%w; is 'middlecon serve' running there? (--broker or DDCOS_BROKER names another)", err)
	case errors.Is(err, protocol.CodeForbidden):
		return fmt.Errorf("%w; that is for a certificate of the role client (--tls-cert), which 'middlecon token new --role client' tells how to get", err)
	case errors.Is(err, context.Canceled):
		return fmt.Errorf("interrupted: %w", err)
	case errors.Is(err, context.DeadlineExceeded):
		return fmt.Errorf("nothing came in time: is the broker stopped? 'middlecon status' tells (%w)", err)
	}
	return err
}

// session is the live session, or a new one.
func (b *BrokerSource) session(ctx context.Context) (session, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.conn != nil {
		select {
		case <-b.conn.Done():
			_ = b.conn.Close() // over already
		default:
			return b.conn, nil
		}
	}
	conn, err := b.dial(ctx)
	if err != nil {
		b.conn = nil
		return nil, err
	}
	b.conn = conn
	return conn, nil
}

// reply reads one member's outcome. The member's name is the broker's word and
// stays the host's name, whatever the answer calls itself.
func (b *BrokerSource) reply(o *middlecon.Outcome, req wire.Request) Reply {
	if o.Outcome != protocol.OK {
		return Reply{Host: o.Name, Status: Status(o.Outcome.String()), Err: b.sentence(o)}
	}
	reply, err := Read(o.Reply, req)
	if err != nil {
		return Reply{Host: o.Name, Status: StatusError, Err: err.Error()}
	}
	reply.Host = o.Name
	return reply
}

// sentence says for people what an outcome other than ok means here.
func (b *BrokerSource) sentence(o *middlecon.Outcome) string {
	switch o.Outcome {
	case protocol.AppError, protocol.Refused:
		return "the agent says: " + firstLine(o.Error)
	case protocol.Timeout:
		return fmt.Sprintf("received the question and gave no answer within %v", b.deadline)
	case protocol.NoReceipt:
		return fmt.Sprintf("no receipt within %v: the process may be stopped", b.deadline)
	case protocol.Overflow:
		return "its queue at the broker is full: it reads too slowly"
	case protocol.NotSent:
		return "its session ended before the question was sent"
	case protocol.LostAfterSend:
		return fmt.Sprintf("its session ended %v after the question, without an answer", o.Latency.Round(time.Millisecond))
	case protocol.Left:
		return "it left the room before it answered"
	case protocol.NotBound:
		return "it bid for an offer and was not bound" // a question is no offer
	case protocol.UnreachableBroker:
		return "its broker cannot be reached"
	case protocol.Cancelled:
		return "the call was cancelled"
	}
	return o.Outcome.String()
}

// absence says when and why a host was lost.
func absence(gone *middlecon.Absent) string {
	precision := time.Second
	if gone.Ago < time.Second {
		precision = time.Millisecond
	}
	text := fmt.Sprintf("lost %v ago", gone.Ago.Round(precision))
	if gone.Reason != "" {
		text += ": " + firstLine(gone.Reason)
	}
	return text
}
