package middlecon_test

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"ddcos/middlecon"
	"ddcos/protocol"
)

// heard is who offers, and hears the reply as it comes.
type heard struct {
	came  []byte
	parts int
	news  chan string // all that came so far, after each part
}

func newHeard() *heard { return &heard{news: make(chan string, 1000)} }

func (h *heard) part(p []byte) {
	h.came = append(h.came, p...)
	h.parts++
	h.news <- string(h.came)
}

// until waits for all of that to have come.
func (h *heard) until(t testing.TB, want string) {
	for deadline := time.After(patience); ; {
		select {
		case got := <-h.news:
			if got == want {
				return
			}
			if !strings.HasPrefix(want, got) {
				t.Errorf("%q came, want %q", got, want)
			}
		case <-deadline:
			t.Errorf("%q did not come", want)
			return
		}
	}
}

// What the bound member writes is heard before it has done; all together is its reply.
func TestOfferPartial(t *testing.T) {
	address := serve(t)
	h := newHeard()
	worker(t, address, "w", nil, func(_ context.Context, m *middlecon.Message) ([]byte, error) {
		for _, part := range []string{"one ", "two ", "three "} {
			if n, err := m.Write([]byte(part)); err != nil || n != len(part) {
				t.Errorf("writing %q: %d, %v", part, n, err)
			}
		}
		h.until(t, "one two three ") // and there is no more until the caller has it
		_, err := m.Write([]byte("four "))
		return []byte("five"), err
	})
	a, err := dial(t, address).Offer(t.Context(), "r", nil, middlecon.OfferOptions{Deadline: patience, Partial: h.part})
	if err != nil {
		t.Fatal(err)
	}
	o, ok := a.BoundOutcome()
	if want := "one two three four five"; !ok || !a.Met || string(o.Reply) != want || string(h.came) != want || a.Void != 0 {
		t.Errorf("the reply is %q, %q came, void %d", o.Reply, h.came, a.Void)
	}
}

// Parts of a reply that ends otherwise than ok are void, and the caller is told so.
func TestOfferPartialVoid(t *testing.T) {
	for name, c := range map[string]struct {
		end  func(conn *middlecon.Conn, cancel func()) error
		want protocol.Outcome
	}{
		"lost":   {func(conn *middlecon.Conn, _ func()) error { return conn.Close() }, protocol.LostAfterSend},
		"failed": {func(*middlecon.Conn, func()) error { return errors.New("no disk") }, protocol.AppError},
		"panics": {func(*middlecon.Conn, func()) error { panic("planted") }, protocol.AppError},
	} {
		t.Run(name, func(t *testing.T) {
			address := serve(t)
			h := newHeard()
			conn := dial(t, address)
			_, err := conn.Join(t.Context(), "r", middlecon.Member{Name: "w", Work: func(_ context.Context, m *middlecon.Message) ([]byte, error) {
				if _, err := m.Write([]byte("half")); err != nil {
					t.Error(err)
				}
				h.until(t, "half")
				return []byte("more"), c.end(conn, nil)
			}}, echo)
			if err != nil {
				t.Fatal(err)
			}
			a, err := dial(t, address).Offer(t.Context(), "r", nil, middlecon.OfferOptions{Deadline: patience, Partial: h.part})
			if err != nil {
				t.Fatal(err)
			}
			if o, _ := a.BoundOutcome(); o.Outcome != c.want || len(o.Reply) != 0 || a.Void != len("half") || a.Met || string(h.came) != "half" {
				t.Errorf("%+v, void %d, %q came", o, a.Void, h.came)
			}
		})
	}
}

// Large and many parts come in their order, and once.
func TestOfferPartialOfMuch(t *testing.T) {
	address := serve(t)
	want := bytes.Repeat([]byte("0123456789abcdef"), 100_000)
	worker(t, address, "w", nil, func(_ context.Context, m *middlecon.Message) ([]byte, error) {
		rest := want
		for size := 1; len(rest) > 200_000; size = size%70_001 + 7_000 {
			if _, err := m.Write(rest[:size]); err != nil {
				return nil, err
			}
			rest = rest[size:]
		}
		return rest, nil
	})
	conn := dial(t, address)
	for _, asked := range []bool{true, false} {
		h := newHeard()
		options := middlecon.OfferOptions{Deadline: patience}
		if asked {
			options.Partial = h.part
		}
		a, err := conn.Offer(t.Context(), "r", nil, options)
		if err != nil {
			t.Fatal(err)
		}
		if o, _ := a.BoundOutcome(); !a.Met || !bytes.Equal(o.Reply, want) || asked != bytes.Equal(h.came, want) || asked != (h.parts > 0) {
			t.Errorf("asked %v: a reply of %d bytes, %d came in %d parts", asked, len(o.Reply), len(h.came), h.parts)
		}
	}
}

