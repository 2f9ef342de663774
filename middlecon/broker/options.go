// Package broker is the rooms on real sockets: it accepts, reads frames, tells
// the rooms, and does what they say.
package broker

import (
	"log/slog"
	"net/http"
	"os"
	"time"

	"golang.org/x/sys/unix"

	"ddcos/middlecon/creds"
	"ddcos/middlecon/policy"
	"ddcos/middlecon/room"
	"ddcos/protocol"
)

// Options of a broker.
type Options struct {
	Listen            []protocol.Address
	InsecurePlaintext bool   // allows TCP beyond loopback, readable and writable by whoever is on the way
	Number            uint32 // the broker's, 24 bits; 0 for a random one
	Host              string // the name under which members on Unix sockets are shown
	Sessions          int    // at most; it is lowered to what the file limit allows
	QueueBytes        int    // that may wait for one session
	QueueBytesAll     int    // that may wait for all sessions that do not read as fast as they are written to
	BegunBytesAll     int    // that all sessions may have sent of frames that are not whole: CodeOverloaded
	HelloTimeout      time.Duration
	UnackedBytesAll   int           // kept of all sessions that may be resumed; beyond, nothing more is, and one that needs it is lost
	ResumeWindow      time.Duration // for which a session may be resumed at most; 0: never
	PingEvery         time.Duration // that a TCP session may be silent before it is pinged; after two it is ended; 0: never
	Grace             time.Duration // that calls and offers may go on after Serve was told to end
	Limits            room.Limits
	AccountLog        *AccountLog // nil for none

	TLS          *creds.Server                                   // what tls:// is served by; nil: nothing is
	Authenticate func(token string) (name, role string, ok bool) // whose a bearer token is; asked again every few seconds; any goroutine; nil: none is known
	Anonymous    bool                                            // sessions over TLS that show nothing are let in, known by their address
	Enrol        http.Handler                                    // answers those who agree on http/1.1 over TLS; nil: nobody may
	Policy       *policy.Policy                                  // who may do what; nil for policy.Default

	Log *slog.Logger
}

// DefaultOptions are those of a broker that was told nothing.
func DefaultOptions() Options {
	host, err := os.Hostname()
	if err != nil {
		host = "localhost"
	}
	return Options{
		Listen:          []protocol.Address{{Network: "unix", Where: "/run/ddcos/middlecon.sock"}},
		Host:            host,
		Sessions:        1 << 20,
		QueueBytes:      256 << 10,
		QueueBytesAll:   256 << 20,
		BegunBytesAll:   256 << 20,
		HelloTimeout:    protocol.HelloTimeout,
		UnackedBytesAll: 64 << 20,
		ResumeWindow:    10 * time.Second,
		PingEvery:       15 * time.Second,
		Grace:           2 * time.Second,
		Limits:          room.DefaultLimits(),
		Log:             slog.New(slog.DiscardHandler),
	}
}

// fileReserve is how many descriptors stay for everything but sessions:
// listeners, the loop's own, logs, and the second descriptor that a
// connection has while gnet takes it over.
const fileReserve = 64

// sessionLimit raises the soft file limit to the hard one and says how many
// sessions fit below it.
func sessionLimit(wanted int) int {
	var files unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &files); err != nil {
		return min(wanted, 1024-fileReserve)
	}
	if files.Cur < files.Max {
		raised := unix.Rlimit{Cur: files.Max, Max: files.Max}
		if unix.Setrlimit(unix.RLIMIT_NOFILE, &raised) == nil {
			files = raised
		}
	}
	return max(1, min(wanted, int(min(files.Cur, 1<<30))-fileReserve))
}
