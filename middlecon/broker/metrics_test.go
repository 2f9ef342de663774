package broker

import (
	"maps"
	"net/http"
	"net/http/httptest"
	"os/exec"
	"regexp"
	"testing"
	"time"

	"ddcos/protocol"
)

// scrape gives the broker's metrics by name and labels.
func scrape(t *testing.T, b *Broker) map[string]float64 {
	t.Helper()
	w := httptest.NewRecorder()
	b.Metrics().ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/metrics", nil))
	if w.Code != 200 {
		t.Fatalf("status %d: %s", w.Code, w.Body)
	}
	return parseMetrics(t, w.Body.String())
}

func TestMetrics(t *testing.T) {
	b := start(t, nil)
	if m := scrape(t, b); m["middlecon_sessions"] != 0 || m["middlecon_calls_accepted_total"] != 0 {
		t.Errorf("before the first session: %v", m)
	}
	member, caller := welcome(t, b, "unix"), welcome(t, b, "unix")
	number := member.join("r", "m")
	for i := range uint64(3) {
		caller.call(i+1, "r", time.Minute, nil)
		d := member.expect(protocol.KindDeliver, nil)
		if i < 2 {
			member.send(protocol.Header{Kind: protocol.KindReply, Sequence: d.Sequence, Room: number, Outcome: protocol.OK}, nil, nil)
			caller.account()
		}
	}
	caller.call(3, "r", time.Minute, nil)
	caller.expect(protocol.KindError, nil)
	m := scrape(t, b)
	for name, want := range map[string]float64{
		"middlecon_sessions": 2, "middlecon_rooms": 1, "middlecon_members": 1, "middlecon_views_total": 1, "middlecon_calls_accepted_total": 3,
		"middlecon_calls_finished_total": 2, "middlecon_calls_in_flight": 1, "middlecon_calls_refused_total": 1,
		`middlecon_outcomes_total{outcome="ok"}`: 2, "middlecon_call_seconds_count": 2, "middlecon_member_seconds_count": 2, `middlecon_call_seconds_bucket{le="+Inf"}`: 2,
	} {
		if got, ok := m[name]; !ok || got != want {
			t.Errorf("%s is %v, want %v", name, got, want)
		}
	}
	if m["middlecon_call_seconds_sum"] <= 0 {
		t.Errorf("two calls took %v s", m["middlecon_call_seconds_sum"])
	}
}

// However busy the broker is, every scrape adds up.
func TestMetricsAddUp(t *testing.T) {
	b := start(t, nil)
	member, caller := welcome(t, b, "unix"), welcome(t, b, "unix")
	number := member.join("r", "m")
	const calls = 2000
	done := make(chan struct{})
	go func() {
		defer close(done)
		for i := range uint64(calls) {
			caller.call(i+1, "r", time.Minute, nil)
			d := member.expect(protocol.KindDeliver, nil)
			member.send(protocol.Header{Kind: protocol.KindReply, Sequence: d.Sequence, Room: number, Outcome: protocol.OK}, nil, nil)
			caller.account()
		}
	}()
	for scrapes := 0; ; scrapes++ {
		m := scrape(t, b)
		if a, f, i := m["middlecon_calls_accepted_total"], m["middlecon_calls_finished_total"], m["middlecon_calls_in_flight"]; a != f+i {
			t.Fatalf("accepted %v, finished %v, in flight %v", a, f, i)
		}
		if ok, n := m[`middlecon_outcomes_total{outcome="ok"}`], m["middlecon_call_seconds_count"]; ok != n {
			t.Fatalf("%v members ok, %v calls answered", ok, n)
		}
		select {
		case <-done:
			if m := scrape(t, b); m["middlecon_calls_finished_total"] != calls {
				t.Errorf("finished %v of %d", m["middlecon_calls_finished_total"], calls)
			}
			t.Logf("%d scrapes", scrapes)
			return
		default:
		}
	}
}

func TestStatus(t *testing.T) {
	b := start(t, nil)
	r := welcome(t, b, "unix")
	r.join("r", "m")
	r.send(protocol.Header{Kind: protocol.KindStatus, Sequence: 5}, nil, nil)
	var s protocol.Stats
	if f := r.expect(protocol.KindStats, &s); f.Sequence != 5 || s.Sessions != 1 || s.Members != 1 || len(s.Outcomes) != 1+len(protocol.Outcomes()) || len(s.Latency) != protocol.LatencyBuckets {
		t.Errorf("%+v", s)
	}
}

// promtool, where there is one, has nothing to say against the metrics.
func TestMetricsLint(t *testing.T) {
	tool, err := exec.LookPath("promtool")
	if err != nil {
		t.Skip("promtool is not installed")
	}
	b := start(t, nil)
	welcome(t, b, "unix").lives()
	w := httptest.NewRecorder()
	b.Metrics().ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/metrics", nil))
	labels := map[string]bool{}
	for _, label := range regexp.MustCompile(`middlecon_[a-z_]*\{([a-z]+)=`).FindAllStringSubmatch(w.Body.String(), -1) {
		labels[label[1]] = true
	}
	if !maps.Equal(labels, map[string]bool{"le": true, "outcome": true}) {
		t.Errorf("labels %v: no name from the network may be one", labels)
	}
	check := exec.CommandContext(t.Context(), tool, "check", "metrics")
	check.Stdin = w.Body
	if out, err := check.CombinedOutput(); err != nil || len(out) > 0 {
		t.Errorf("promtool check metrics: %v\n%s", err, out)
	}
}
