package procfs

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"slices"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"ddcos/k2i"
)

// Limits of the connector.
const (
	connectorBuffer = 4 << 20  // bytes that the kernel keeps for us
	maxWaiting      = 8 << 10  // events that wait to be drained; more are lost
	maxStarts       = 64 << 10 // processes of which something is kept until they end
	fewWaiting      = 256      // room for so many is kept when none wait
	connectorAnswer = time.Second
)

// ErrNoConnector is wrapped by OpenConnector's error where the kernel does not
// tell this caller what happens to processes.
var ErrNoConnector = errors.New("process connector refused")

// Connector hears from the kernel what happens to processes and reads in /proc,
// at once, what it does not tell. A process that is gone by then has what is
// known of its parent.
type Connector struct {
	fs     *FS
	socket *os.File
	done   chan struct{}

	mu      sync.Mutex // guards all below
	waiting []k2i.Event
	drained int // of waiting: they are no more
	seen    uint64
	lost    uint64
	failed  error
	asked   bool // somebody waits for told

	told chan struct{}

	// Of the goroutine that reads.
	serials map[uint32]uint32 // by CPU: the next one
	starts  map[int32]uint64  // ticks, of processes that were made since
	ending  map[int32]int32   // status of leaders whose process has other threads
}

// OpenConnector begins to listen. It needs the first namespaces, and before Linux 6.6 root.
func (fs *FS) OpenConnector() (*Connector, error) {
	socket, err := listenConnector()
	if err != nil {
		return nil, fmt.Errorf("%w: needs root, outside of any namespace: %w", ErrNoConnector, err)
	}
	c := &Connector{
		fs: fs, socket: socket, done: make(chan struct{}), told: make(chan struct{}, 1),
		serials: map[uint32]uint32{}, starts: map[int32]uint64{}, ending: map[int32]int32{},
	}
	go c.run()
	return c, nil
}

// listenConnector opens the socket and waits until the kernel agrees.
func listenConnector() (*os.File, error) {
	fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, unix.NETLINK_CONNECTOR)
	if err != nil {
		return nil, err
	}
	socket := os.NewFile(uintptr(fd), "process connector")
	fail := func(err error) (*os.File, error) {
		_ = socket.Close()
		return nil, err
	}
	_ = unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, connectorBuffer) // a smaller one loses more, and says so
	if err := unix.Bind(fd, &unix.SockaddrNetlink{Family: unix.AF_NETLINK, Groups: cnProc}); err != nil {
		return fail(err)
	}
	if err := unix.Sendto(fd, listenMessage(), 0, &unix.SockaddrNetlink{Family: unix.AF_NETLINK}); err != nil {
		return fail(err)
	}
	if err := socket.SetReadDeadline(time.Now().Add(connectorAnswer)); err != nil {
		return fail(err)
	}
	// Anything that comes, be it the answer or an event, is agreement.
	if _, err := socket.Read(make([]byte, 4<<10)); err != nil {
		return fail(err)
	}
	return socket, socket.SetReadDeadline(time.Time{})
}

// listenMessage asks for events.
func listenMessage() []byte {
	const size = netlinkBytes + connectorBytes + 4
	b := make([]byte, 0, size)
	b = binary.NativeEndian.AppendUint32(b, size)
	b = binary.NativeEndian.AppendUint16(b, unix.NLMSG_DONE)
	b = append(b, make([]byte, 2+4+4)...)
	b = binary.NativeEndian.AppendUint32(b, cnProc)
	b = binary.NativeEndian.AppendUint32(b, cnProc)
	b = append(b, make([]byte, 4+4)...)
	b = binary.NativeEndian.AppendUint16(b, 4)
	b = append(b, 0, 0)
	return binary.NativeEndian.AppendUint32(b, 1) // PROC_CN_MCAST_LISTEN
}

// Close stops listening.
func (c *Connector) Close() error {
	err := c.socket.Close()
	<-c.done
	return err
}

// Drain appends what has happened since the last call, but no more than that many.
// more tells that the rest waits.
func (c *Connector) Drain(events []k2i.Event, most int) (_ []k2i.Event, more bool, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	end := min(c.drained+most, len(c.waiting))
	events = append(events, c.waiting[c.drained:end]...)
	clear(c.waiting[c.drained:end])
	if c.drained = end; end < len(c.waiting) {
		return events, true, c.failed
	}
	if c.waiting, c.drained = c.waiting[:0], 0; cap(c.waiting) > fewWaiting {
		c.waiting = nil
	}
	return events, false, c.failed
}

