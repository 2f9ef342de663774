package broker

import (
	"log/slog"
	"strings"
	"time"
	"unique"

	"ddcos/middlecon/policy"
	"ddcos/middlecon/room"
	"ddcos/protocol"
)

// gate is the one place where it is decided what a session may ask for. It
// remembers what the policy said, for as long as that policy holds.
type gate struct {
	policy   *policy.Policy
	known    map[unique.Handle[room.Peer]]*granted
	decided  int    // answers in known
	refused  uint64 // requests
	expelled uint64 // memberships, watches and sessions

	log    *slog.Logger
	told   time.Duration // when the log was told of a refusal
	untold int           // refusals since
}

// What is remembered is forgotten, all of it, when it is so much: answers for peers
// that differ, and for rooms.
const (
	peersKnown   = 4096
	answersKnown = 1 << 16
)

// granted is what is known of one kind of peer.
type granted struct {
	subject policy.Subject
	roles   string // all, with a space between
	answers map[asking]*protocol.Error
}

// asking is what a peer may ask for, or not.
type asking struct {
	verb policy.Verb
	room string
}

func newGate(p *policy.Policy, log *slog.Logger) gate {
	if p == nil {
		p = policy.Default()
	}
	g := gate{log: log}
	g.follow(p)
	return g
}

// follow makes the policy the one that holds.
func (g *gate) follow(p *policy.Policy) {
	g.policy = p
	g.forget()
}

func (g *gate) forget() {
	g.known, g.decided = make(map[unique.Handle[room.Peer]]*granted), 0
}

// of is what is known of a peer.
func (g *gate) of(kin unique.Handle[room.Peer]) *granted {
	if k := g.known[kin]; k != nil {
		return k
	}
	if len(g.known) >= peersKnown {
		g.forget()
	}
	peer := kin.Value()
	k := &granted{subject: policy.Subject{Principal: string(peer.Principal), Role: peer.Roles}, answers: make(map[asking]*protocol.Error)}
	k.roles = strings.Join(g.policy.Roles(k.subject), " ")
	g.known[kin] = k
	return k
}

// refuses is why a peer may not do that, or nil.
func (g *gate) refuses(kin unique.Handle[room.Peer], a asking) *protocol.Error {
	k := g.of(kin)
	err, known := k.answers[a]
	if known {
		return err
	}
	if a.verb.OfRoom() {
		if wrong := protocol.CheckName(a.room); wrong != nil {
			return protocol.Errorf(protocol.CodeBadName, "%.140q is no room's name", a.room)
		}
	}
	if d := g.policy.Allows(k.subject, a.verb, a.room); !d.Allowed {
		err = forbidden(k.subject, a)
	}
	if g.decided++; g.decided > answersKnown {
		g.forget()
		g.decided = 1
		k = g.of(kin)
	}
	k.answers[asking{verb: a.verb, room: strings.Clone(a.room)}] = err
	return err
}

// forbidden says no. It does not say which rule: that is for those who may read the
// policy.
func forbidden(s policy.Subject, a asking) *protocol.Error {
	if a.verb == policy.Drain {
		return protocol.Errorf(protocol.CodeForbidden, "%s may not drain the broker: root, the broker's own user and whom its policy gives drain may", s.Principal)
	}
	if a.room == "" {
		return protocol.Errorf(protocol.CodeForbidden, "%s may not: %s", s.Principal, a.verb)
	}
	return protocol.Errorf(protocol.CodeForbidden, "%s may not %s in %q", s.Principal, a.verb, a.room)
}

// refusalsEvery is how often the log is told of a refusal.
const refusalsEvery = time.Second

// refuse counts a refusal, and tells the log of one a second.
func (g *gate) refuse(kin unique.Handle[room.Peer], pid int32, a asking, now time.Duration) {
	g.refused++
	if g.told > 0 && now-g.told < refusalsEvery {
		g.untold++
		return
	}
	k := g.of(kin)
	g.log.Warn("forbidden", "principal", k.subject.Principal, "host", kin.Value().Host, "pid", pid, "verb", a.verb.String(), "room", a.room,
		"why", g.policy.Allows(k.subject, a.verb, a.room).Why, "untold", g.untold)
	g.told, g.untold = max(now, 1), 0
}

// wants is what an event of a session asks for. What gives up, or answers what the broker
// itself has sent to that very session, asks for nothing: free.
func (b *Broker) wants(e room.Event) (a asking, free bool) {
	switch e := e.(type) {
	case room.Join:
		return asking{policy.Join, e.Body.Room}, false
	case room.Call:
		if e.Member != 0 || e.Body.To != "" {
			return asking{policy.Send, e.Body.Room}, false
		}
		return asking{policy.Call, e.Body.Room}, false
	case room.Publish:
		return asking{policy.Publish, e.Body.Room}, false
	case room.Will:
		if e.Body.Room == "" { // it takes one back
			return asking{}, true
		}
		return asking{policy.Publish, e.Body.Room}, false
	case room.Offer:
		return asking{policy.Offer, e.Body.Room}, false
	case room.Watch:
		return asking{policy.Watch, e.Body.Room}, false
	case room.Forget:
		return asking{policy.Manage, e.Body.Room}, false
	case room.SetState: // where it is no member, the rooms refuse it
		name, in := b.rooms.NameOf(e.Session, e.Room)
		return asking{policy.Join, name}, !in
	case room.Bid: // likewise
		name, in := b.rooms.NameOf(e.Session, e.Room)
		return asking{policy.Claim, name}, !in
	case room.Leave, room.Cancel, room.Receipt, room.Reply:
		return asking{}, true
	}
	panic("broker: nobody has said what this event asks for") // its type would make every event escape
}

// mayAsk tells whether a session may ask for that, and if not tells it so.
func (b *Broker) mayAsk(s *session, sequence uint64, a asking) bool {
	err := b.gate.refuses(s.kin, a)
	if err == nil {
		return true
	}
	if err.Code == protocol.CodeForbidden {
		b.gate.refuse(s.kin, s.pid, a, b.clock)
		b.statsMeta = nil
	}
	b.fail(s, sequence, err)
	return false
}

// ask tells the rooms of what a session asks for, if it may. It is the only way from a
// frame to the rooms.
func (b *Broker) ask(s *session, sequence uint64, e room.Event) {
	if a, free := b.wants(e); free || b.mayAsk(s, sequence, a) {
		b.tell(e)
	}
}

// peer is what is known of who is behind a session, with all its roles: what members
// are told of it.
func (b *Broker) peer(s *session) room.Peer {
	p := s.peer()
	p.Roles = b.gate.of(s.kin).roles
	return p
}
