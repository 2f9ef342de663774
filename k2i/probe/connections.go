package probe

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"os"

	cilium "github.com/cilium/ebpf"
	"github.com/cilium/ebpf/link"
	"golang.org/x/sys/unix"

	"ddcos/ebpf"
	"ddcos/k2i"
)

// Connections is the loaded iterator over the sockets of all processes. Its
// methods are for one goroutine.
type Connections struct {
	program *cilium.Program
	iter    *link.Iter
	stream  stream
}

// OpenConnections loads the iterator. Its error wraps ErrRefused where the kernel
// or the caller's rights do not allow it.
func OpenConnections() (*Connections, error) {
	var o struct {
		Sockets *cilium.Program `ebpf:"sockets"`
	}
	spec, err := ebpf.LoadSockets()
	if err != nil {
		return nil, fmt.Errorf("compiled BPF object: %w", err)
	}
	if err := spec.LoadAndAssign(&o, nil); err != nil {
		return nil, refusal(err)
	}
	iter, err := link.AttachIter(link.IterOptions{Program: o.Sockets})
	if err != nil {
		_ = o.Sockets.Close() // the refusal is what the caller has to know
		return nil, refusal(err)
	}
	return &Connections{program: o.Sockets, iter: iter}, nil
}

// Close unloads it.
func (c *Connections) Close() error { return errors.Join(c.iter.Close(), c.program.Close()) }

// errEnough ends a pass early.
var errEnough = errors.New("enough")

// socketKey is one socket of one process, which may have several descriptors of it.
type socketKey struct {
	pid   int32
	inode uint64
}

// Read makes one pass over the open files of all processes of the caller's PID
// namespace, whatever their network namespace. It looks at ctx between two reads
// of the kernel, each of which is short.
func (c *Connections) Read(ctx context.Context, filter *k2i.ConnectionFilter) (rows []k2i.Connection, truncated bool, err error) {
	r, err := c.iter.Open()
	if err != nil {
		return nil, false, fmt.Errorf("sockets: %w", err)
	}
	defer func() { _ = r.Close() }() // it was only read
	seen := map[socketKey]bool{}
	err = c.stream.each(&patient{ctx, r}, func(kind ebpf.TasksRecordKind, record []byte) error {
		var s ebpf.SocketsSocketRecord
		if kind != ebpf.TasksRecordKindRECORD_SOCKET || !decode(&s, record) {
			return fmt.Errorf("record of kind %d does not belong here", kind)
		}
		row := connection(&s)
		key := socketKey{row.PID, row.Inode}
		if !filter.Wants(&row) || seen[key] {
			return nil
		}
		if len(rows) == filter.Most() {
			return errEnough
		}
		seen[key] = true
		rows = append(rows, row)
		return nil
	})
	if errors.Is(err, errEnough) {
		return rows, true, nil
	}
	return rows, false, err
}

// patient reads until ctx ends. An iterator that found nothing to tell of a
// million files gives way with EAGAIN.
type patient struct {
	ctx context.Context
	r   io.Reader
}

func (p *patient) Read(b []byte) (int, error) {
	for {
		if err := p.ctx.Err(); err != nil {
			return 0, err
		}
		n, err := p.r.Read(b)
		if n > 0 || !errors.Is(err, unix.EAGAIN) && !errors.Is(err, os.ErrDeadlineExceeded) {
			return n, err
		}
	}
}

// connection is a record in words.
func connection(s *ebpf.SocketsSocketRecord) k2i.Connection {
	c := k2i.Connection{
		PID: s.Pid, StartTicks: s.StartNs / nsPerTick, StartNS: s.StartNs, Comm: string(cString(s.Comm[:])), FD: s.Fd,
		NetNS: uint64(s.Netns), State: k2i.TCPState(uint8(s.State)), UID: s.Uid, Inode: s.Inode,
		RxBytes: counter(s.RxBytes), TxBytes: counter(s.TxBytes),
	}
	address := func(b [16]byte) netip.Addr {
		if s.Family == unix.AF_INET {
			return netip.AddrFrom4([4]byte(b[:4]))
		}
		return netip.AddrFrom16(b)
	}
	c.SetEnds(netip.AddrPortFrom(address(s.Local), s.LocalPort), netip.AddrPortFrom(address(s.Remote), s.RemotePort))
	return c
}
