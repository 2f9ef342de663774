package broker

import (
	"encoding/json"
	"math/rand/v2"
	"os"
	"runtime/debug"
	"slices"
	"testing"
	"time"
)

const (
	nearPace  = 2 * time.Millisecond // of each of the neighbours' callers
	calmFor   = 600 * time.Millisecond
	warFor    = 1800 * time.Millisecond
	momentFor = 100 * time.Millisecond
	resamples = 500
)

// moment is how long the calls took, in µs, that were due in the momentFor from at: of the
// neighbours of one broker, and of those of another.
type moment struct {
	at         time.Time
	own, other []float64
}

// BenchmarkAttacks measures what an attack costs the neighbours: by how much the 99th
// percentile of their calls is above that of the neighbours of another broker of the same
// machine, which at that moment is not attacked. Whatever the attacker and a restless machine
// cost both is divided out, and each broker is attacked in turn. The attacker comes from
// elsewhere, as far as that goes on one machine: it has what the others leave of the
// processors.
//
// %cost is of all calls of the moments in which no other machine of the same hardware took a
// processor of this one (see watch); 95 in a hundred lie within %low and %high, if those
// moments are drawn again. %stolen of the moments are left out, and in %all they are not. %up
// and %control are by how much either is above the calm before. The loop's waits (see waits)
// are the 99th percentile in the calm and under attack, and the longest. All take five
// minutes; with ten turns most intervals are ten to either side.
//
//	go test -run '^$' -bench Attacks -benchtime 2x ./middlecon/broker
func BenchmarkAttacks(b *testing.B) {
	comeFirst(b)
	for _, v := range append([]judgement{{attack: noAttack}, fullFileTable()}, judgements()...) {
		b.Run(v.attack, func(b *testing.B) {
			v.deliveries *= 10 // the neighbours call more often here
			var pair [2]*siege
			for i := range pair {
				pair[i] = besiege(b, besiegedOptions{Deliveries: v.deliveries, Files: v.files, Waits: true}, nearPace)
				pair[i].await(b, 500) // all is warm
			}
			steals := startWatch(b)
			var calm, war []moment
			var before, under []float64
			for n := 0; b.Loop(); n++ {
				for i := range pair {
					own, other := pair[(n+i)%2], pair[(n+i+1)%2] // both orders
					own.waits(b)
					calm, before = append(calm, own.beside(b, other, calmFor)...), append(before, own.waits(b)...)
					own.under(b, v, func() {
						own.waits(b)
						war, under = append(war, own.beside(b, other, warFor)...), append(under, own.waits(b)...)
					})
				}
			}
			reportAttack(b, calm, war, steals())
			b.ReportMetric(tail(before), "calm-wait-µs")
			b.ReportMetric(tail(under), "wait-µs")
			b.ReportMetric(slices.Max(under), "longest-µs")
		})
	}
}

// comeFirst lets the processes of this terminal have the processors before whatever else
// there is to do on the machine, as far as one may, and this one do little beside its calls.
func comeFirst(b *testing.B) {
	before := debug.SetGCPercent(1000)
	b.Cleanup(func() { debug.SetGCPercent(before) })
	const group = "/proc/self/autogroup"
	if os.WriteFile(group, []byte("-15"), 0) == nil {
		b.Cleanup(func() { _ = os.WriteFile(group, []byte("0"), 0) })
	}
}

// under does something while a broker is attacked.
func (s *siege) under(b *testing.B, v judgement, do func()) {
	b.Helper()
	cmd, out := spawn(b, roleAttacker, orders{Attack: v.attack, Unix: s.unix, TCP: s.tcp, Scale: v.scale, Deliveries: v.deliveries, Again: true, Meek: true})
	s.pass(b, 200*time.Millisecond) // it has begun
	do()
	_ = cmd.Process.Kill()
	_, _ = out.Read(make([]byte, 1))
	until(b, "its sessions have ended", func() bool {
		s.pass(b, 50*time.Millisecond)
		return s.scrape()["middlecon_sessions"] == neighbourMembers+neighbourCallers
	})
}

// waits are those that the loop has had since it was asked last, µs.
func (s *siege) waits(b *testing.B) (all []float64) {
	b.Helper()
	if err := json.Unmarshal([]byte(s.get("/waits")), &all); err != nil {
		b.Fatal(err)
	}
	return all
}

// pass lets about so much time pass, more if calls are late.
func (n *neighbours) pass(b *testing.B, d time.Duration) {
	b.Helper()
	n.await(b, neighbourCallers*int(d/nearPace))
}

// beside are the next moments, so long in all, of the neighbours of two brokers.
func (s *siege) beside(b *testing.B, other *siege, long time.Duration) []moment {
	b.Helper()
	began := time.Now()
	moments := make([]moment, long/momentFor)
	for i := range moments {
		moments[i].at = began.Add(time.Duration(i) * momentFor)
	}
	s.pass(b, long)
	for _, one := range []*siege{s, other} {
		one.await(b, 10*neighbourCallers) // those that were due are answered
		for _, c := range one.heard(b) {
			at := c.due.Sub(began)
			if at < 0 || at >= long {
				continue
			}
			m := &moments[at/momentFor]
			took := float64(c.took.Nanoseconds()) / 1e3
			if one == s {
				m.own = append(m.own, took)
			} else {
				m.other = append(m.other, took)
			}
		}
	}
	return moments
}

func reportAttack(b *testing.B, calm, war []moment, steals []steal) {
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(cost(war), "%all")
	all := len(war)
	calm, war = undisturbed(calm, steals), undisturbed(war, steals)
	b.ReportMetric(100*float64(all-len(war))/float64(all), "%stolen")
	if len(calm) == 0 || len(war) == 0 {
		b.Fatal("other machines of the same hardware take so much of this one that nothing is left to compare")
	}
	own, other := tails(war)
	calmOwn, calmOther := tails(calm)
	low, high := drawnAgain(war)
	b.ReportMetric(calmOwn, "calm-µs")
	b.ReportMetric(own, "own-µs")
	b.ReportMetric(other, "other-µs")
	b.ReportMetric(above(own, calmOwn), "%up")
	b.ReportMetric(above(other, calmOther), "%control")
	b.ReportMetric(cost(war), "%cost")
	b.ReportMetric(low, "%low")
	b.ReportMetric(high, "%high")
}

func cost(all []moment) float64 { return above(tails(all)) }

// tails are the 99th percentiles of all moments.
func tails(all []moment) (own, other float64) {
	var o, t []float64
	for _, m := range all {
		o, t = append(o, m.own...), append(t, m.other...)
	}
	return tail(o), tail(t)
}

func tail(all []float64) float64 {
	slices.Sort(all)
	return all[len(all)*99/100]
}

// drawnAgain is within what 95 in a hundred costs lie, if the moments are drawn again.
func drawnAgain(all []moment) (low, high float64) {
	chance := rand.New(rand.NewPCG(1, 2))
	costs := make([]float64, resamples)
	drawn := make([]moment, len(all))
	for i := range costs {
		for k := range drawn {
			drawn[k] = all[chance.IntN(len(all))]
		}
		costs[i] = cost(drawn)
	}
	slices.Sort(costs)
	return costs[resamples*25/1000], costs[resamples*975/1000]
}

// above is by how many per cent one is above the other.
func above(one, other float64) float64 { return 100 * (one/other - 1) }
