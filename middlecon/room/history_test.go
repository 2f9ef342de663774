package room

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"ddcos/protocol"
)

// A history is one event a line, with the effects that it must have behind an
// arrow (none where there is no arrow):
//
//	[@TIME] EVENT SESSION … [-> EFFECT; EFFECT]
//
//	join 1 ann rack=7 [in=ROOM]      call 9 [need=2] [for=1s] [seq=5] [rack=7] [to=ann] [member=1] [wait=2/1s] [in=ROOM]
//	leave 1 [room=NUMBER]            sent 1 CALL      overflow 1 CALL
//	lost 1                           receipt 1 CALL   reply 1 CALL ok TEXT [more]
//	watch 5 [seq=1] [once]           cancel 9 SEQUENCE               forget 5 [ann]     tick     behind
//	offer 9 [window=10ms] [for=1s] [seq=5] [rack=7] [wait=2/1s]      bid 1 CALL [cost=5]
//	sent 1 CALL bind                 overflow 1 CALL bind
//	publish 9 [rack=7] [state=ready:yes] [to=ann] [in=ROOM]
//	home 9 (its first account is read; without any such line all are at once)
//	state 1 [ready=yes] [room=NUMBER]
//
// The room is "r", number 1, and the deadline 1 s where nothing else is told.
type history struct {
	t    *testing.T
	r    *Rooms
	now  time.Duration
	line string
	kept []*Account
}

// runHistory plays text against rooms with these limits.
func runHistory(t *testing.T, limits Limits, text string) *Rooms {
	t.Helper()
	h := &history{t: t, r: New(1, limits)}
	for line := range strings.Lines(text) {
		if h.line = strings.TrimSpace(line); h.line == "" {
			continue
		}
		event, want, _ := strings.Cut(h.line, "->")
		words := strings.Fields(event)
		if at, ok := strings.CutPrefix(words[0], "@"); ok {
			h.now, words = h.duration(at), words[1:]
		}
		if words[0] == "home" {
			h.home(SessionID(h.number(words[1])))
			continue
		}
		var got []string
		for _, e := range h.r.Step(h.now, h.event(words)) {
			got = append(got, describe(e))
			if finished, ok := e.(Finished); ok && !strings.Contains(text, "home ") {
				h.r.Release(finished.Account)
			} else if ok {
				h.kept = append(h.kept, finished.Account)
			}
		}
		if got := strings.Join(got, "; "); got != strings.TrimSpace(want) {
			t.Errorf("%s\n got %s", h.line, got)
		}
	}
	return h.r
}

// home releases the first account that was kept for a session.
func (h *history) home(s SessionID) {
	i := slices.IndexFunc(h.kept, func(a *Account) bool { return a.Session == s })
	h.r.Release(h.kept[i])
	h.kept = slices.Delete(h.kept, i, i+1)
}

func (h *history) duration(s string) time.Duration {
	d, err := time.ParseDuration(s)
	if err != nil {
		h.t.Fatalf("%s: %v", h.line, err)
	}
	return d
}

func (h *history) number(s string) uint64 {
	n, err := strconv.ParseUint(s, 10, 64)
	if err != nil {
		h.t.Fatalf("%s: %v", h.line, err)
	}
	return n
}

// options are the key=value words; those with no meaning of their own are labels.
type options struct {
	in, need   string
	to, member string
	wait       string // MEMBERS/TIME
	length     time.Duration
	seq        uint64
	room       uint32
	more, once bool
	partial    bool
	bind       bool
	window     time.Duration
	cost       uint64
	labels     map[string]string
	state      map[string]string
}

func (h *history) options(words []string) options {
	o := options{in: "r", need: "all", length: time.Second, seq: 1, room: 1}
	for _, w := range words {
		key, value, _ := strings.Cut(w, "=")
		switch key {
		case "in":
			o.in = value
		case "need":
			o.need = value
		case "to":
			o.to = value
		case "state":
			key, value, _ := strings.Cut(value, ":")
			o.state = map[string]string{key: value}
		case "wait":
			o.wait = value
		case "member":
			o.member = value
		case "for":
			o.length = h.duration(value)
		case "seq":
			o.seq = h.number(value)
		case "room":
			o.room = uint32(h.number(value))
		case "bind":
			o.bind = true
		case "window":
			o.window = h.duration(value)
		case "cost":
			o.cost = h.number(value)
		case "partial":
			o.partial = true
		case "more":
			o.more = true
		case "once":
			o.once = true
		default:
			if o.labels == nil {
				o.labels = make(map[string]string)
			}
			o.labels[key] = value
		}
	}
	return o
}

