package broker

import (
	"encoding/json"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"ddcos/middlecon/room"
	"ddcos/protocol"
)

// accountLine is what the account log has of one call or offer.
type accountLine struct {
	Time      string         `json:"time"` // RFC 3339, of its end by the broker's wall clock
	Room      string         `json:"room"`
	Caller    callerLine     `json:"caller"`
	Kind      string         `json:"kind"` // call, send or offer
	View      uint64         `json:"view"`
	ViewSize  uint32         `json:"view_size"`
	Selected  uint32         `json:"selected"`
	Rule      string         `json:"rule"`
	Met       bool           `json:"met"`
	Abandoned bool           `json:"abandoned,omitempty"` // its caller was lost before
	Error     string         `json:"error,omitempty"`     // the code of what it found no room for when it had waited
	WaitedUS  uint64         `json:"waited_us,omitempty"`
	ElapsedUS uint64         `json:"elapsed_us"`
	Outcomes  map[string]int `json:"outcomes"`
	NotOK     []memberLine   `json:"not_ok,omitempty"` // accountLogNames at most, in the view's order
	More      int            `json:"more,omitempty"`   // that are not ok either
	Absent    int            `json:"absent,omitempty"` // lost before the call
	Bound     *memberLine    `json:"bound,omitempty"`  // of an offer
	Late      uint32         `json:"late"`
	Duplicate uint32         `json:"duplicate"`
}

type callerLine struct {
	Name     string  `json:"name,omitempty"`     // under which it is in that room
	Software string  `json:"software,omitempty"` // that it says it is
	Host     string  `json:"host"`
	PID      int32   `json:"pid,omitempty"`
	UID      *uint32 `json:"uid,omitempty"` // nil over TCP
}

type memberLine struct {
	Name    string `json:"name"`
	Host    string `json:"host"`
	PID     int32  `json:"pid,omitempty"`
	Outcome string `json:"outcome"`
}

// record gives an account that is final to the log.
func (b *Broker) record(a *room.Account, abandoned bool, refused *protocol.Error) {
	l := b.options.AccountLog
	if l == nil || !l.wants(a.Summary.Room) {
		return
	}
	line := newAccountLine(a, b.rooms.CallerName(a), time.Now())
	line.Abandoned = abandoned
	if refused != nil {
		line.Error = refused.Code.String()
	}
	l.add(encodeLine(line))
}

func newAccountLine(a *room.Account, caller string, now time.Time) *accountLine {
	sum := &a.Summary
	rule := protocol.Rule{Kind: sum.Rule, N: sum.N, Key: sum.Key, Value: sum.Value}
	line := &accountLine{
		Time: now.Format(time.RFC3339Nano), Room: sum.Room, Kind: kindOf(a),
		Caller: callerLine{Name: caller, Software: a.Caller.Software, Host: a.Caller.Host, PID: a.Caller.PID, UID: uidOf(a.Caller.Principal)},
		View:   sum.View, ViewSize: sum.ViewSize, Selected: sum.Selected, Rule: rule.String(), Met: sum.Met,
		WaitedUS: sum.WaitedUS, ElapsedUS: sum.ElapsedUS, Outcomes: map[string]int{}, Absent: len(a.Absent),
		Late: sum.Late, Duplicate: sum.Duplicate,
	}
	var outcomes [protocol.NotBound + 1]int
	for i := range a.Entries {
		e := &a.Entries[i]
		outcomes[e.Outcome]++
		m := memberLine{Name: e.Name, Host: e.Host, PID: e.PID, Outcome: e.Outcome.String()}
		if sum.Bound != 0 && sum.Bound == e.Member {
			line.Bound = &m
		}
		switch {
		case e.Outcome == protocol.OK:
		case len(line.NotOK) < accountLogNames:
			line.NotOK = append(line.NotOK, m)
		default:
			line.More++
		}
	}
	for o, n := range outcomes {
		if n > 0 {
			line.Outcomes[protocol.Outcome(o).String()] = n
		}
	}
	return line
}

func kindOf(a *room.Account) string {
	switch {
	case a.Offer:
		return "offer"
	case a.One:
		return "send"
	}
	return "call"
}

// uidOf is the user whose account deliveries are on, as identify put it.
func uidOf(p room.Principal) *uint32 {
	text, ok := strings.CutPrefix(string(p), uidPrefix)
	if !ok {
		return nil
	}
	n, err := strconv.ParseUint(text, 10, 32)
	if err != nil {
		return nil
	}
	uid := uint32(n)
	return &uid
}

// encodeLine is one line of JSON that does nothing to a terminal: beside what JSON
// escapes, whatever cannot be printed.
func encodeLine(line *accountLine) []byte {
	b, err := json.Marshal(line)
	if err != nil {
		panic("broker: an account line: " + err.Error())
	}
	out := make([]byte, 0, len(b)+1)
	for _, r := range string(b) { // JSON is UTF-8
		switch {
		case r < unicode.MaxASCII || unicode.IsPrint(r):
			out = utf8.AppendRune(out, r)
		case r <= 0xffff:
			out = appendEscaped(out, r)
		default:
			r -= 0x10000
			out = appendEscaped(appendEscaped(out, 0xd800+r>>10), 0xdc00+r&0x3ff)
		}
	}
	return append(out, '\n')
}

func appendEscaped(b []byte, unit rune) []byte {
	const digits = "0123456789abcdef"
	return append(b, '\\', 'u', digits[unit>>12&15], digits[unit>>8&15], digits[unit>>4&15], digits[unit&15])
}