// A handler of calls may write as well; what is too much is an error, and so is what
// comes when the handler has returned. A published message has no reply.
func TestWrite(t *testing.T) {
	address := serve(t)
	late := make(chan *middlecon.Message, 1)
	published := make(chan error, 1)
	joins(t, address, "r", "m", func(_ context.Context, m *middlecon.Message) ([]byte, error) {
		switch string(m.Payload) {
		case "publish":
			_, err := m.Write(make([]byte, protocol.MaxReply+1))
			published <- err
			return nil, nil
		case "much":
			if n, err := m.Write(make([]byte, protocol.MaxReply+1)); err == nil || n != 0 {
				t.Errorf("%d bytes are taken, %v", n, err)
			}
			_, err := m.Write(make([]byte, protocol.MaxReply))
			return []byte("x"), err
		}
		late <- m
		_, err := m.Write([]byte("one "))
		return []byte("two"), err
	})
	conn := dial(t, address)
	a, err := conn.Call(t.Context(), "r", nil, middlecon.CallOptions{Deadline: patience})
	if err != nil || string(a.Outcomes[0].Reply) != "one two" {
		t.Errorf("%+v, %v", a, err)
	}
	if _, err := (<-late).Write([]byte("three")); err == nil {
		t.Error("a reply goes on when its handler has returned")
	}
	if a, err = conn.Call(t.Context(), "r", []byte("much"), middlecon.CallOptions{Deadline: patience}); err != nil ||
		a.Outcomes[0].Outcome != protocol.AppError || !strings.Contains(a.Outcomes[0].Error, "16777217 bytes") {
		t.Errorf("a reply too large: %v, %v", a, err)
	}
	if _, err := conn.Publish(t.Context(), "r", []byte("publish"), middlecon.PublishOptions{}); err != nil {
		t.Fatal(err)
	}
	if err := <-published; err != nil {
		t.Errorf("writing to who published: %v", err)
	}
}

// A broker that sends parts which cannot come ends the session, not the truth.
func TestHostileParts(t *testing.T) {
	part := protocol.Entry{Member: 1, Name: "m", More: true, Reply: []byte("x")}
	other, last, done := part, part, protocol.Entry{Member: 1, Name: "m", Outcome: protocol.OK}
	other.Member, last.More = 2, false
	cut := done
	cut.More = true
	for name, c := range map[string]struct {
		entries []protocol.Entry
		asks    bool
		want    string
	}{
		"nobody asked":             {[]protocol.Entry{part}, false, "cannot come now"},
		"a part that is the last":  {[]protocol.Entry{last}, true, "cannot come now"},
		"parts of two":             {[]protocol.Entry{part, other}, true, "cannot come now"},
		"a part behind the end":    {[]protocol.Entry{part, done, part}, true, "cannot come now"},
		"a part within a reply":    {[]protocol.Entry{cut, part}, true, "cannot come now"},
		"parts and no end of them": {[]protocol.Entry{part}, true, "does not add up"},
	} {
		t.Run(name, func(t *testing.T) {
			conn := play(t, func(f *fake) {
				if offer, ok := f.next(protocol.KindOffer); ok {
					f.send(protocol.Header{Kind: protocol.KindAccount, Sequence: offer.Sequence}, protocol.AccountChunk{Entries: c.entries, Summary: &protocol.Summary{}}, nil)
				}
			})
			options := middlecon.OfferOptions{Deadline: time.Second}
			if c.asks {
				options.Partial = func([]byte) {}
			}
			a, err := conn.Offer(t.Context(), "r", nil, options)
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("account %+v, error %v; want %q", a, err, c.want)
			}
		})
	}
}
