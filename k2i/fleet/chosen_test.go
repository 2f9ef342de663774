package fleet

import (
	"strings"
	"testing"

	"ddcos/k2i/query"
)

// A host that is asked for by its name and that nobody knows has failed; one that
// failed is known, by whatever name it is reached, and a pattern names nobody, unless
// there is nobody whom it could mean.
func TestAHostThatNobodyKnows(t *testing.T) {
	for _, c := range []struct {
		on, label, failed string
	}{
		{on: "web1,nosuch", failed: "nosuch: unknown"},
		{on: "web[1-3]", failed: "web2: timeout, web3: unknown"},
		{on: "far", failed: "http://far:7412: unreachable"},
		{on: "no*,web1", failed: ""},
		{on: "web*", failed: "web2: timeout"},
		{on: "no*,nil?", failed: "no*,nil?: unknown"},
		{on: "no*", label: "rack=1", failed: ""},
		{on: "nosuch", label: "rack=1", failed: ""}, // it may be there, in another rack
		{on: "", failed: "http://far:7412: unreachable, web2: timeout"},
	} {
		q := query.Query{On: c.on}
		if name, value, ok := strings.Cut(c.label, "="); ok {
			q.Labels = map[string]string{name: value}
		}
		replies := []Reply{ok(host("web1", 1), q), {Host: "web2", Status: StatusTimeout}, {Host: "http://far:7412", Status: StatusUnreachable}}
		table, err := Ask(t.Context(), &answered{replies: replies}, q)
		if err != nil {
			t.Fatal(err)
		}
		var failed []string
		for _, h := range table.Failed() {
			failed = append(failed, h.Name+": "+string(h.Status))
		}
		if got := strings.Join(failed, ", "); got != c.failed {
			t.Errorf("--on %q: failed %q, want %q", c.on, got, c.failed)
		}
	}
}

// Of hosts that did not answer, those that the pattern cannot mean are left out.
func TestChosen(t *testing.T) {
	down := func(name string) Reply { return Reply{Host: name, Status: StatusUnreachable} }
	for _, c := range []struct {
		name, on string
		want     bool
	}{
		{"web1", "web*", true},
		{"db1", "web*", false},
		{"http://web1:7412", "web*", true},
		{"http://db1:7412", "web*", false},
		{"web1:7412", "web1", true},
		{"10.0.0.1:7412", "web*", true},
		{"unix:///run/k2i.sock", "web*", true},
		{"db1", "", true},
	} {
		r := down(c.name)
		if got := choiceOf(query.Query{On: c.on}).has(&r); got != c.want {
			t.Errorf("%s on %q: %v", c.name, c.on, got)
		}
	}
}
