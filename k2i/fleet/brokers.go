package fleet

import (
	"context"
	"errors"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"ddcos/k2i"
	"ddcos/k2i/wire"
	"ddcos/middlecon"
	"ddcos/protocol"
)

// BrokersSource is every host whose agent has joined the room `k2i` of one broker or
// of several. Agents are to be at all of them; so one is asked for all hosts, and the
// others for those alone that are not there.
type BrokersSource struct {
	deadline time.Duration
	each     []*BrokerSource // the nearest first

	mu   sync.Mutex // guards the rest
	told []BrokerState
}

// BrokerState is what became of one of several brokers in the latest question.
type BrokerState struct {
	Address   string `json:"address"`
	Questions int    `json:"questions"` // that it was asked for all hosts: of all brokers together one, and one more for each that failed
	Hosts     int    `json:"hosts"`     // whom it was asked for, because another broker did not have them
	Err       string `json:"error"`     // why it was of no use; "" where it was, or was not needed
}

// Times of a question to several brokers.
const (
	leastShare = 4                      // the part of the deadline, that a second question has at least,
	leastMost  = 500 * time.Millisecond // up to this; a broker has as long to open a session
	overdue    = 200 * time.Millisecond // that an account may come after its deadline before the next broker is asked
	listWithin = 250 * time.Millisecond // that the other brokers' lists are waited for when the answer is there
)

// singly bounds for how many hosts a broker is asked one by one: more are asked with all others.
const singly = 32

// Brokers reaches the hosts through the brokers at these addresses, with commas
// between, as Broker does through one.
func Brokers(addresses string, deadline time.Duration, options middlecon.Options) *BrokersSource {
	if deadline == 0 {
		deadline = middlecon.DefaultDeadline
	}
	b := &BrokersSource{deadline: deadline}
	if strings.Contains(addresses, ",") {
		options.Timeout = b.least()
	}
	for one := range strings.SplitSeq(addresses, ",") {
		b.each = append(b.each, Broker(strings.TrimSpace(one), deadline, options))
	}
	slices.SortStableFunc(b.each, func(a, b *BrokerSource) int { return remote(a.address) - remote(b.address) })
	return b
}

func remote(address string) int {
	if strings.HasPrefix(address, "unix://") {
		return 0
	}
	return 1
}

// Close ends the sessions with all brokers.
func (b *BrokersSource) Close() error {
	var all []error
	for _, one := range b.each {
		all = append(all, one.Close())
	}
	return errors.Join(all...)
}

// Brokers tells of each of several brokers what became of it in the latest question.
func (b *BrokersSource) Brokers() []BrokerState {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Clone(b.told)
}

// Ask implements Source.
func (b *BrokersSource) Ask(ctx context.Context, req wire.Request) ([]Reply, error) {
	return b.Stream(ctx, req, nil)
}

