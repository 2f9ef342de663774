package broker

import (
	"errors"
	"io"
	"log/slog"
	"net"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"ddcos/protocol"
)

// defects counts what a broker logs of its own defects: a contained panic
// would else look like a session that was refused.
type defects struct{ n atomic.Int64 }

func (d *defects) Write(p []byte) (int, error) {
	if strings.Contains(string(p), "defect") {
		d.n.Add(1)
	}
	return len(p), nil
}

// FuzzSession sends whatever bytes to a live broker after a proper Hello. Bytes
// that are no frames end their session with a code; whatever comes, the broker
// has no defect and the session beside it answers.
func FuzzSession(f *testing.F) {
	for _, m := range malformed() {
		f.Add(m.bytes)
	}
	for _, seed := range conversations() {
		f.Add(seed)
	}
	found := &defects{}
	b := start(f, func(o *Options) { o.Log = slog.New(slog.NewTextHandler(found, nil)) })
	witness := welcome(f, b, "unix")
	witness.join("beside", "witness")
	f.Fuzz(func(t *testing.T, sent []byte) {
		r := welcome(t, b, "unix")
		defer func() { _ = r.c.Close() }()
		done := make(chan struct{})
		go func() { // the broker may answer more than a socket holds
			defer close(done)
			_ = r.c.SetWriteDeadline(time.Now().Add(patience))
			_, _ = r.c.Write(sent)
			_ = r.c.(*net.UnixConn).CloseWrite()
		}()
		code, err := last(r)
		<-done
		if err != nil {
			t.Errorf("the session does not end: %v", err)
		}
		if whole(sent) != nil && code == 0 {
			t.Errorf("bytes that are no frames ended the session without a code")
		}
		witness.t = t
		witness.lives()
		if found.n.Load() > 0 {
			t.Error("the broker logged a defect")
		}
	})
}

// last reads until the end and gives the code that the session ended with, 0
// where the end was its own.
func last(r *raw) (protocol.Code, error) {
	var code protocol.Code
	for {
		f, err := r.read()
		switch {
		case errors.Is(err, io.EOF) || isReset(err):
			return code, nil
		case err != nil:
			return code, err
		case f.Kind == protocol.KindError && f.Sequence == 0:
			code = f.Code
		}
	}
}

// whole tells why bytes are not a sequence of frames, the last of which may be
// incomplete.
func whole(b []byte) error {
	for {
		_, size, err := protocol.Parse(b, protocol.MaxFrame)
		if err != nil || size == 0 {
			return err
		}
		b = b[size:]
	}
}

// conversations are sessions without a fault, for the fuzzer to break.
func conversations() [][]byte {
	join := bytesOf(protocol.Header{Kind: protocol.KindJoin, Sequence: 1}, protocol.Join{Room: "r", Name: "n", Labels: map[string]string{"k": "v"}}, nil)
	call := bytesOf(protocol.Header{Kind: protocol.KindCall, Sequence: 2, Budget: 50_000}, protocol.Call{Room: "r", Labels: map[string]string{"k": "v"}}, []byte("hi"))
	// The room number and the call are guesses: they hold on a young broker.
	reply := bytesOf(protocol.Header{Kind: protocol.KindReply, Sequence: 1, Room: 1, Outcome: protocol.OK}, nil, []byte("reply"))
	part := bytesOf(protocol.Header{Kind: protocol.KindReply, Sequence: 1, Room: 1, Outcome: protocol.OK, Flags: protocol.FlagMore}, nil, []byte("part"))
	receipt := bytesOf(protocol.Header{Kind: protocol.KindReceipt, Sequence: 1, Room: 1}, nil, nil)
	state := bytesOf(protocol.Header{Kind: protocol.KindState, Sequence: 9, Room: 1}, protocol.State{State: map[string]string{"k": "v"}}, nil)
	publish := bytesOf(protocol.Header{Kind: protocol.KindPublish, Sequence: 6}, protocol.Publish{Room: "r", To: "n"}, []byte("hi"))
	forget := bytesOf(protocol.Header{Kind: protocol.KindForget, Sequence: 7}, protocol.Forget{Room: "beside"}, nil)
	wait := bytesOf(protocol.Header{Kind: protocol.KindCall, Sequence: 8, Budget: 50_000}, protocol.Call{Room: "r", To: "n", Rule: protocol.RuleLabel, Key: "k", Value: "v", Wait: 1, WaitUS: 50_000}, []byte("hi"))
	watch := bytesOf(protocol.Header{Kind: protocol.KindWatch, Sequence: 3}, protocol.Watch{Room: "r"}, nil)
	leave := bytesOf(protocol.Header{Kind: protocol.KindLeave, Sequence: 4, Room: 1}, nil, nil)
	cancel := bytesOf(protocol.Header{Kind: protocol.KindCancel, Sequence: 2}, nil, nil)
	ping := bytesOf(protocol.Header{Kind: protocol.KindPing, Sequence: 5}, nil, []byte("ping"))
	ignorable := bytesOf(protocol.Header{Kind: 200, Flags: protocol.FlagIgnorable}, nil, []byte("later"))
	all := func(frames ...[]byte) []byte {
		var b []byte
		for _, f := range frames {
			b = append(b, f...)
		}
		return b
	}
	return [][]byte{
		nil, join, all(join, call, receipt, reply), all(join, call, part, part, reply, reply), all(join, call, cancel),
		all(join, call, leave), all(watch, join, leave, cancel), all(join, join, call, call), all(watch, watch, ping),
		all(ignorable, ping), all(ping, join[:len(join)-1]), all(call, call, call), all(join, call, call[:41]), all(wait, publish, join, publish, state, forget), all(wait, cancel, forget),
	}
}
