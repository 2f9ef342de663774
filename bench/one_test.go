package bench

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"net"
	"os"
	"strings"
	"testing"

	"github.com/HdrHistogram/hdrhistogram-go"

	"ddcos/protocol"
)

// decoded reads the figures that programs would read.
func decoded(t *testing.T, out *bytes.Buffer) []Figure {
	t.Helper()
	var all []Figure
	for d := json.NewDecoder(out); d.More(); {
		var f Figure
		if err := d.Decode(&f); err != nil {
			t.Fatal(err)
		}
		all = append(all, f)
	}
	return all
}

func TestOne(t *testing.T) {
	bin := built(t)
	for _, transport := range []string{"unix", "tcp"} {
		leavesNothing(t)
		var out bytes.Buffer
		o := DefaultOneOptions()
		o.Bin, o.Transport, o.JSON, o.Out, o.Progress = bin, transport, true, &out, io.Discard
		o.Messages, o.Stream, o.Window, o.Rounds, o.Peers = 20, 300, 16, 3, []string{"nats"}
		if err := One(t.Context(), o); err != nil {
			t.Fatalf("%s: %v", transport, err)
		}
		var names []string
		for _, f := range decoded(t, &out) {
			names = append(names, f.Name)
			if f.Value <= 0 || f.PeerValue <= 0 || f.Ratio != f.Value/f.PeerValue || (f.Unit == "1/s") != (f.Name == "stream-rate") {
				t.Errorf("%s: %+v", transport, f)
			}
		}
		if got := strings.Join(names, " "); got != "one-p50 one-p99 one-max stream-rate stream-p50 stream-p99" {
			t.Errorf("%s: figures %s", transport, got)
		}
	}
}

func TestOneRefuses(t *testing.T) {
	for name, tc := range map[string]struct {
		change func(*OneOptions)
		want   error
		says   string
	}{
		"no messages":    {func(o *OneOptions) { o.Messages = 0 }, ErrOptions, "0 and"},
		"an empty round": {func(o *OneOptions) { o.Rounds = o.Stream + 1 }, ErrOptions, "one a round"},
		"too many":       {func(o *OneOptions) { o.Stream = maxCalls + 1 }, ErrOptions, "1 to"},
		"nothing flies":  {func(o *OneOptions) { o.Window = 0 }, ErrOptions, "in flight"},
		"too much flies": {func(o *OneOptions) { o.Window = maxWindow + 1 }, ErrOptions, "in flight"},
		"a long message": {func(o *OneOptions) { o.Bytes = maxBytes + 1 }, ErrOptions, "bytes"},
		"a transport":    {func(o *OneOptions) { o.Transport = "udp" }, ErrOptions, "unix and tcp"},
		"no programs":    {func(o *OneOptions) { o.Bin = "/nowhere" }, os.ErrNotExist, "make build"},
	} {
		o := DefaultOneOptions()
		o.Out, o.Progress = io.Discard, io.Discard
		tc.change(&o)
		if err := One(t.Context(), o); !errors.Is(err, tc.want) || !strings.Contains(err.Error(), tc.says) {
			t.Errorf("%s: %v, want %v that says %q", name, err, tc.want, tc.says)
		}
	}
}

// TestStreamIsHonest meets replies that are not those that were asked for.
func TestStreamIsHonest(t *testing.T) {
	msg := func(call, payload string) string { return "MSG bench.reply." + call + " 1 1\r\n" + payload + "\r\n" }
	for name, tc := range map[string]struct{ answer, says string }{
		"in order":        {msg("1", "x") + "PING\r\n" + msg("2", "x"), ""},
		"out of order":    {msg("2", "x") + msg("1", "x"), "reply 1 is to message 2"},
		"the same twice":  {msg("1", "x") + msg("1", "x"), "reply 2 is to message 1"},
		"another payload": {msg("1", "y") + msg("2", "x"), "not what was sent"},
		"one is missing":  {msg("1", "x"), "after 1 of 2 replies"},
	} {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		served := make(chan error, 1)
		go func() { served <- answerOnce(l, tc.answer, nil) }()
		c, err := dialBare(t.Context(), protocol.Address{Network: "tcp", Where: l.Addr().String()}, &natsAsker{}, toldCount, 1)
		if err != nil {
			t.Fatal(err)
		}
		took := hdrhistogram.New(1, callDeadline.Nanoseconds(), 3)
		err = c.stream(t.Context(), []byte("x"), 2, 2, took)
		if (err == nil) != (tc.says == "") || err != nil && !strings.Contains(err.Error(), tc.says) {
			t.Errorf("%s: %v, want %q", name, err, tc.says)
		}
		if err == nil && took.TotalCount() != 2 {
			t.Errorf("%s: %d are recorded", name, took.TotalCount())
		}
		_ = c.close()
		<-served // it may have failed: the caller hung up on it
		_ = l.Close()
	}
}

// TestMiddleconAskerIsHonest plants accounts that are not of one member that is ok.
func TestMiddleconAskerIsHonest(t *testing.T) {
	account := func(outcomes ...protocol.Outcome) []byte {
		chunk := protocol.AccountChunk{Summary: &protocol.Summary{Room: callRoom, Selected: uint32(len(outcomes))}}
		for i, o := range outcomes {
			chunk.Entries = append(chunk.Entries, protocol.Entry{Member: protocol.MemberID(i + 1), Outcome: o, Reply: []byte("x")})
		}
		return mustAppend(nil, protocol.Header{Kind: protocol.KindAccount, Sequence: 9}, protocol.Encode(chunk), nil)
	}
	for name, tc := range map[string]struct {
		in   []byte
		says string
	}{
		"whole":     {account(protocol.OK), ""},
		"nobody":    {account(), "not the account of one"},
		"two":       {account(protocol.OK, protocol.OK), "not the account of one"},
		"timeout":   {account(protocol.Timeout), "not the account of one"},
		"an error":  {mustAppend(nil, protocol.Header{Kind: protocol.KindError, Code: protocol.CodeNoSuchMember}, nil, nil), protocol.CodeNoSuchMember.Error()},
		"malformed": {mustAppend(nil, protocol.Header{Kind: protocol.KindAccount}, []byte{0xc1}, nil), "malformed"},
	} {
		a := &middleconAsker{}
		if used, _, _, err := a.take(tc.in[:len(tc.in)-1], nil); used != 0 || err != nil {
			t.Errorf("%s: a part of it: %d, %v", name, used, err)
		}
		used, r, _, err := a.take(tc.in, nil)
		if (err == nil) != (tc.says == "") || err != nil && !strings.Contains(err.Error(), tc.says) {
			t.Errorf("%s: %v, want %q", name, err, tc.says)
		}
		if err == nil && (used != len(tc.in) || r.call != 9 || r.member != 1 || !r.last || string(r.payload) != "x") {
			t.Errorf("%s: %d bytes, %+v", name, used, r)
		}
	}
}
