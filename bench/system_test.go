package bench

import (
	"bufio"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"ddcos/middlecon"
	"ddcos/protocol"
)

func TestParseNATS(t *testing.T) {
	for name, tc := range map[string]struct {
		in   string
		want natsMessage
	}{
		"info":      {"INFO {\"server_id\":\"x\"}\r\n", natsMessage{}},
		"ping":      {"PING\r\n", natsMessage{verb: natsPing}},
		"pong":      {"PONG\r\n", natsMessage{verb: natsPong}},
		"a message": {"MSG room 1 2\r\nhi\r\n", natsMessage{verb: natsMsg, subject: []byte("room"), payload: []byte("hi")}},
		"a request": {"MSG room 17 box.1 4\r\na\r\nb\r\n", natsMessage{verb: natsMsg, subject: []byte("room"), reply: []byte("box.1"), payload: []byte("a\r\nb")}},
		"nothing":   {"MSG room 1 0\r\n\r\n", natsMessage{verb: natsMsg, subject: []byte("room")}},
	} {
		for cut := range tc.in {
			if _, size, err := parseNATS([]byte(tc.in[:cut])); size != 0 || err != nil {
				t.Fatalf("%s, %d bytes of it: size %d, %v", name, cut, size, err)
			}
		}
		m, size, err := parseNATS([]byte(tc.in + "PING\r\n"))
		if err != nil || size != len(tc.in) || fmt.Sprintf("%d %q %q %q", m.verb, m.subject, m.reply, m.payload) !=
			fmt.Sprintf("%d %q %q %q", tc.want.verb, tc.want.subject, tc.want.reply, tc.want.payload) {
			t.Errorf("%s: %+v, size %d, %v", name, m, size, err)
		}
	}
}

func TestParseNATSRefuses(t *testing.T) {
	for name, in := range map[string]string{
		"an error":          "-ERR 'Authorization Violation'\r\n",
		"no length":         "MSG room 1 x\r\n",
		"no words":          "MSG \r\n",
		"a negative length": "MSG room 1 -5\r\n",
		"too long":          "MSG room 1 99999999\r\n",
		"a wrong length":    "MSG room 1 1\r\nhello\r\n",
		"an endless line":   strings.Repeat("x", natsMaxLine),
	} {
		if _, size, err := parseNATS([]byte(in)); err == nil || size != 0 {
			t.Errorf("%s: size %d and no error", name, size)
		}
	}
}

