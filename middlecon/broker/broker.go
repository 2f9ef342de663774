package broker

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/panjf2000/gnet/v2"

	"ddcos/middlecon/listen"
	"ddcos/middlecon/room"
	"ddcos/protocol"
)

// Broker serves rooms. One goroutine, gnet's only loop, owns the rooms and
// every session: what comes from outside of it goes through the mailbox.
type Broker struct {
	options     Options
	limit       int // sessions at most
	started     time.Time
	engine      *gnet.Client // an engine without a listener: accepting is ours
	listeners   []listener
	sessions    atomic.Int64 // open, or to be when a hello comes
	lastSession atomic.Uint64
	mailbox     mailbox
	spare       spare
	hangUps     chan struct{}  // a place for each connection without a session that lingers
	config      *tls.Config    // of handshakes; nil without TLS
	handshakes  chan struct{}  // a place for each that is under way, and its hello; the door fills it
	web         *web           // nil where no HTTP is answered
	large       buffers        // of those who read TLS sessions
	greeting    sync.WaitGroup // handshakes under way
	readers     sync.WaitGroup // of TLS sessions
	stopped     chan struct{}  // closed when there is no loop any more
	refusals    refusals
	drains      chan struct{}    // closed when Serve is to end
	endsBy      atomic.Int64     // when it does at the latest, on the clock of now; 0: not yet
	managers    []room.Principal // who may have it drained, whatever the policy says: they may kill it
	aside       atomic.Int32     // sessions that are read by a goroutine because they sent too much
	carried     atomic.Uint64    // turns, for who is not the loop

	// The rest belongs to the loop.
	rooms      *room.Rooms
	events     []room.Event // that came of effects and writes, for catchUp
	told       int          // of events, how many the rooms know
	byID       room.Table[session]
	pinged     []*session // by when they are looked at
	begun      begun
	wheel      wheel         // of those that are probed
	halfOpen   uint64        // sessions ended because their host was gone
	shares     shares        // of what waits for all sessions
	turns      uint64        // messages of those who do not flood
	sent       uint64        // of these, calls, offers and publishes
	awaited    int           // members, ever, of whom an answer was to come
	failed     uint64        // requests
	tables     tables        // the account of what changes them
	backlog    backlog       // who waits
	fair       fair          // who has called much, and waits for that
	flooded    uint64        // sessions that ever were set aside
	leftOwing  time.Duration // what sessions that flooded have left behind, as caller.owes
	dirty      []*session    // with frames to flush
	flushing   []*session    // that were dirty when flush began; none of them outside of it
	flushed    int           // of flushing, those that it has done
	later      later         // who is to be written to when others have had a turn
	queues     queues        // for sessions that have something to flush
	blocked    []*session    // whose transport has bytes that the kernel has not taken
	paced      []*session    // who were told of a call too lately to be told more
	pacedAt    time.Duration // when they are
	working    bool          // settle is running: it will see whatever is added
	behind     bool          // the loop was away: deadlines wait for readAgain
	clock      time.Duration // when the turn began
	yielded    time.Duration // when it let others run
	memory     []byte        // of frames that are written within the turn
	joined     []byte        // frames that leave together
	statsMeta  []byte        // the stats, encoded, until anything happens
	viewed     viewed        // the latest of the turn
	latency    latency
	members    latency
	memoryLeft memoryLeft
	queued     uint64        // bytes, at queuedAt
	queuedAt   time.Duration // 0: not counted yet
	timer      *time.Timer
	armed      time.Duration // when the timer fires, or the loop, behind, reads again; never where neither is to come

	lookAt    time.Duration // when blocked is looked at again
	lingering []lingerer    // closed for writing, in the order of their ends
	draining  *draining     // nil until Serve was told to end
	homing    int           // bytes of the accounts that their callers have not read

	gate       gate
	resumables map[secretOf]*session
	unacked    int          // bytes that are kept to be sent again
	taken      room.Resumed // the latest

	sealed int // TLS sessions that are open
}

// readBytes is how much of what one session sent is read before the others have
// their turn: many small requests, or a part of a large reply.
const readBytes = 8 << 10

// sendBuffer bounds, in bytes, what the kernel may hold for one session beside
// its queue here; without it TCP takes megabytes for a peer that does not read.
const sendBuffer = 256 << 10

// listener is one, and whether TLS is spoken there.
type listener struct {
	net.Listener
	network string
}

