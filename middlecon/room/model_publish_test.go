package room

import (
	"fmt"
	"strings"
	"testing"

	"ddcos/protocol"
)

// publish wants the message to go to whom a call would, in the order of the calls.
func (m *model) publish(e Publish, effects []Effect) {
	as := Call{Member: e.Member, Body: protocol.Call{Room: e.Body.Room, Labels: e.Body.Labels, State: e.Body.State, To: e.Body.To}}
	if code := m.refuseTarget(as); code != 0 {
		m.refuse(e.Session, code)
		return
	}
	if m.broke(e.Peer.Principal) {
		m.stats.Throttled++
		m.refuse(e.Session, protocol.CodeTooManyDeliveries)
		return
	}
	m.stats.Published++
	var to []SessionID
	for _, o := range m.in(e.Body.Room) {
		if o.isFor(as) {
			to = append(to, o.session)
		}
	}
	m.spend(e.Peer.Principal, len(to))
	number := CallID(0)
	if len(to) > 0 {
		m.lastCall++
		number = m.lastCall
	}
	m.want.answers = append(m.want.answers, strings.TrimSpace(fmt.Sprintf("message %d by %d to %s", number, e.Session, sessions(to))))
	message, _ := effects[len(effects)-1].(Message)
	want := protocol.Deliver{}
	if in := m.rooms[e.Body.Room]; in != nil {
		want = protocol.Deliver{View: in.view, Host: e.Peer.Host, PID: e.Peer.PID, Principal: string(e.Peer.Principal), Roles: e.Peer.Roles}
	}
	if message.Body != want || len(to) > 0 && message.Room != m.number(e.Body.Room) || string(message.Payload) != string(e.Payload) {
		m.fail("identity", "message %+v, want %+v", message, want)
	}
}

func (w *world) publish() Publish {
	c := w.call()
	return Publish{
		Session: c.Session, Sequence: c.Sequence, Peer: c.Peer, Member: c.Member, Payload: []byte{1},
		Body: protocol.Publish{Room: c.Body.Room, Labels: c.Body.Labels, State: c.Body.State, To: c.Body.To},
	}
}

func TestPublish(t *testing.T) {
	for name, text := range map[string]string{
		"to all, in one order with the calls": `
			join 1 ann           -> joined 1 room=1 view=1
			join 2 bob           -> joined 2 room=1 view=2
			publish 9            -> message 1 by 9 to 1,2
			call 9               -> deliver 2 to 1,2
			publish 9            -> message 3 by 9 to 1,2
			reply 1 1 ok
			reply 1 2 ok
			reply 2 2 ok         -> finished 9 seq=1 view=2/2 met ann=ok bob=ok`,
		"to those that it selects": `
			join 1 ann rack=1    -> joined 1 room=1 view=1
			join 2 bob rack=2    -> joined 2 room=1 view=2
			publish 9 rack=2     -> message 1 by 9 to 2
			publish 9 to=ann     -> message 2 by 9 to 1
			publish 9 rack=3     -> message 0 by 9 to
			publish 9 to=eve     -> failed 9 no_such_member
			publish 9 in=x       -> message 0 by 9 to`,
	} {
		t.Run(name, func(t *testing.T) {
			r := runHistory(t, DefaultLimits(), text)
			if s := r.Stats(); s.Accepted != s.Finished+uint64(s.InFlight) || s.Published == 0 {
				t.Errorf("%+v", s)
			}
		})
	}
}
