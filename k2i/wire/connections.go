package wire

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/vmihailenco/msgpack/v5"

	"ddcos/k2i"
	"ddcos/protocol"
)

// Connections are those of a k2i.Connections, with rows that decode in bounds.
type Connections struct {
	Mode      k2i.Mode       `json:"mode" msgpack:"mode"` // the road of this look
	TookNS    int64          `json:"took_ns" msgpack:"took_ns"`
	Hidden    bool           `json:"hidden" msgpack:"hidden"`       // some processes' files could not be looked at
	Truncated bool           `json:"truncated" msgpack:"truncated"` // there are more than were asked for, or than k2i.MaxConnections
	Rows      ConnectionRows `json:"rows" msgpack:"rows"`           // by pid, then inode
}

// Looker looks now at which process has which TCP connections; filter has passed
// its Check.
type Looker interface {
	Connections(ctx context.Context, filter k2i.ConnectionFilter) (*k2i.Connections, error)
}

// ErrNotLooking is an agent that does not look at connections.
var ErrNotLooking = errors.New("this agent does not look at connections")

// Look answers a request for connections; snap is the newest snapshot, looker nil
// where nobody looks.
func Look(ctx context.Context, looker Looker, snap *k2i.Snapshot, filter k2i.ConnectionFilter, now func() time.Time) (*ConnectionsAnswer, error) {
	if looker == nil {
		return nil, ErrNotLooking
	}
	c, err := looker.Connections(ctx, filter)
	if err != nil {
		return nil, err
	}
	return &ConnectionsAnswer{Head: HeadOf(snap, now()), Connections: Connections{
		Mode: c.Mode, TookNS: c.TookNS, Hidden: c.Hidden, Truncated: c.Truncated, Rows: c.Rows,
	}}, nil
}

// minConnection is how many bytes an encoded connection takes at least: the
// names of its fields alone take more.
const minConnection = 100

// ConnectionRows are the rows of an answer.
type ConnectionRows []k2i.Connection

// DecodeMsgpack bounds the rows by the bytes that are left.
func (rows *ConnectionRows) DecodeMsgpack(d *msgpack.Decoder) error {
	n, err := d.DecodeArrayLen()
	if err != nil || n < 0 {
		*rows = nil
		return err
	}
	rest, ok := d.Buffered().(*bytes.Reader)
	if !ok || n > rest.Len()/minConnection || n > k2i.MaxConnections {
		return fmt.Errorf("%d connections declared in too few bytes", n)
	}
	*rows = make(ConnectionRows, n)
	for i := range *rows {
		if err := d.Decode(&(*rows)[i]); err != nil {
			return err
		}
	}
	return nil
}

// DecodeConnections reads what EncodeBody made of a ConnectionsAnswer. Every byte
// of b may be an attacker's.
func DecodeConnections(b []byte) (*ConnectionsAnswer, error) {
	if len(b) > MaxAnswer {
		return nil, fmt.Errorf("answer of %d bytes, %d are allowed: %w", len(b), MaxAnswer, ErrTooLarge)
	}
	a := &ConnectionsAnswer{Head: Head{BusyCPUs: k2i.NoRate()}}
	if err := decode(b, connectionsShape, a); err != nil {
		return nil, fmt.Errorf("answer: %w", err)
	}
	if a.Host.Name == "" || len(a.Host.Name) > protocol.MaxName {
		return nil, fmt.Errorf("answer: a host's name of %d bytes, want 1 to %d", len(a.Host.Name), protocol.MaxName)
	}
	return a, nil
}
