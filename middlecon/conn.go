package middlecon

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"ddcos/protocol"
)

// Options of a connection.
type Options struct {
	Software string        // told to the broker, for its log
	Timeout  time.Duration // of connecting and of every answer that has no deadline of its own
	// HeadStart is how long a broker has to welcome before the next of several is asked
	// too; one that refuses has none.
	HeadStart time.Duration
	InFlight  int // deliveries of one membership that may wait for its handler; beyond, Refused "busy"

	// TLS is what a broker at tls://host:port is reached by; creds.Client makes one.
	// Without a ServerName it is for the address's host. Token, where it is not nil, gives
	// the token that each session shows, over TLS alone.
	TLS   *tls.Config
	Token func() (string, error)

	// Reconnect opens a new session when one is lost, until Close: members rejoin
	// under their names and with their states, and watches get a full view again.
	// Calls in flight end with an error: what they did is unknown.
	Reconnect bool
	Lost      func(why error) // called at each loss that Reconnect mends; must not block

	// Rejoined is called when a membership is in its room again, under another ID, after
	// a loss or a move; must not block.
	Rejoined func(*Membership)

	// Resume is for how long a session is to outlive its connection at the broker, as
	// far as that grants it: when the connection fails another one resumes the session,
	// and nothing is lost, neither memberships nor calls in flight, of either side; a
	// handler keeps its context. Where the session is over all the same, or other
	// brokers can be reached and this one cannot for a second, it is a loss like others.
	// One that another connection has taken over is over, also with Reconnect.
	Resume  time.Duration
	Resumed func(why error) // called when a session was resumed; must not block

	// Moved is called when a broker that goes away was left for another one, which
	// is no loss; must not block.
	Moved func(from, to protocol.Address)
	// Away is called, by the reader, when the broker goes away and this connection
	// does not move by itself, for want of Reconnect or of another address.
	Away func(protocol.GoAway)
}

// DefaultOptions are what Dial takes for fields left zero.
func DefaultOptions() Options {
	return Options{Software: "ddcos", Timeout: 5 * time.Second, HeadStart: 200 * time.Millisecond, InFlight: 256}
}

// complete puts defaults in the place of fields left zero, and refuses what cannot be.
func (o *Options) complete() error {
	if o.Timeout < 0 || o.HeadStart < 0 || o.InFlight < 0 || o.Resume < 0 || o.Resume > protocol.MaxDeadline {
		return fmt.Errorf("options of a connection: want Timeout, HeadStart and InFlight not below 0, and Resume from 0 to %v", protocol.MaxDeadline)
	}
	defaults := DefaultOptions()
	o.Software = cmp.Or(o.Software, defaults.Software)
	o.Timeout = cmp.Or(o.Timeout, defaults.Timeout)
	o.HeadStart = cmp.Or(o.HeadStart, defaults.HeadStart)
	o.InFlight = cmp.Or(o.InFlight, defaults.InFlight)
	return nil
}

// ErrUnreachable is wrapped by Dial's errors when no broker answers at the address, and by
// those of a session that was lost.
var ErrUnreachable = errors.New("the broker cannot be reached")

// ErrClosed is what is left of a connection after Close.
var ErrClosed = errors.New("the connection is closed")

// Conn is one session with a broker, or with one of several. It is safe for many goroutines.
type Conn struct {
	options   Options
	addresses []protocol.Address // the nearest first
	many      atomic.Bool        // one of them stands for more than one
	done      chan struct{}      // closed when all is over, with err set
	backoff   backoff            // the reader's own

	mu       sync.Mutex             // guards the fields below
	link     *link                  // the session that requests go to
	down     error                  // why there is no session at this time, where there will be another
	sequence uint64                 // of all sessions: none has another's
	waiting  map[uint64]*request    // by sequence
	joining  map[uint64]*Membership // until their Joined came, by sequence
	standing []*Membership          // that are to be members, in any session
	watches  map[uint64]*Watch      // by sequence
	leaving  []*link                // sessions before link, in which something runs still
	closing  bool                   // Close was called
	will     *will                  // that the broker is to have, of each session
	err      error
}

