package dps_test

import (
	"context"
	"strings"
	"testing"

	"ddcos/dps"
	"ddcos/k2i/fleet"
	"ddcos/k2i/wire"
)

// twoBrokers is a fleet behind two brokers, one of which is gone.
type twoBrokers struct{ fleet.Source }

func (twoBrokers) Brokers() []fleet.BrokerState {
	return []fleet.BrokerState{{Address: "tcp://a:1", Questions: 1}, {Address: "tcp://b:2", Err: "the broker cannot be reached at tcp://b:2: refused\x1b"}}
}

// Stream hands every reply on, so that listings come in parts.
func (s twoBrokers) Stream(ctx context.Context, req wire.Request, each func(fleet.Reply) fleet.Reply) ([]fleet.Reply, error) {
	replies, err := s.Ask(ctx, req)
	for i := range replies {
		if each != nil {
			replies[i] = each(replies[i])
		}
	}
	return replies, err
}

// A broker that was of no use is told in every kind of listing and in both kinds of
// JSON: a host that is at none but that one stands nowhere else.
func TestBrokersAreTold(t *testing.T) {
	for _, line := range []string{"-e", "-e --sort pid", "-e --limit 1", "--fleet", "--by user", "--peers", "-e --csv"} {
		for _, output := range []string{"", "--json", "--ndjson"} {
			if output != "" && strings.Contains(line, "--csv") {
				continue
			}
			out, problems, _ := over(t, twoBrokers{someTalk()}, strings.Fields(line+" "+output)...)
			if !strings.Contains(problems, "dps: broker tcp://b:2: cannot be reached: refused?\n") {
				t.Errorf("%s %s: told is %q", line, output, problems)
			}
			if output != "" && !strings.Contains(out, `"brokers":[{"address":"tcp://a:1",`) {
				t.Errorf("%s %s has no brokers:\n%s", line, output, out)
			}
		}
	}
	if out, problems, _ := over(t, someTalk(), "-e", "--ndjson"); strings.Contains(out+problems, "broker") {
		t.Errorf("of one broker: %s%s", out, problems)
	}
}

// limited tells whether a question had a deadline.
type limited struct {
	*scripted
	had bool
}

func (s *limited) Ask(ctx context.Context, req wire.Request) ([]fleet.Reply, error) {
	_, s.had = ctx.Deadline()
	return s.scripted.Ask(ctx, req)
}

// Other hosts have a deadline; this one is waited for, as ps would.
func TestDeadlineIsOfOthers(t *testing.T) {
	for line, want := range map[string]bool{"-e": false, "--broker unix:///nowhere -e": true, "--fleet": false} {
		c, err := dps.Parse(strings.Fields(line), dps.Env{})
		if err != nil {
			t.Fatal(err)
		}
		source := &limited{scripted: twoHosts()}
		if run(t, c, source); source.had != want {
			t.Errorf("%s: a deadline %v, want %v", line, source.had, want)
		}
	}
}