// Stream implements Streamer. Where a broker fails, also amid the question, the next one is
// asked within what is left of the deadline, a quarter of it at least. Hosts that are
// in another broker's list and gave no answer by the first are asked there; those that
// none can reach keep what the first said of them. The error is for when no broker answers.
func (b *BrokersSource) Stream(ctx context.Context, req wire.Request, each func(Reply) Reply) ([]Reply, error) {
	if len(b.each) == 1 {
		return b.each[0].Stream(ctx, req, each)
	}
	q := b.question(ctx, req, each)
	defer q.cancel()
	for i := range b.each {
		q.list(i)
	}
	asked, replies, err := q.first()
	if err == nil {
		replies = q.complete(asked, replies)
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.told = q.states
	return replies, err
}

// asking is one question to several brokers.
type asking struct {
	*BrokersSource
	ctx    context.Context
	cancel context.CancelFunc
	req    wire.Request
	until  time.Time
	asked  choice
	states []BrokerState
	lists  []chan listing // by broker

	handed handed
}

// handed are the hosts whose answers were handed on: each once, however many brokers
// it was asked by.
type handed struct {
	each func(Reply) Reply
	mu   sync.Mutex // guards by
	by   map[string]Reply
}

// pass hands an answer on, if its host's was not yet, and gives what is left of it.
// That of a host which failed may be better by another broker.
func (a *handed) pass(r Reply) Reply {
	if r.Status != StatusOK {
		return r
	}
	a.mu.Lock()
	was, known := a.by[r.Host]
	if !known {
		a.by[r.Host] = r // nobody else hands it on meanwhile
	}
	a.mu.Unlock()
	if known {
		return was
	}
	r = passed(a.each, r)
	a.mu.Lock()
	defer a.mu.Unlock()
	a.by[r.Host] = r
	return r
}

// listing is who is in the room of a broker, or why that is not known.
type listing struct {
	view *middlecon.View
	err  error
}

// among puts answers that came by a broker which failed then among those of the next.
func (a *handed) among(replies []Reply) []Reply {
	a.mu.Lock()
	defer a.mu.Unlock()
	missing := maps.Clone(a.by)
	for i := range replies {
		if r, ok := missing[replies[i].Host]; ok {
			replies[i] = r
			delete(missing, r.Host)
		}
	}
	return slices.AppendSeq(replies, maps.Values(missing))
}

func (b *BrokersSource) question(ctx context.Context, req wire.Request, each func(Reply) Reply) *asking {
	q := &asking{
		BrokersSource: b, req: req, asked: choiceOf(req.Query), handed: handed{each: each, by: map[string]Reply{}}, until: time.Now().Add(b.deadline), states: make([]BrokerState, len(b.each)), lists: make([]chan listing, len(b.each)),
	}
	q.ctx, q.cancel = context.WithCancel(ctx)
	for i, one := range b.each {
		q.states[i].Address = one.address
	}
	return q
}

// list asks a broker for its hosts, beside everything else.
func (q *asking) list(i int) {
	q.lists[i] = make(chan listing, 1)
	go func() {
		conn, err := q.each[i].session(q.ctx)
		if err != nil {
			q.lists[i] <- listing{err: err}
			return
		}
		view, err := conn.Members(q.ctx, wire.Room)
		q.lists[i] <- listing{view, err}
	}()
}

// least is what a question may take however late it is.
func (b *BrokersSource) least() time.Duration { return min(b.deadline/leastShare, leastMost) }

// left is what a question may take now.
func (q *asking) left() time.Duration { return max(time.Until(q.until), q.least()) }

// first asks one broker after the other until one answers for all hosts.
func (q *asking) first() (asked int, replies []Reply, err error) {
	var failed []error
	for i, one := range q.each {
		conn, err := one.session(q.ctx)
		if err == nil {
			q.states[i].Questions++
			left := q.left()
			ctx, cancel := context.WithTimeout(q.ctx, left+overdue)
			replies, err = one.all(ctx, conn, q.req, left, q.handed.pass)
			cancel()
		}
		if err == nil {
			return i, replies, nil
		}
		q.states[i].Err = err.Error()
		failed = append(failed, err)
		if !elsewhere(err) || q.ctx.Err() != nil {
			return i, nil, err
		}
	}
	return 0, nil, errors.Join(failed...)
}

// elsewhere tells whether another broker may answer where one said this.
func elsewhere(err error) bool {
	var told *protocol.Error
	if !errors.As(err, &told) {
		return true // it is gone, or stuck
	}
	switch told.Code {
	case protocol.CodeShuttingDown, protocol.CodeOverloaded, protocol.CodeTooManyCalls, protocol.CodeTooManySessions, protocol.CodeTooManyDeliveries, protocol.CodeInternal, protocol.CodeUnresponsive:
		return true
	}
	return errors.Is(err, middlecon.ErrUnreachable)
}

// complete asks the other brokers for the hosts that gave no answer by the first: those
// that it lost or does not know, and that are in another's list.
func (q *asking) complete(asked int, replies []Reply) []Reply {
	replies = q.handed.among(replies)
	at, ids := map[string]int{}, map[k2i.HostID]string{}
	for i := range replies {
		at[replies[i].Host] = i
		if a := replies[i].Answer; a != nil {
			ids[a.Host.ID] = replies[i].Host
		}
	}
	late := time.After(listWithin)
	for i := range q.each {
		if i == asked {
			continue
		}
		var list listing
		select {
		case list = <-q.lists[i]:
		case <-late:
			list.err = errors.New("it does not tell which hosts it has")
		}
		if list.err != nil {
			if q.states[i].Err == "" {
				q.states[i].Err = list.err.Error()
			}
			if list.view == nil {
				continue
			}
		}
		wanted := q.wanted(list.view, replies, at)
		q.states[i].Hosts += len(wanted)
		for _, r := range q.reask(i, wanted) {
			if a := r.Answer; a != nil {
				if name, known := ids[a.Host.ID]; known && name != r.Host {
					continue // it is there by another name already
				}
				ids[a.Host.ID] = r.Host
			}
			if n, known := at[r.Host]; !known {
				at[r.Host] = len(replies)
				replies = append(replies, r)
			} else if r.Status == StatusOK || replies[n].Status == StatusAbsent && r.Status != StatusAbsent {
				replies[n] = r
			}
		}
		for j := range list.view.Absent {
			if gone := &list.view.Absent[j]; !has(at, gone.Name) && q.on(gone.Name) {
				at[gone.Name] = len(replies)
				replies = append(replies, absentReply(gone))
			}
		}
	}
	return replies
}

func has(at map[string]int, name string) bool {
	_, ok := at[name]
	return ok
}

// wanted are the hosts of a broker's list that the question is about and that gave no
// answer yet, though they may do so by this broker.
func (q *asking) wanted(view *middlecon.View, replies []Reply, at map[string]int) []string {
	var names []string
	for i := range view.Joined {
		m := &view.Joined[i]
		n, known := at[m.Name]
		if known && !curable(replies[n].Status) || !q.on(m.Name) || !labelled(m.Labels, q.req.Query.Labels) {
			continue
		}
		names = append(names, m.Name)
	}
	return names
}

// curable are the ways in which one broker did not reach a host that say nothing of
// whether another would.
func curable(s Status) bool {
	switch s {
	case StatusAbsent, Status(protocol.NotSent.String()), Status(protocol.LostAfterSend.String()), Status(protocol.Left.String()),
		Status(protocol.Overflow.String()), Status(protocol.UnreachableBroker.String()):
		return true
	}
	return false
}

func labelled(has, want map[string]string) bool {
	for k, v := range want {
		if got, ok := has[k]; !ok || got != v {
			return false
		}
	}
	return true
}

// on tells whether the question is about that host.
func (q *asking) on(name string) bool { return q.asked.hosts.Match(name) }

// reask asks a broker for some of its hosts.
func (q *asking) reask(i int, names []string) []Reply {
	if len(names) == 0 {
		return nil
	}
	conn, err := q.each[i].session(q.ctx)
	if err != nil {
		q.states[i].Err = err.Error()
		return q.unreached(names, err)
	}
	if len(names) > singly {
		replies, err := q.each[i].all(q.ctx, conn, q.req, q.left(), q.handed.pass)
		if err != nil {
			q.states[i].Err = err.Error()
			return q.unreached(names, err)
		}
		return slices.DeleteFunc(replies, func(r Reply) bool { return !slices.Contains(names, r.Host) })
	}
	replies := make([]Reply, len(names))
	var group sync.WaitGroup
	for n, name := range names {
		group.Go(func() { replies[n] = q.handed.pass(q.each[i].one(q.ctx, conn, name, q.req, q.left())) })
	}
	group.Wait()
	return replies
}

// unreached names the hosts that a broker had and could not be asked for.
func (q *asking) unreached(names []string, err error) []Reply {
	var all []Reply
	for _, name := range names {
		all = append(all, Reply{Host: name, Status: Status(protocol.UnreachableBroker.String()), Err: firstLine(err.Error())})
	}
	return all
}
