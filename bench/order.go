package bench

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"time"

	"golang.org/x/sync/errgroup"

	"ddcos/middlecon"
	"ddcos/protocol"
)

// maxCallers bounds the sessions that call at once.
const maxCallers = 256

// OrderOptions say what [Order] measures.
type OrderOptions struct {
	Setting
	Members int // in one room, a socket each
	Callers int // that call them at the same time, a session each, one call after the other
	Calls   int // of each caller
	Bytes   int // of the payload; a reply has 8 more
}

// DefaultOrderOptions has sixteen callers at once.
func DefaultOrderOptions() OrderOptions {
	o := OrderOptions{Setting: DefaultSetting(), Members: 100, Callers: 16, Calls: 200, Bytes: 64}
	o.Peers = nil
	return o
}

// check refuses what cannot be measured.
func (o OrderOptions) check() error {
	switch {
	case o.Callers < 1 || o.Callers > maxCallers:
		return fmt.Errorf("%w: %d callers; 1 to %d are possible", ErrOptions, o.Callers, maxCallers)
	case o.Calls < 1 || o.Calls > maxCalls/o.Callers:
		return fmt.Errorf("%w: %d calls of each caller; 1 to %d are possible", ErrOptions, o.Calls, maxCalls/o.Callers)
	case o.Bytes < 0 || o.Bytes > maxBytes:
		return fmt.Errorf("%w: %d bytes; 0 to %d are possible", ErrOptions, o.Bytes, maxBytes)
	}
	return o.Setting.check(o.Members)
}

// Order has many callers call the same members at once and holds what these say to the promise of
// one order: each member tells which of its deliveries a call was, and all must tell the same.
func Order(ctx context.Context, o OrderOptions) error { return o.publish(ctx, o.once) }

func (o OrderOptions) once(ctx context.Context) (found *result, err error) {
	if err := o.check(); err != nil {
		return nil, err
	}
	count := func(s *system) { s.counts = true }
	err = o.measure(ctx, o.Members, count, func(subjects []*subject) error {
		s := subjects[0]
		var conns []*middlecon.Conn
		defer func() {
			for _, c := range conns {
				_ = c.Close()
			}
		}()
		for range o.Callers {
			c, err := middlecon.Dial(ctx, s.address.String(), middlecon.Options{Software: "bench order"})
			if err != nil {
				return s.why(err)
			}
			conns = append(conns, c)
		}
		calls, took, err := o.callAll(ctx, conns)
		if err != nil {
			return s.why(err)
		}
		inverted, err := inversions(calls)
		if err != nil {
			return err
		}
		title := fmt.Sprintf("%d callers at once call the same %d members over %s, %d calls each; members tell in which order they came.",
			o.Callers, o.Members, o.Transport, o.Calls)
		found = &result{title: title, figures: []Figure{
			{Name: "order-inversions", Value: float64(inverted), Unit: "calls"},
			{Name: "order-rate", Value: float64(len(calls)) / took.Seconds(), Unit: "1/s"},
			{Name: "order-deliveries", Value: float64(len(calls)*o.Members) / took.Seconds(), Unit: "1/s"},
		}}
		return nil
	})
	return found, err
}

// positions are which delivery a call was to each member, in the account's order.
type positions []uint64

// callAll lets each connection make its calls, all at once. The calls of one caller follow each
// other in what it returns.
func (o OrderOptions) callAll(ctx context.Context, conns []*middlecon.Conn) ([]positions, time.Duration, error) {
	calls := make([]positions, len(conns)*o.Calls)
	payload := bytes.Repeat([]byte{'x'}, o.Bytes)
	began := time.Now()
	group, ctx := errgroup.WithContext(ctx)
	for i, conn := range conns {
		group.Go(func() error {
			for j := range o.Calls {
				a, err := conn.Call(ctx, callRoom, payload, middlecon.CallOptions{Deadline: callDeadline})
				if err != nil {
					return err
				}
				if calls[i*o.Calls+j], err = readPositions(a, o.Members, payload); err != nil {
					return err
				}
			}
			return nil
		})
	}
	err := group.Wait()
	return calls, time.Since(began), err
}

// readPositions takes from a whole account what each member told.
func readPositions(a *middlecon.Account, members int, payload []byte) (positions, error) {
	if len(a.Outcomes) != members || !a.Met {
		return nil, fmt.Errorf("%w: %d outcomes of %d members, met %v", ErrAccount, len(a.Outcomes), members, a.Met)
	}
	told := make(positions, 0, members)
	for i := range a.Outcomes {
		o := &a.Outcomes[i]
		rest, found := bytes.CutPrefix(o.Reply, payload)
		if o.Outcome != protocol.OK || !found || len(rest) != 8 {
			return nil, fmt.Errorf("%w: member %s is %s and replied %d bytes", ErrAccount, o.Name, o.Outcome, len(o.Reply))
		}
		told = append(told, binary.BigEndian.Uint64(rest))
	}
	return told, nil
}

// inversions counts the calls that not all members had at the same position. That a member tells a
// position twice, or one that cannot be, is an error: it was sent a call twice, or not at all.
func inversions(calls []positions) (count int, err error) {
	if len(calls) == 0 {
		return 0, nil
	}
	for member := range calls[0] {
		seen := make([]bool, len(calls)+1)
		for _, told := range calls {
			at := told[member]
			if at < 1 || at > uint64(len(calls)) || seen[at] {
				return 0, fmt.Errorf("%w: member %d had delivery %d of %d twice, or none of that number", ErrAccount, member, at, len(calls))
			}
			seen[at] = true
		}
	}
	for _, told := range calls {
		for _, at := range told {
			if at != told[0] {
				count++
				break
			}
		}
	}
	return count, nil
}