// New opens the listeners; Serve then answers them.
func New(options Options) (*Broker, error) {
	if options.Number == 0 {
		options.Number = 1 + rand.Uint32N(protocol.MaxBroker)
	}
	memory := memoryLimit()
	options.keepWithin(memory)
	rooms := room.New(options.Number, options.Limits)
	b := &Broker{
		options:    options,
		limit:      sessionLimit(options.Sessions),
		started:    time.Now(),
		armed:      never,
		rooms:      rooms,
		fair:       newFair(rooms.Owes),
		resumables: map[secretOf]*session{},
		memoryLeft: newMemoryLeft(memory),
		hangUps:    make(chan struct{}, hangUpsMost),
		handshakes: make(chan struct{}, handshakesMost),
		large:      newBuffers(),
		stopped:    make(chan struct{}),
		gate:       newGate(options.Policy, options.Log),
		drains:     make(chan struct{}),
		managers:   []room.Principal{uidPrincipal(0), uidPrincipal(os.Getuid())},
	}
	b.timer = time.AfterFunc(time.Hour, func() { b.post(b.due) })
	b.timer.Stop()
	engine, err := gnet.NewClient(&handler{b: b},
		gnet.WithNumEventLoop(1), // see ARCHITECTURE.md, decisions
		gnet.WithTCPNoDelay(gnet.TCPNoDelay),
		gnet.WithReadBufferCap(readBytes),
		gnet.WithSocketSendBuffer(sendBuffer),
		gnet.WithLogger(quiet{options.Log}))
	if err != nil {
		return nil, err
	}
	b.engine = engine
	for _, a := range options.Listen {
		l, err := b.listen(a)
		if err != nil {
			b.closeListeners()
			return nil, err
		}
		b.listeners = append(b.listeners, listener{l, a.Network})
	}
	if options.TLS != nil {
		b.config = options.TLS.Config(b.protocols()...)
		if options.Enrol != nil {
			b.web = newWeb(b, options.Enrol)
		}
	}
	return b, nil
}

func (b *Broker) listen(a protocol.Address) (net.Listener, error) {
	if a.Network != "tls" {
		return listen.Open(a, b.options.InsecurePlaintext)
	}
	if b.options.TLS == nil {
		return nil, fmt.Errorf("%s: TLS needs a certificate and its key", a)
	}
	if t := b.options.TLS; !t.Asks() && b.options.Authenticate == nil && !b.options.Anonymous {
		return nil, fmt.Errorf("%s: nobody could come in: there is neither an authority for clients' certificates, nor are there tokens", a)
	}
	return listen.UnderTLS(a)
}

// Addresses are those that the broker listens on, ports filled in.
func (b *Broker) Addresses() []protocol.Address {
	var all []protocol.Address
	for _, l := range b.listeners {
		all = append(all, protocol.Address{Network: l.network, Where: l.Addr().String()})
	}
	return all
}

// Number is the broker's, as in its members' ids.
func (b *Broker) Number() uint32 { return b.options.Number }

// Serve answers until ctx ends or Drain is called; then every session is told so, and
// closed when nothing runs any more and those have moved that can, or the grace is over.
func (b *Broker) Serve(ctx context.Context) error {
	door, err := newDoor(b)
	if err != nil {
		b.closeListeners()
		return fmt.Errorf("listening: %w", err)
	}
	if err := b.startLoop(); err != nil {
		b.closeListeners()
		_ = door.file.Close()
		return fmt.Errorf("starting the event loop: %w", err)
	}
	_ = b.spare.hold() // before it says that it serves; accept tries again
	b.options.Log.Info("serving", "addresses", fmt.Sprint(b.Addresses()), "broker", b.options.Number, "sessions", b.limit)
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	var accepting sync.WaitGroup
	accepting.Go(func() { door.attend(ctx) })
	if b.config != nil {
		accepting.Go(func() { b.recheck(ctx) })
	}
	if b.web != nil {
		accepting.Go(b.web.serve)
	}
	select {
	case <-ctx.Done():
		b.Drain(b.options.Grace)
	case <-b.drains:
	}
	stop()
	b.closeListeners()
	if b.web != nil {
		b.web.end()
	}
	accepting.Wait()
	b.greeting.Wait()
	b.spare.drop()
	b.drain()
	b.timer.Stop()
	err = b.engine.Stop()
	b.mailbox.detach()
	close(b.stopped)
	for _, s := range b.byID.All() { // the loop's, which is gone
		if t, ok := s.conn.(*fed); ok {
			t.drop()
		}
	}
	b.readers.Wait()
	return err
}

func (b *Broker) closeListeners() {
	for _, l := range b.listeners {
		if err := l.Close(); err != nil && !errors.Is(err, net.ErrClosed) {
			b.options.Log.Warn("closing a listener", "error", err)
		}
	}
}

// post leaves work for the loop.
func (b *Broker) post(work func()) {
	b.mailbox.post(func() { b.contain(work, func() {}) })
}

// turnFor leaves work for a turn of its own.
func (b *Broker) turnFor(work func()) {
	b.post(func() {
		b.lookBack()
		work()
		b.settle()
	})
}

// now is the time that the rooms know: monotonic since the broker's start.
func (b *Broker) now() time.Duration { return time.Since(b.started) }