// request is what somebody waits for. The reader fills it in and never waits
// for the one who asked.
type request struct {
	link    *link       // that it was sent by
	account *Account    // a Call or Offer: grows by each chunk
	bound   func(Bound) // an Offer: told by the reader, or nil
	answer  chan answer // one, when the answer is whole
	credit  *credits    // a Call or Offer: where its credit came from
	left    atomic.Bool // nobody waits for it, but for its credit

	outcomes atomic.Int64 // of account, so far

	partial func([]Outcome) // a Call: told by who asked, or nil
	part    func([]byte)    // an Offer: likewise
	news    chan struct{}   // a place for one, with either: there is something to tell
	mu      sync.Mutex      // guards settled and came, with either
	settled []Outcome       // of account; the reader appends behind them only
	came    []byte          // likewise, of the bound member's reply
	told    int             // of settled, or of came
}

// more notes what of the account is settled now, for who asked to tell of it.
func (r *request) more() {
	if r.news == nil {
		return
	}
	r.mu.Lock()
	r.settled, r.came = r.account.settled(), r.account.coming.bytes
	r.mu.Unlock()
	select {
	case r.news <- struct{}{}:
	default:
	}
}

// tell tells what is settled, or came of a reply, and was not told.
func (r *request) tell() {
	switch {
	case r.partial != nil:
		r.mu.Lock()
		fresh := slices.Clone(r.settled[r.told:])
		r.told = len(r.settled)
		r.mu.Unlock()
		if len(fresh) > 0 {
			r.partial(fresh)
		}
	case r.part != nil:
		r.mu.Lock()
		fresh := r.came[r.told:len(r.came):len(r.came)]
		r.told = len(r.came)
		r.mu.Unlock()
		if len(fresh) > 0 {
			r.part(fresh)
		}
	}
}

// answer ends a request: a frame without its bytes, or why there is none.
type answer struct {
	header protocol.Header
	meta   []byte // copied
	err    error
}

// Dial opens a session with the broker at unix:///path, tcp://host:port or, with
// Options.TLS, tls://host:port, or of several with commas between, and all that a name stands for, with the nearest that
// answers: Unix sockets are asked first and then the others, in the order given; each
// has Options.HeadStart before the next, and who is first to welcome has it.
func Dial(ctx context.Context, address string, options Options) (*Conn, error) {
	addresses, err := protocol.ParseAddresses(address)
	if err != nil {
		return nil, err
	}
	if err := options.complete(); err != nil {
		return nil, err
	}
	c := &Conn{
		options: options, addresses: near(addresses), done: make(chan struct{}),
		waiting: map[uint64]*request{}, joining: map[uint64]*Membership{}, watches: map[uint64]*Watch{},
	}
	l, err := c.connect(ctx, protocol.Address{})
	if err != nil {
		return nil, err
	}
	c.link = l
	go c.read(l)
	return c, nil
}

// reach opens a session with the broker at one place.
func (c *Conn) reach(ctx context.Context, p place) (*link, error) {
	nc, token, err := c.open(ctx, p)
	if err != nil {
		return nil, fmt.Errorf("%w at %s: %w", ErrUnreachable, p.at, cause(err))
	}
	l := newLink(p, nc)
	welcome, err := greet(ctx, nc, l.out, l.in, c.hello(token))
	if err != nil {
		_ = nc.Close()
		return nil, fmt.Errorf("%w at %s: %w", ErrUnreachable, p.at, cause(err))
	}
	l.credits = newCredits(welcome.Calls)
	l.last(&welcome)
	return l, nil
}

// greet says Hello and gives the Welcome.
func greet(ctx context.Context, nc net.Conn, out *writer, r *reader, body protocol.Hello) (welcome protocol.Welcome, err error) {
	stop := context.AfterFunc(ctx, func() { _ = nc.SetDeadline(time.Unix(1, 0)) })
	defer stop()
	hello := protocol.Encode(body)
	// A broker that is full says so and closes without reading: what it said is
	// there also where Hello could not be written any more.
	failed := out.frame(protocol.Header{Kind: protocol.KindHello}, hello, nil)
	f, err := r.next()
	if failed != nil && (err != nil || f.Kind != protocol.KindError) {
		return welcome, failed
	}
	if err != nil {
		return welcome, fmt.Errorf("no welcome: %w", err)
	}
	switch f.Kind {
	case protocol.KindWelcome:
		err = protocol.DecodeAnswer(f.Meta, &welcome)
		return welcome, err
	case protocol.KindError:
		return welcome, frameError(f)
	}
	return welcome, fmt.Errorf("a %s frame instead of a welcome: is this a middlecon broker?", f.Kind)
}

// frameError is the error that an Error frame carries.
func frameError(f protocol.Frame) error {
	var text protocol.ErrorText
	_ = protocol.DecodeAnswer(f.Meta, &text) // the code says enough without its sentence
	return &protocol.Error{Code: f.Code, Text: text.Text, Wait: time.Duration(text.WaitMS) * time.Millisecond}
}