// Notify asks to be told once, by a value in the channel, which is always the same
// one, when there is something to drain or something was lost.
func (c *Connector) Notify() <-chan struct{} {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.asked = true
	if len(c.waiting) > c.drained {
		c.tell()
	}
	return c.told
}

// tell answers who has asked.
func (c *Connector) tell() {
	if !c.asked {
		return
	}
	c.asked = false
	select {
	case c.told <- struct{}{}:
	default: // not taken yet, and as good as another
	}
}

// Counts are events that came and that were lost: by the kernel, which numbers
// them, or here for want of room.
func (c *Connector) Counts() (seen, lost uint64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.seen, c.lost
}

// run reads until the socket is closed.
func (c *Connector) run() {
	defer close(c.done)
	buf := make([]byte, 64<<10)
	for {
		n, err := c.socket.Read(buf)
		switch {
		case errors.Is(err, unix.ENOBUFS): // the next serial number tells how many
		case errors.Is(err, os.ErrClosed):
			return
		case err != nil:
			c.mu.Lock()
			c.failed = fmt.Errorf("process connector: %w", err)
			c.tell()
			c.mu.Unlock()
			return
		}
		b := buf[:max(n, 0)]
		for {
			message, rest, ok := nextMessage(b)
			if !ok {
				break
			}
			b = rest
			c.take(&message)
		}
	}
}

// take counts a message and makes an event of it.
func (c *Connector) take(m *message) {
	if m.what == procNone {
		return
	}
	next, known := c.serials[m.cpu]
	c.serials[m.cpu] = m.serial + 1
	e, ok := c.event(m)
	c.mu.Lock()
	defer c.mu.Unlock()
	if gap := m.serial - next; known && gap > 0 {
		c.lost += uint64(gap)
		c.tell()
	}
	if !ok {
		return
	}
	c.seen++
	c.tell()
	if len(c.waiting) == maxWaiting {
		c.waiting, c.drained = slices.Delete(c.waiting, 0, c.drained), 0
	}
	if len(c.waiting) == maxWaiting {
		c.lost++
		return
	}
	c.waiting = append(c.waiting, e)
}

// event reads what the message is about; false where that is a thread.
func (c *Connector) event(m *message) (k2i.Event, bool) {
	switch {
	case m.what == procFork && m.pid == m.tgid:
		return c.begin(k2i.EventFork, m), true
	case m.what == procExec:
		return c.begin(k2i.EventExec, m), true
	case m.what == procExit && m.pid == m.tgid:
		return c.end(m, m.status)
	case m.what == procExit:
		if status, ok := c.ending[m.tgid]; ok {
			return c.end(m, status)
		}
	}
	return k2i.Event{}, false
}

func (c *Connector) begin(kind k2i.EventKind, m *message) k2i.Event {
	e := k2i.Event{Kind: kind, At: m.at, Task: m.tgid, Parent: k2i.Key{PID: m.parent}}
	p, err := c.fs.Process(m.tgid)
	if err != nil {
		p, e.Partial = c.unseen(m), true
		if kind == k2i.EventFork {
			p.StartTicks = uint64(m.at) / nsPerTick
		}
	}
	if kind == k2i.EventFork {
		if len(c.starts) >= maxStarts {
			clear(c.starts) // exits were lost
		}
		c.starts[m.tgid] = p.StartTicks
	}
	p.StartNS = p.StartTicks * nsPerTick
	e.Process, e.StartNS = p, p.StartNS
	return e
}

// end is the end of a process whose leader has ended, unless other threads live.
func (c *Connector) end(m *message, status int32) (k2i.Event, bool) {
	e := k2i.Event{Kind: k2i.EventExit, At: m.at, Task: m.tgid, Parent: k2i.Key{PID: m.parent}}
	p, err := c.fs.Process(m.tgid)
	switch {
	case err == nil && p.Threads > 1:
		if len(c.ending) >= maxStarts {
			clear(c.ending)
		}
		c.ending[m.tgid] = status
		return e, false
	case err != nil || p.State != "Z":
		p, e.Partial = c.unseen(m), true
	}
	delete(c.ending, m.tgid)
	delete(c.starts, m.tgid)
	p.StartNS = p.StartTicks * nsPerTick
	p.SetEnd(m.at, status)
	e.Process, e.StartNS = p, p.StartNS
	return e, true
}

// unseen is a process that was gone before it could be read.
func (c *Connector) unseen(m *message) k2i.Process {
	p := k2i.Blank()
	p.PID, p.PPID, p.StartTicks = m.tgid, m.parent, c.starts[m.tgid]
	return p
}
