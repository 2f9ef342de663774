// Package ipc is the snapshot's face in the room `k2i` of a broker: the agent
// is a member there under its host's name and answers questions.
package ipc

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"ddcos/k2i"
	"ddcos/k2i/veil"
	"ddcos/k2i/wire"
	"ddcos/middlecon"
	"ddcos/middlecon/policy"
	"ddcos/protocol"
)

// Source is where the snapshots come from; nil until there is one.
type Source interface{ Snapshot() *k2i.Snapshot }

// Options of a Member.
type Options struct {
	Broker string                 // unix:///path, tcp://host:port or tls://host:port; with commas between, all of which are joined
	TLS    *tls.Config            // for the last of these; nil: it cannot be spoken to
	Token  func() (string, error) // to show there; nil: none
	Name   string                 // of this host; unique in the room
	Labels map[string]string
	Source Source

	Connections wire.Looker // nil: this agent does not look at them
	Reader      wire.Reader // of what no sample holds; nil for nobody

	Veil *veil.Veil // what whom is answered; nil for policy.Default

	Now func() time.Time // the clock that stamps the snapshots
	Log *slog.Logger

	// The wait before a broker that was lost or refused is dialled again: it
	// grows from Backoff to MaxBackoff by doubling, and each wait is a random
	// part of that, so that a thousand agents do not come back at once.
	Backoff, MaxBackoff time.Duration
}

// DefaultOptions leave Broker, Name and Source to be named.
func DefaultOptions() Options {
	return Options{
		Now: time.Now, Log: slog.New(slog.DiscardHandler),
		Backoff: 100 * time.Millisecond, MaxBackoff: 10 * time.Second,
	}
}

// Member is the agent in the room. Run keeps it there.
type Member struct {
	options   Options
	joined    atomic.Int64
	joins     atomic.Uint64
	questions atomic.Uint64
	failures  atomic.Uint64
}

// New makes a Member; fields of options left zero are those of DefaultOptions.
func New(options Options) *Member {
	defaults := DefaultOptions()
	if options.Veil == nil {
		options.Veil = veil.New(nil)
	}
	if options.Now == nil {
		options.Now = defaults.Now
	}
	if options.Log == nil {
		options.Log = defaults.Log
	}
	if options.Backoff == 0 {
		options.Backoff = defaults.Backoff
	}
	if options.MaxBackoff == 0 {
		options.MaxBackoff = defaults.MaxBackoff
	}
	return &Member{options: options}
}

// Joined is at how many brokers the agent is in the room now.
func (m *Member) Joined() int { return int(m.joined.Load()) }

// Joins is how often it came into the room; Questions how many it was asked
// there, and Failures how many of those it could not answer.
func (m *Member) Joins() uint64     { return m.joins.Load() }
func (m *Member) Questions() uint64 { return m.questions.Load() }
func (m *Member) Failures() uint64  { return m.failures.Load() }

// Run joins the room of each broker and answers until ctx ends, then leaves them. So
// any of them knows all hosts, and none has to know of another. A broker that
// is not there, or goes away, is dialled again for as long as it takes: an agent
// lives without one. So Run returns nothing.
func (m *Member) Run(ctx context.Context) {
	var group sync.WaitGroup
	for broker := range strings.SplitSeq(m.options.Broker, ",") {
		group.Go(func() { m.stay(ctx, strings.TrimSpace(broker)) })
	}
	group.Wait()
}

// stay keeps the agent in the room of one broker.
func (m *Member) stay(ctx context.Context, broker string) {
	told := "" // the last reason that was logged: a broker that is away for a day is one line
	wait := m.options.Backoff
	for ctx.Err() == nil {
		joined, err := m.session(ctx, broker)
		if ctx.Err() != nil {
			return
		}
		if joined {
			told, wait = "", m.options.Backoff
		}
		if text := advice(err, m.options.Name); text != told {
			told = text
			m.options.Log.Warn("not in the room "+wire.Room, "broker", broker, "reason", text, "retrying", "until it works")
		}
		pause(ctx, wait/2+rand.N(wait/2+1))
		wait = min(2*wait, m.options.MaxBackoff)
	}
}

// pause waits for d, or for the end of ctx.
func pause(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}

// session is one stay in the room of a broker, if it came to be. Its error is why it
// ended; nil with ctx.
func (m *Member) session(ctx context.Context, broker string) (joined bool, err error) {
	away := make(chan protocol.GoAway, 1)
	conn, err := middlecon.Dial(ctx, broker, middlecon.Options{
		Software: "k2i", TLS: m.options.TLS, Token: m.options.Token,
		Away: func(g protocol.GoAway) { away <- g },
	})
	if err != nil {
		return false, err
	}
	defer func() { _ = conn.Close() }()
	member, err := conn.Join(ctx, wire.Room, middlecon.Member{Name: m.options.Name, Labels: m.options.Labels}, m.answer)
	if err != nil {
		return false, err
	}
	m.joins.Add(1)
	m.joined.Add(1)
	defer m.joined.Add(-1)
	m.options.Log.Info("joined the room "+wire.Room, "broker", broker, "name", m.options.Name)
	select {
	case <-member.Done():
		if err := member.Err(); err != nil {
			return true, fmt.Errorf("the broker has ended the membership: %w", err)
		}
		return true, fmt.Errorf("the session ended: %w", conn.Err())
	case g := <-away:
		return true, retire(ctx, conn, g)
	case <-ctx.Done():
		// Leaving tells others at once that this host is not lost; ctx cannot be asked with any more.
		_ = member.Leave(context.WithoutCancel(ctx)) // bounded by the connection's own timeout
		return true, nil
	}
}

// retire leaves a broker that goes away, a random part of the time that it gives later,
// when what it asked is answered: so the host is not lost there.
func retire(ctx context.Context, conn *middlecon.Conn, away protocol.GoAway) error {
	pause(ctx, rand.N(min(time.Duration(away.MoveMS)*time.Millisecond, protocol.MaxDeadline)+1))
	bounded, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Duration(away.GraceMS)*time.Millisecond+time.Second)
	defer cancel()
	_ = conn.Retire(bounded) // the broker ends what is left
	return fmt.Errorf("the broker goes away: %s", away.Text)
}

// advice is err with what to do about it, where that is known.
func advice(err error, name string) string {
	if errors.Is(err, protocol.CodeNameTaken) {
		return fmt.Sprintf("another agent is there as %q; give this one a name of its own with --name", name)
	}
	return err.Error()
}

// answer handles one question. Its error travels back as this member's app_error.
func (m *Member) answer(ctx context.Context, message *middlecon.Message) ([]byte, error) {
	m.questions.Add(1)
	reply, err := m.reply(ctx, message)
	if err != nil {
		m.failures.Add(1)
	}
	return reply, err
}

// reply answers as far as the caller may read, by what the broker says of it.
func (m *Member) reply(ctx context.Context, message *middlecon.Message) ([]byte, error) {
	who := policy.Subject{Principal: message.Principal, Vouched: message.Roles}
	if err := m.options.Veil.MayRead(who); err != nil {
		return nil, middlecon.Refuse(err.Error())
	}
	req, err := wire.DecodeRequest(message.Payload)
	if err != nil {
		return nil, err
	}
	snap := m.options.Veil.Shown(who, m.options.Source.Snapshot())
	if snap == nil {
		return nil, errors.New("no sample yet; try again in a second")
	}
	return wire.Serve(ctx, wire.Readers{Looker: m.options.Connections, Reader: m.options.Reader}, snap, req, m.options.Now)
}
