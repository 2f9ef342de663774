package wire

import (
	"bytes"
	"errors"
	"fmt"
	"reflect"
	"time"

	"github.com/vmihailenco/msgpack/v5"

	"ddcos/k2i"
	"ddcos/k2i/query"
	"ddcos/protocol"
)

// Limits of the bodies.
const (
	MaxRequest = protocol.MaxPayload // bytes; a request is one frame
	MaxAnswer  = protocol.MaxReply   // bytes of one host's answer
	MinGroup   = 64                  // likewise of a group
)

// ErrTooLarge is a body beyond its limit.
var ErrTooLarge = errors.New("body too large")

// EncodeRequest gives req's msgpack.
func EncodeRequest(req Request) []byte {
	req.Version = Version
	return protocol.Encode(req)
}

// DecodeRequest reads what EncodeRequest made and checks the query in it. Every
// byte of b may be an attacker's.
func DecodeRequest(b []byte) (Request, error) {
	if len(b) > MaxRequest {
		return Request{}, fmt.Errorf("request of %d bytes, %d are allowed: %w", len(b), MaxRequest, ErrTooLarge)
	}
	var req Request
	if err := decode(b, requestShape, &req); err != nil {
		return Request{}, fmt.Errorf("request: %w", err)
	}
	if req.Version != Version {
		return Request{}, fmt.Errorf("a question of version %d, this agent answers version %d: dps and k2i are of different releases", req.Version, Version)
	}
	if err := req.Query.Check(); err != nil {
		return Request{}, err
	}
	if req.Connections != nil {
		if err := req.Connections.Check(); err != nil {
			return Request{}, err
		}
	}
	return req, nil
}

// EncodeAnswer gives a's msgpack: maps whose keys are the names of the JSON
// form. Bytes of the kernel that are no UTF-8 become question marks, as ps
// prints them. An answer beyond MaxAnswer is ErrTooLarge; a Limit helps.
func EncodeAnswer(a *Answer) ([]byte, error) {
	return bounded(protocol.Encode(a), len(a.Processes))
}

// Reply is the msgpack of what Respond answers, rows with those fields only that
// the query asks for.
func Reply(snap *k2i.Snapshot, req Request, now time.Time) ([]byte, error) {
	a, found, err := respond(snap, req.Query, now)
	if err != nil {
		return nil, err
	}
	b := protocol.Encode(a)
	b = b[:len(b)-1] // the nil that stands for the rows
	return bounded(columnsFor(req.Query).appendRows(b, found), len(found))
}

func bounded(b []byte, rows int) ([]byte, error) {
	if rows > MaxRows {
		return nil, tooManyRows(rows)
	}
	if len(b) > MaxAnswer {
		return nil, fmt.Errorf("answer of %d processes has %d bytes, %d are allowed; ask with a limit: %w",
			rows, len(b), MaxAnswer, ErrTooLarge)
	}
	return b, nil
}

// DecodeAnswer reads what EncodeAnswer or Reply made of the answer to q, and
// checks it. Every byte of b may be an attacker's: there are no more rows than q
// asks for, nor than MaxRows, they cost at most some tens of times what
// they came in, and hold no number that arithmetic or JSON would stumble over.
func DecodeAnswer(b []byte, q query.Query) (*Answer, error) {
	return DecodeKept(b, Request{Query: q})
}

// DecodeKept is DecodeAnswer that leaves out what the request does not keep.
func DecodeKept(b []byte, req Request) (*Answer, error) {
	if len(b) > MaxAnswer {
		return nil, fmt.Errorf("answer of %d bytes, %d are allowed: %w", len(b), MaxAnswer, ErrTooLarge)
	}
	a := &Answer{BusyCPUs: k2i.NoRate(), Self: k2i.Self{CPUs: k2i.NoRate(), BPFNS: k2i.Unread}}
	if err := decodeBy(b, answerShape, func(d *msgpack.Decoder) error { return a.read(d, req) }); err != nil {
		return nil, fmt.Errorf("answer: %w", err)
	}
	if err := a.check(); err != nil {
		return nil, fmt.Errorf("answer: %w", err)
	}
	return a, nil
}

// The shapes of the bodies.
var (
	requestShape     = protocol.ShapeOf(reflect.TypeFor[Request]())
	answerShape      = protocol.ShapeOf(reflect.TypeFor[Answer]())
	connectionsShape = protocol.ShapeOf(reflect.TypeFor[ConnectionsAnswer]())
)

// decode holds b against the shape of v before the library sees it, which would cut a
// number that is too large and make room for whatever is declared. A value
// takes a byte at least, so the bytes bound the values and the lists.
func decode(b []byte, shape protocol.Shape, v any) error {
	return decodeBy(b, shape, func(d *msgpack.Decoder) error { return d.Decode(v) })
}

// decodeBy is decode where read does it.
func decodeBy(b []byte, shape protocol.Shape, read func(*msgpack.Decoder) error) error {
	if err := shape.Fits(b, len(b), len(b)); err != nil {
		return err
	}
	d := msgpack.GetDecoder()
	defer msgpack.PutDecoder(d)
	d.Reset(bytes.NewReader(b))
	return read(d)
}

// Rows are the processes of an Answer.
type Rows []k2i.Process

// Groups are the groups of an Answer.
type Groups []query.Group

// DecodeMsgpack bounds the groups by the bytes that are left before it makes
// room for them.
func (groups *Groups) DecodeMsgpack(d *msgpack.Decoder) error {
	n, err := d.DecodeArrayLen()
	if err != nil || n < 0 {
		*groups = nil
		return err
	}
	rest, ok := d.Buffered().(*bytes.Reader)
	if !ok || n > rest.Len()/MinGroup {
		return fmt.Errorf("%d groups declared in too few bytes", n)
	}
	*groups = make(Groups, n)
	for i := range *groups {
		one := &(*groups)[i]
		*one = *query.NewGroup("")
		if err := d.Decode(one); err != nil {
			return err
		}
	}
	return nil
}