func (h *history) event(words []string) Event {
	if words[0] == "behind" {
		return Behind{}
	}
	if words[0] == "tick" {
		return Tick{}
	}
	words = append(words, "", "", "") // optional words may be missing
	s := SessionID(h.number(words[1]))
	peer := Peer{Host: "h" + words[1], PID: int32(s), Principal: "p"}
	trimmed := strings.Fields(strings.Join(words, " "))
	switch words[0] {
	case "join":
		o := h.options(trimmed[3:])
		return Join{Session: s, Sequence: o.seq, Peer: peer, Body: protocol.Join{Room: o.in, Name: words[2], Labels: o.labels}}
	case "leave":
		return Leave{Session: s, Sequence: 1, Room: h.options(trimmed[2:]).room}
	case "lost":
		return Lost{Session: s, Why: "reset"}
	case "call":
		o := h.options(trimmed[2:])
		return h.call(Call{Session: s, Sequence: o.seq, Peer: peer, Budget: o.length}, o)
	case "offer":
		o := h.options(trimmed[2:])
		c := h.call(Call{Session: s, Sequence: o.seq, Peer: peer, Budget: o.length}, o)
		return Offer{Session: s, Sequence: o.seq, Peer: peer, Budget: o.length, Payload: c.Payload, Body: protocol.Offer{
			Room: o.in, Labels: o.labels, State: o.state, Wait: c.Body.Wait, WaitUS: c.Body.WaitUS, WindowUS: uint32(o.window.Microseconds()),
		}}
	case "publish":
		o := h.options(trimmed[2:])
		return Publish{Session: s, Sequence: o.seq, Peer: peer, Body: protocol.Publish{Room: o.in, Labels: o.labels, State: o.state, To: o.to}}
	case "state":
		o := h.options(trimmed[2:])
		return SetState{Session: s, Sequence: o.seq, Room: o.room, Body: protocol.State{State: o.labels}}
	case "watch":
		o := h.options(trimmed[2:])
		return Watch{Session: s, Sequence: o.seq, Body: protocol.Watch{Room: o.in, Once: o.once}}
	case "forget":
		return Forget{Session: s, Sequence: 1, Body: protocol.Forget{Room: "r", Name: words[2]}}
	case "cancel":
		return Cancel{Session: s, Sequence: h.number(words[2])}
	}
	return h.memberEvent(words, trimmed, s, CallID(h.number(words[2])))
}

func (h *history) call(c Call, o options) Call {
	rule, err := protocol.ParseRule(o.need)
	if err != nil {
		h.t.Fatalf("%s: %v", h.line, err)
	}
	if o.member != "" {
		c.Member = protocol.NewMemberID(1, h.number(o.member))
	}
	c.Body = protocol.Call{Room: o.in, Rule: rule.Kind, N: rule.N, Key: rule.Key, Value: rule.Value, Labels: o.labels, State: o.state, To: o.to, Partial: o.partial}
	if members, length, ok := strings.Cut(o.wait, "/"); ok {
		c.Body.Wait, c.Body.WaitUS = uint32(h.number(members)), uint32(h.duration(length).Microseconds())
		c.Payload = []byte("waits")
	}
	return c
}

// memberEvent is what happens to one member's slot in a call.
func (h *history) memberEvent(words, trimmed []string, s SessionID, c CallID) Event {
	o := h.options(trimmed[3:])
	switch words[0] {
	case "sent":
		return Sent{Session: s, Call: c, Bind: o.bind}
	case "overflow":
		return Overflow{Session: s, Call: c, Bind: o.bind}
	case "bid":
		return Bid{Session: s, Call: c, Room: o.room, Cost: o.cost}
	case "receipt":
		return Receipt{Session: s, Call: c, Room: o.room}
	case "reply":
		outcomes := map[string]protocol.Outcome{"ok": protocol.OK, "app_error": protocol.AppError, "refused": protocol.Refused, "timeout": protocol.Timeout}
		text := words[4]
		if strings.Contains(text, "=") || text == "more" {
			text = ""
		}
		return Reply{Session: s, Call: c, Room: o.room, Outcome: outcomes[words[3]], Part: []byte(text), More: o.more}
	}
	h.t.Fatalf("%s: unknown event", h.line)
	return nil
}