// Done is closed when the session is over, and with Reconnect when no other will
// follow; Err says why.
func (c *Conn) Done() <-chan struct{} { return c.done }

// Err is nil while the session lives.
func (c *Conn) Err() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.err
}

// Close ends the session at once: memberships are lost, not left, and
// whoever waits gets ErrClosed. It is no loss that could be mended, and no will is
// published.
func (c *Conn) Close() error {
	c.mu.Lock()
	links := append(slices.Clone(c.leaving), c.link)
	c.closing = true
	c.mu.Unlock()
	for _, l := range links {
		l.bye()
	}
	c.end(ErrClosed)
	return nil
}

// end makes err the session's fate, once, and wakes everybody who waits.
func (c *Conn) end(err error) {
	c.mu.Lock()
	if c.err != nil {
		c.mu.Unlock()
		return
	}
	c.err = err
	waiting, standing, joining, watches := c.waiting, c.standing, c.joining, c.watches
	c.waiting, c.joining, c.standing, c.watches = nil, nil, nil, nil
	l, leaving := c.link, slices.Clone(c.leaving)
	close(c.done)
	c.mu.Unlock()

	l.end()
	for _, old := range leaving {
		old.end()
	}
	for _, r := range waiting {
		r.answer <- answer{err: err}
	}
	for _, m := range standing {
		m.stop()
	}
	for _, m := range joining {
		m.stop()
	}
	for _, w := range watches {
		w.stop()
	}
}

// sendBy writes one frame in the session that out belongs to, and in no later one,
// joined with whatever others are written meanwhile.
func (c *Conn) sendBy(out *writer, h protocol.Header, meta, payload []byte) error {
	err := out.frame(h, meta, payload)
	if err == nil {
		return nil
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	return cmp.Or(c.err, c.down, err)
}

// errReconnected is what a request meets whose credit was another session's.
var errReconnected = fmt.Errorf("%w: it has just reconnected", ErrUnreachable)

// ask sends a frame under a new sequence and waits for what answers it; where a
// broker that goes away refuses it, in the next session.
// prepare, which may be nil, runs before the frame leaves, and may complete its
// header with what holds in this session; its error is errReconnected where that is
// not known yet.
func (c *Conn) ask(ctx context.Context, h protocol.Header, meta, payload []byte, r *request, prepare func(h *protocol.Header) error) (answer, error) {
	for {
		a, err := c.askOnce(ctx, h, meta, payload, r, prepare)
		if r.credit != nil || !turnedAway(a.header) || !c.moves(ctx, r.link) {
			return a, err
		}
	}
}

func (c *Conn) askOnce(ctx context.Context, h protocol.Header, meta, payload []byte, r *request, prepare func(h *protocol.Header) error) (answer, error) {
	r.answer = make(chan answer, 1)
	c.mu.Lock()
	if err := cmp.Or(c.err, c.down); err != nil {
		c.mu.Unlock()
		return answer{}, err
	}
	if r.credit != nil && r.credit != c.link.credits {
		c.mu.Unlock()
		return answer{}, errReconnected
	}
	h.Sequence = c.sequence + 1
	if prepare != nil {
		if err := prepare(&h); err != nil {
			c.mu.Unlock()
			return answer{}, err
		}
	}
	c.sequence++
	c.waiting[h.Sequence] = r
	r.link = c.link
	r.link.enter()
	out := r.link.out
	c.mu.Unlock()
	defer r.link.exit()
	defer c.forget(h.Sequence)

	if err := c.sendBy(out, h, meta, payload); err != nil && len(r.answer) == 0 {
		return answer{}, err // else the session ended right after the answer came
	}
	for {
		select {
		case a := <-r.answer:
			return a, a.err
		case <-r.news:
			r.tell()
		case <-ctx.Done():
			if r.account != nil {
				_ = c.sendBy(out, protocol.Header{Kind: protocol.KindCancel, Sequence: h.Sequence}, nil, nil) // the caller's error is ctx's
			}
			return answer{}, ctx.Err()
		}
	}
}

// forget takes a request back; frames that still come for it are dropped.
func (c *Conn) forget(sequence uint64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.joining, sequence)
	if r := c.waiting[sequence]; r != nil && r.credit != nil {
		r.left.Store(true) // its account will come
		return
	}
	delete(c.waiting, sequence)
}
