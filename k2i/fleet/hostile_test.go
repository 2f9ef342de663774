package fleet

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"ddcos/k2i/query"
	"ddcos/k2i/wire"
	"ddcos/protocol"
)

// raw answers every question with the same bytes, written again and again until
// most of them have been, or nobody reads any more.
func raw(t *testing.T, piece []byte, most int) string {
	return serving(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", wire.ContentType)
		for n := 0; n < most; n += len(piece) {
			if _, err := w.Write(piece); err != nil {
				return
			}
		}
	}))
}

// spoiled is the answer of a host to q after something was done to it.
func spoiled(q query.Query, spoil func(*wire.Answer)) []byte {
	a := respond(host("liar", 5, 6), wire.Request{Query: q}, time.Now())
	spoil(a)
	return protocol.Encode(a)
}

// Whatever one agent answers, the others' rows are what they are without it, and
// it has its own rows at most, or is named with a reason.
func TestHostileAgents(t *testing.T) {
	top := query.Query{Sort: []query.Key{{Field: "rss", Descending: true}}, Limit: 4}
	sums := query.Query{By: "host", Sort: []query.Key{{Field: "key"}}}
	row := bytes.Repeat([]byte("x"), 1<<20)
	manyRows := func(a *wire.Answer) {
		one := a.Processes[:1:1]
		for range 5000 {
			a.Processes = append(a.Processes, one...)
		}
		a.Total = len(a.Processes)
	}
	for name, c := range map[string]struct {
		q      query.Query
		url    func() string
		status Status
	}{
		"a million rows":      {top, func() string { return raw(t, spoiled(top, manyRows), 1<<30) }, StatusError},
		"more than the limit": {top, func() string { b := spoiled(top, manyRows); return raw(t, b, len(b)) }, StatusError},
		"a row of 1 GiB":      {top, func() string { return raw(t, row, 1<<30) }, StatusError},
		"a gigabyte declared": {top, func() string { return raw(t, []byte("\x81\xa9processes\xdd\x40\x00\x00\x00"), 1) }, StatusError},
		"a text declared":     {top, func() string { return raw(t, []byte("\x81\xa4host\x81\xa4name\xdb\x40\x00\x00\x00"), 1) }, StatusError},
		"groups declared":     {sums, func() string { return raw(t, []byte("\x81\xa6groups\xdd\x40\x00\x00\x00"), 1) }, StatusError},
		"another's name": {sums, func() string {
			b := spoiled(sums, func(a *wire.Answer) { a.Groups[0].Key = "good" })
			return raw(t, b, len(b))
		}, StatusOK},
		"a sum below zero": {sums, func() string {
			b := spoiled(sums, func(a *wire.Answer) { a.Groups[0].Count = -5 })
			return raw(t, b, len(b))
		}, StatusError},
		"rows for sums": {sums, func() string { b := spoiled(top, func(*wire.Answer) {}); return raw(t, b, len(b)) }, StatusOK},
		"sums for rows": {top, func() string { b := spoiled(sums, func(*wire.Answer) {}); return raw(t, b, len(b)) }, StatusOK},
		"escapes for a name": {top, func() string {
			b := spoiled(top, func(a *wire.Answer) { a.Host.Name = "\x1b[2Jx" })
			return raw(t, b, len(b))
		}, StatusOK},
		"a long name": {top, func() string {
			b := spoiled(top, func(a *wire.Answer) { a.Host.Name = strings.Repeat("n", 999) })
			return raw(t, b, len(b))
		}, StatusError},
		"labels without end": {top, func() string {
			b := spoiled(top, func(a *wire.Answer) {
				a.Labels = map[string]string{}
				for i := range 1000 {
					a.Labels[fmt.Sprint(i)] = "x"
				}
			})
			return raw(t, b, len(b))
		}, StatusError},
	} {
		t.Run(name, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			good := agentOf(t, host("good", 100, 200))
			want := ask(t, ctx, c.q, good)
			got := ask(t, ctx, c.q, c.url(), good)
			var others []string
			for _, r := range got.Rows {
				if r.Host.Name == "good" {
					others = append(others, fmt.Sprintf("good/%d", r.Process.PID))
				}
			}
			if strings.Join(others, " ") != shown(want) {
				t.Errorf("the other's rows are %v, without it %s", others, shown(want))
			}
			for _, g := range got.Groups {
				if g.Key == "good" && *g != *want.Groups[0] {
					t.Errorf("the other's sums are %+v, without it %+v", g, want.Groups[0])
				}
			}
			if failed := got.Failed(); (len(failed) == 0) != (c.status == StatusOK) || len(failed) > 0 && failed[0].Status != c.status {
				t.Errorf("failed: %+v", failed)
			}
			if c.q.Limit > 0 && len(got.Rows) > c.q.Limit {
				t.Errorf("%d rows", len(got.Rows))
			}
		})
	}
}

// An agent that answers the questions of another release does not answer ours
// with too many rows: it says so, and is named.
func TestWrongVersion(t *testing.T) {
	body := wire.EncodeRequest(wire.Request{Query: query.Query{Where: "pid == 1"}})
	if req, err := wire.DecodeRequest(body); err != nil || req.Version != wire.Version {
		t.Fatalf("%+v, %v", req, err)
	}
	older := protocol.Encode(struct {
		Query query.Query `msgpack:"query"`
	}{})
	if _, err := wire.DecodeRequest(older); err == nil || !strings.Contains(err.Error(), "of different releases") {
		t.Errorf("a question without a version: %v", err)
	}
}
