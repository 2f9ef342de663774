package broker

import (
	"context"
	"crypto/tls"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"time"
)

// The limits of HTTP on a port of TLS: it is there for enrolment, which is short.
const (
	webMost    = 64 // connections at once
	webTime    = 10 * time.Second
	webHeaders = 8 << 10 // bytes
)

// web answers connections that agreed on HTTP in their handshake. Each counts as a
// session while it is open.
type web struct {
	b      *Broker
	conns  chan net.Conn
	places chan struct{}
	server *http.Server
	done   chan struct{}
}

func newWeb(b *Broker, handler http.Handler) *web {
	w := &web{b: b, conns: make(chan net.Conn), places: make(chan struct{}, webMost), done: make(chan struct{})}
	w.server = &http.Server{
		Handler:           handler,
		ReadHeaderTimeout: webTime, ReadTimeout: webTime, WriteTimeout: 2 * webTime, IdleTimeout: webTime,
		MaxHeaderBytes: webHeaders,
		ErrorLog:       slog.NewLogLogger(b.options.Log.Handler(), slog.LevelDebug),
		ConnState:      w.state,
	}
	return w
}

// take hands one connection over.
func (w *web) take(c *tls.Conn) error {
	select {
	case w.places <- struct{}{}:
	default:
		return errors.New("too many connections for enrolment")
	}
	if err := c.SetDeadline(time.Time{}); err != nil {
		<-w.places
		return err
	}
	select {
	case w.conns <- c:
		return nil
	case <-w.done:
		<-w.places
		return net.ErrClosed
	}
}

func (w *web) state(_ net.Conn, s http.ConnState) {
	if s == http.StateClosed || s == http.StateHijacked {
		w.b.sessions.Add(-1)
		<-w.places
	}
}

// serve answers until close.
func (w *web) serve() {
	if err := w.server.Serve(w); err != nil && !errors.Is(err, http.ErrServerClosed) {
		w.b.options.Log.Error("HTTP over TLS has ended", "error", err)
	}
}

// end waits a little for answers under way.
func (w *web) end() {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	if w.server.Shutdown(ctx) != nil {
		_ = w.server.Close()
	}
}

// Accept, Close and Addr make it the listener of its server.
func (w *web) Accept() (net.Conn, error) {
	select {
	case c := <-w.conns:
		return c, nil
	case <-w.done:
		return nil, net.ErrClosed
	}
}

// Close is called once, by the server.
func (w *web) Close() error {
	close(w.done)
	return nil
}

// Addr is of no listener's socket.
func (w *web) Addr() net.Addr { return &net.TCPAddr{} }
