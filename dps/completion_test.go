package dps_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"

	"ddcos/dps"
	"ddcos/k2i/fleet"
	"ddcos/k2i/wire"
)

func TestComplete(t *testing.T) {
	c := dps.Completer{
		Hosts:   func() []string { return []string{"db1", "web1", "web2"} },
		Users:   func() []string { return []string{"root", "rtkit", "www"} },
		Groups:  func() []string { return []string{"adm", "root"} },
		Formats: func() []string { return []string{"memory", "short"} },
	}
	for _, test := range []struct {
		before, begun string
		first         string // words; "" for none at all
		open, files   bool
	}{
		{"", "--nd", "--ndjson", false, false},
		{"-ef", "--no-", "--no-headers --no-host", false, false},
		{"", "nosuch", "", false, false},

		{"--sort", "rss_a", "rss_anon_bytes", true, false},
		{"", "--sort=-rss_a", "-rss_anon_bytes", true, false},
		{"k", "pid,+rcpu_", "pid,+rcpu_with_exited", true, false},
		{"-o", "pid,comma", "pid,command", true, false},
		{"-eo", "comma", "command", true, false},
		{"axo", "comma", "command", true, false},
		{"-opid", "--ndj", "--ndjson", false, false},
		{"", "--format=pid,-comma", "", true, false},

		{"--on", "", "db1 web1 web2", true, false},
		{"", "--on=web1,w", "web1,web1 web1,web2", true, false},
		{"-e -u", "r", "root rtkit", true, false},
		{"--user", "www,ro", "www,root", true, false},
		{"U", "w", "www", true, false},
		{"-G", "a", "adm", true, false},
		{"--as", "", "memory short", false, false},
		{"--color", "a", "auto always", false, false},
		{"", "--color=n", "never", false, false},
		{"--help", "f", "fleet", false, false},

		{"--by", "us", "user", false, false},
		{"", "--by=c", "comm container cgroup", false, false},
		{"--peers --by", "", "comm host process", false, false},
		{"--by user --sort", "max_", "max_rss_bytes", true, false},
		{"--by=user", "--sort=-use", "-user", true, false},
		{"--peers --sort", "se", "sent", true, false},
		{"--peers --by host --sort", "con", "connections", true, false},
		{"--where", "rcpu_", "rcpu_with_exited", true, false},
		{"--where", "rss > ", "", true, false},

		{"--config", "", "", false, true},
		{"--tls-ca", "", "", false, true},
		{"--broker", "", "", false, false},
		{"", "--nosuch=x", "", false, false},
		{"--user root", "--cs", "--csv", false, false},
	} {
		got := c.Complete(strings.Fields(test.before), test.begun)
		var words []string
		for _, w := range got.Words {
			words = append(words, w.Text)
		}
		if strings.Join(words, " ") != test.first || got.Open != test.open || got.Files != test.files {
			t.Errorf("%s [%s]: %v, open %v, files %v; want %s", test.before, test.begun, words, got.Open, got.Files, test.first)
		}
	}
	if all := c.Complete(nil, "").Words; len(all) < 80 || slices.ContainsFunc(all, func(w dps.Word) bool { return w.Help == "" }) {
		t.Errorf("of nothing %d words, or one without help", len(all))
	}
}

// What is offered as the argument of an option is understood there.
func TestCompletionsAreUnderstood(t *testing.T) {
	c := dps.Completer{}
	for _, option := range []string{"-o", "--sort", "-O", "--by"} {
		for _, w := range c.Complete([]string{option}, "").Words {
			if _, err := dps.Parse([]string{option, w.Text}, dps.Env{}); err != nil {
				t.Errorf("%s %s: %v", option, w.Text, err)
			}
		}
	}
	for _, by := range []string{"", "--by=host"} {
		before := strings.Fields("--peers " + by + " --sort")
		for _, w := range c.Complete(before, "").Words {
			if _, err := dps.Parse(append(before, w.Text), dps.Env{}); err != nil {
				t.Errorf("%v %s: %v", before, w.Text, err)
			}
		}
	}
}

// namesOnly is a source of hosts with these names, which do not answer.
type namesOnly struct {
	names []string
	err   error
}

func (s namesOnly) Ask(context.Context, wire.Request) ([]fleet.Reply, error) {
	var replies []fleet.Reply
	for _, name := range s.names {
		replies = append(replies, fleet.Reply{Host: name, Status: fleet.StatusAbsent})
	}
	return replies, s.err
}

// A name that a shell would not take as it is, is not offered: hosts choose theirs.
func TestHostNames(t *testing.T) {
	got := dps.HostNames(t.Context(), namesOnly{names: []string{"web1", "$(reboot)", "a b", "http://c:1", "", "db.eu-1_x", "x;y", "é"}})
	if want := []string{"web1", "db.eu-1_x"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	if got := dps.HostNames(t.Context(), namesOnly{names: []string{"a"}, err: errors.New("no broker")}); got != nil {
		t.Errorf("got %q", got)
	}
}