// TestNATSCallerIsHonest meets a server that says the wrong thing.
func TestNATSCallerIsHonest(t *testing.T) {
	for name, tc := range map[string]struct {
		answer string // to the caller's first publication
		says   string
	}{
		"all":             {"MSG bench.reply.1 1 1\r\nx\r\nPING\r\nMSG bench.reply.1 1 1\r\nx\r\n", ""},
		"another call's":  {"MSG bench.reply.1 1 1\r\nx\r\nMSG bench.reply.9 1 1\r\nx\r\n", "1 of 2 replies"},
		"another payload": {"MSG bench.reply.1 1 1\r\ny\r\nMSG bench.reply.1 1 1\r\ny\r\n", "2 of 2 replies"},
		"one is missing":  {"MSG bench.reply.1 1 1\r\nx\r\n", "after 1 of 2 replies"},
		"a wrong subject": {"MSG bench.reply.x 1 1\r\nx\r\n", "a reply to"},
		"refused":         {"-ERR 'Permissions Violation'\r\n", "Permissions Violation"},
	} {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		served := make(chan error, 1)
		go func() { served <- answerOnce(l, tc.answer, nil) }()
		c, err := dialBare(t.Context(), protocol.Address{Network: "tcp", Where: l.Addr().String()}, &natsAsker{}, toldCount, 2)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		err = c.call(t.Context(), []byte("x"))
		if err == nil {
			err = c.check([]byte("x"))
		}
		if (err == nil) != (tc.says == "") || err != nil && !strings.Contains(err.Error(), tc.says) {
			t.Errorf("%s: %v, want %q", name, err, tc.says)
		}
		if err := errors.Join(c.close(), <-served, l.Close()); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// answerOnce greets one client, answers its first publication, and hangs up when it is released,
// where release is not nil.
func answerOnce(l net.Listener, answer string, release <-chan struct{}) error {
	c, err := l.Accept()
	if err != nil {
		return err
	}
	defer func() { _ = c.Close() }()
	for r := bufio.NewReader(c); ; {
		line, err := r.ReadString('\n')
		if err != nil {
			return err
		}
		switch {
		case strings.HasPrefix(line, "PING"):
			_, err = c.Write([]byte("INFO {}\r\nPONG\r\n"))
		case strings.HasPrefix(line, "PUB"):
			if _, err = r.ReadString('\n'); err == nil {
				_, err = c.Write([]byte(answer))
			}
			if release != nil {
				<-release
			}
			return err
		}
		if err != nil {
			return err
		}
	}
}

// TestMiddleconCheck plants each way in which an account may be wrong.
func TestMiddleconCheck(t *testing.T) {
	outcome := func(id protocol.MemberID) middlecon.Outcome {
		return middlecon.Outcome{Member: id, Name: fmt.Sprintf("m%d", id.Serial()), Outcome: protocol.OK, Reply: []byte("x")}
	}
	for name, tc := range map[string]struct {
		change func(*middlecon.Account)
		says   string
	}{
		"whole":          {func(*middlecon.Account) {}, ""},
		"one short":      {func(a *middlecon.Account) { a.Outcomes = a.Outcomes[:1] }, "1 outcomes, 2 members"},
		"selected":       {func(a *middlecon.Account) { a.Selected = 1 }, "1 selected"},
		"a larger view":  {func(a *middlecon.Account) { a.ViewSize = 3 }, "view of 3"},
		"not met":        {func(a *middlecon.Account) { a.Met = false }, "met false"},
		"late":           {func(a *middlecon.Account) { a.Late = 1 }, "1 late"},
		"duplicate":      {func(a *middlecon.Account) { a.Duplicate = 1 }, "1 duplicate"},
		"lost":           {func(a *middlecon.Account) { a.Absent = []middlecon.Absent{{Name: "m9", Reason: "reset"}} }, "m9"},
		"the same twice": {func(a *middlecon.Account) { a.Outcomes[1] = a.Outcomes[0] }, "two outcomes of member m1"},
		"a timeout":      {func(a *middlecon.Account) { a.Outcomes[1].Outcome = protocol.Timeout }, "m2 is timeout"},
		"other bytes":    {func(a *middlecon.Account) { a.Outcomes[0].Reply = nil }, "m1 replied 0 bytes"},
	} {
		a := &middlecon.Account{ViewSize: 2, Selected: 2, Met: true, Outcomes: []middlecon.Outcome{outcome(1), outcome(2)}}
		tc.change(a)
		c := &middleconCaller{members: 2, account: a, seen: map[protocol.MemberID]bool{}}
		err := c.check([]byte("x"))
		if tc.says == "" && err != nil || tc.says != "" && (!errors.Is(err, ErrAccount) || !strings.Contains(err.Error(), tc.says)) {
			t.Errorf("%s: %v, want %q", name, err, tc.says)
		}
	}
}

// TestSilenceEndsACall has a caller that is told nothing: what is missing when nothing comes any
// more is missing, and before the first reply nothing is long enough.
func TestSilenceEndsACall(t *testing.T) {
	for name, tc := range map[string]struct{ answer, says string }{
		"all":            {"MSG bench.reply.1 1 1\r\nx\r\nMSG bench.reply.1 1 1\r\nx\r\n", ""},
		"one is missing": {"MSG bench.reply.1 1 1\r\nx\r\nMSG bench.reply.0 1 1\r\ny\r\n", "; 1 of its 1 calls ended before all"},
	} {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		release, served := make(chan struct{}), make(chan error, 1)
		go func() { served <- answerOnce(l, tc.answer, release) }()
		c, err := dialBare(t.Context(), protocol.Address{Network: "tcp", Where: l.Addr().String()}, &natsAsker{}, bySilence, 2)
		if err != nil {
			t.Fatal(err)
		}
		began := time.Now()
		if err := c.call(t.Context(), []byte("x")); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if took := time.Since(began); took < stall {
			t.Errorf("%s: it knew after %v", name, took)
		}
		if err := c.check(nil); err != nil || !strings.HasPrefix(c.remark(), tc.says) || (c.remark() == "") != (tc.says == "") {
			t.Errorf("%s: %v, remark %q, want %q", name, err, c.remark(), tc.says)
		}
		close(release)
		if err := errors.Join(c.close(), <-served, l.Close()); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestCAskerIsHonest reads accounts that do not add up.
func TestCAskerIsHonest(t *testing.T) {
	frame := func(h protocol.Header) string { return string(mustAppend(nil, h, nil, nil)) }
	account := frame(protocol.Header{Kind: protocol.KindAccount, Room: 2})
	first := frame(protocol.Header{Kind: protocol.KindReply, Sequence: 7, Member: 1})
	for name, tc := range map[string]struct {
		in      string
		replies int
		says    string
	}{
		"whole":             {account + first + first, 2, ""},
		"a reply too many":  {account + first + first + first, 2, "a reply frame"},
		"a reply alone":     {first, 0, "a reply frame"},
		"another's account": {account + first + account, 1, "a account frame"},
		"a foreign frame":   {frame(protocol.Header{Kind: protocol.KindView}), 0, "a view frame"},
	} {
		a, in, replies := &cAsker{}, []byte(tc.in), 0
		var said error
		for len(in) > 0 && said == nil {
			if used, _, _, err := a.take(in[:1], nil); used != 0 || err != nil {
				t.Fatalf("%s: a byte is taken for %d: %v", name, used, err)
			}
			used, r, _, err := a.take(in, nil)
			if in = in[used:]; r.call == 7 {
				replies++
				if r.last != (replies == 2) {
					t.Errorf("%s: reply %d is the last: %v", name, replies, r.last)
				}
			}
			said = err
		}
		if replies != tc.replies || (said == nil) != (tc.says == "") || said != nil && !strings.Contains(said.Error(), tc.says) {
			t.Errorf("%s: %d replies, %v", name, replies, said)
		}
	}
}

// TestPeerLeftOut goes on without a peer that this machine cannot have, and says what it takes.
func TestPeerLeftOut(t *testing.T) {
	o := DefaultSetting()
	o.Bin = t.TempDir()
	if err := os.WriteFile(filepath.Join(o.Bin, "middlecon"), nil, 0o755); err != nil {
		t.Fatal(err)
	}
	var said strings.Builder
	o.Peers, o.Progress = []string{"c"}, &said
	all, err := o.systems()
	if err != nil || len(all) != 1 || all[0].name != "middlecon" {
		t.Errorf("%d systems, %v", len(all), err)
	}
	if want := "the peer c is left out: "; !strings.Contains(said.String(), want) || !strings.Contains(said.String(), "run 'make peers', which needs a C compiler\n") {
		t.Errorf("it says %q", said.String())
	}
}