// describe is an effect as a history tells it.
func describe(e Effect) string {
	switch e := e.(type) {
	case Joined:
		return fmt.Sprintf("joined %d room=%d view=%d", e.Session, e.Room, e.View)
	case LeftRoom:
		return fmt.Sprintf("left %d room=%d", e.Session, e.Room)
	case Expelled:
		return fmt.Sprintf("expelled %d room=%d %s", e.Session, e.Room, e.Err.Code)
	case Stated:
		return fmt.Sprintf("stated %d version=%d", e.Session, e.Version)
	case Forgot:
		return fmt.Sprintf("forgot %d count=%d", e.Session, e.Count)
	case Failed:
		return fmt.Sprintf("failed %d %s", e.Session, e.Err.Code)
	case Deliver:
		return fmt.Sprintf("%s %d to %s", verb(e.Offer), e.Call, sessions(e.To))
	case Bind:
		return fmt.Sprintf("bind %d to %d for %v", e.Call, e.To, e.Budget)
	case Bound:
		return fmt.Sprintf("bound %d seq=%d %s %v %s %d", e.Session, e.Sequence, e.Body.Name, e.Member, e.Body.Host, e.Body.PID)
	case Message:
		return strings.TrimSpace(fmt.Sprintf("message %d by %d to %s", e.Number, e.Session, sessions(e.To)))
	case Withdraw:
		return fmt.Sprintf("withdraw %d from %s", e.Call, sessions(e.From))
	case Settled:
		return fmt.Sprintf("settled %d seq=%d %s", e.Session, e.Sequence, describeOrder(e.Account))
	case Evict:
		return fmt.Sprintf("evict %d %s", e.Session, e.Err.Code)
	case Finished:
		return fmt.Sprintf("finished %d seq=%d %s", e.Session, e.Sequence, describeAccount(e.Account))
	case Abandoned:
		return fmt.Sprintf("abandoned %d seq=%d %s", e.Session, e.Sequence, describeAccount(e.Account))
	case View:
		return fmt.Sprintf("view %d seq=%d %s", e.Session, e.Sequence, describeView(*e.Change))
	}
	return describeKept(e)
}

// describeOrder names the entries that are final, in the order of their settling.
func describeOrder(a *Account) string {
	var words []string
	for _, i := range a.Order {
		words = append(words, a.Entries[i].Name+"="+a.Entries[i].Outcome.String())
	}
	return strings.Join(words, " ")
}

func describeAccount(a *Account) string {
	words := []string{fmt.Sprintf("view=%d/%d", a.Summary.View, a.Summary.ViewSize)}
	if a.Summary.Met {
		words = append(words, "met")
	}
	if n := a.Summary.WaitedUS; n > 0 {
		words = append(words, "waited="+(time.Duration(n)*time.Microsecond).String())
	}
	for i, e := range a.Entries {
		word := e.Name + "=" + e.Outcome.String()
		if len(e.Reply) > 0 || e.Error != "" {
			word += ":" + replyOf(a, i) + e.Error
		}
		words = append(words, word)
	}
	for _, gone := range a.Absent {
		words = append(words, "absent="+gone.Name)
	}
	if id := a.Summary.Bound; id != 0 {
		words = append(words, "bound="+id.String())
	}
	if n := a.Summary.Bids; n > 0 {
		words = append(words, fmt.Sprintf("bids=%d", n))
	}
	if n := a.Summary.Late; n > 0 {
		words = append(words, fmt.Sprintf("late=%d", n))
	}
	if n := a.Summary.Duplicate; n > 0 {
		words = append(words, fmt.Sprintf("duplicate=%d", n))
	}
	return strings.Join(words, " ")
}

func describeView(v protocol.ViewChunk) string {
	words := []string{fmt.Sprintf("view=%d/%d", v.View, v.Size)}
	if v.Full {
		words = append(words, "full")
	}
	for _, m := range v.Joined {
		words = append(words, "+"+m.Name)
	}
	for _, c := range v.Changed {
		word := fmt.Sprintf("%s#%d=", c.Name, c.Version)
		for key, value := range c.State {
			word += key + ":" + value
		}
		words = append(words, word)
	}
	for _, g := range v.Gone {
		if g.Reason == protocol.ReasonLost {
			g.Name += ":" + g.Text
		}
		words = append(words, "-"+g.Name)
	}
	for _, a := range v.Absent {
		words = append(words, "absent="+a.Name)
	}
	return strings.Join(words, " ")
}

func sessions(ids []SessionID) string {
	var words []string
	for _, id := range ids {
		words = append(words, strconv.FormatUint(uint64(id), 10))
	}
	return strings.Join(words, ",")
}
