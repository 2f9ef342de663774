package broker

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"testing"
	"time"

	"ddcos/protocol"
)

// attacks are the ways to hurt a broker by its wire, by name. Each opens its
// own sessions, does a bounded piece of work and notes how its sessions ended.
func attacks() map[string]func(*attacker) {
	return map[string]func(*attacker){
		noAttack:                     func(a *attacker) { <-a.ctx.Done() },
		"W1 lengths":                 attackByLengths,
		"W2-W4 bodies":               attackByBodies,
		"W6 slowloris":               attackBySlowHellos,
		"W9 held hellos":             attackByHeldHellos,
		"W9 held frames":             attackByHeldFrames,
		"W12 rapid reset":            attackByResets,
		"W12 rapid reset next door":  attackByResetsNextDoor,
		"W12 pings":                  attackByPings,
		"W13 endless reply":          attackByEndlessReply,
		"W13 endless stray reply":    attackByEndlessStray,
		"W15 file table":             attackByFiles,
		"W16 never reading members":  attackByNeverReading,
		"W16 never reading watchers": attackByDeafWatchers,
		"W17 replies to one call":    attackByRepliesToOne,
		"W17 replies to any call":    attackByRepliesToAny,
		"W33 amplification":          attackByAmplification,
		"W34 connect storm":          attackByConnecting,
		"W35 rooms":                  attackByRooms,
		"W35 members lost":           attackByLosses,
	}
}

// noAttack is what a measurement of attacks is compared with: an attacker that does nothing.
const noAttack = "nothing"

// judgement is what must hold of an attack.
type judgement struct {
	attack string
	scale  int
	// deliveries are those that a principal may cause, a second and at once; 0: as many
	// as by default.
	deliveries int
	// ends are the last words that the attack's sessions may hear; "lives" is
	// said of one that still answers.
	ends []string
	// peak bounds by how much the broker's resident memory grew meanwhile: bytes
	// for each session; peakAll: and in all; keptAll bounds what it has grown by
	// when all is over. Beside them stands garbage.
	peak, peakAll, keptAll int
	metric                 string // that must have grown, if any
}

// garbage is what a broker's heap may have beyond what is in use, before the
// collector runs: as much again, and never less than its least heap.
const garbage = 24 << 20

// TestAttacks lets each attack loose on a broker that has healthy neighbours:
// its memory stays bounded, the attack's sessions end by the right word or are
// ignored, and every call of the neighbours has its complete account.
func TestAttacks(t *testing.T) {
	shared := besiege(t, besiegedOptions{}, 4*time.Millisecond)
	shared.await(t, 50)
	for _, v := range judgements() {
		t.Run(v.attack, func(t *testing.T) {
			s := shared
			if v.deliveries > 0 {
				s = besiege(t, besiegedOptions{Deliveries: v.deliveries}, 4*time.Millisecond)
				s.await(t, 50)
			}
			s.suffer(t, v)
		})
	}
}

// TestFullFileTable (W15): strangers open more connections than the broker has
// files. Those that are no strangers go on as before; the rest is refused with a
// word, ended when no hello comes, or waits; and when they have gone, newcomers
// are welcome again.
func TestFullFileTable(t *testing.T) {
	s := besiege(t, besiegedOptions{Files: 160}, 4*time.Millisecond)
	s.await(t, 20)
	s.suffer(t, judgement{
		attack: "W15 file table", scale: 600, peak: kib(16),
		ends: append(word(protocol.CodeTooManySessions, protocol.CodeHelloTimeout), "closed"),
	})
	s.suffer(t, judgement{attack: "W1 lengths", scale: 1, ends: append(word(protocol.CodeMalformed, protocol.CodeFrameTooLarge), "lives")})
}

// suffer lets one attack loose and holds it to its judgement.
func (s *siege) suffer(t *testing.T, v judgement) {
	outer := s.t
	s.t = t
	defer func() { s.t = outer }()
	before := s.rest()
	metrics := s.scrape()
	began := time.Now()
	cmd, out := spawn(t, roleAttacker, orders{Attack: v.attack, Unix: s.unix, TCP: s.tcp, Scale: v.scale, Deliveries: v.deliveries})
	var d deeds
	if err := json.NewDecoder(out).Decode(&d); err != nil {
		t.Fatalf("the attacker, %d: %v", cmd.Process.Pid, err)
	}
	took := time.Since(began)
	peak := s.memory("VmHWM") - before
	after := s.scrape()
	kept := s.rest() - before
	s.await(t, 10)
	calls := s.heard(t)
	t.Logf("%v: %d sessions, %d frames, ends %v %v; memory %d KiB at most, %d KiB kept; %d calls beside it, %v at most",
		took.Round(time.Millisecond), d.Sessions, d.Frames, d.Ends, d.Figures, peak>>10, kept>>10, len(calls), calls[len(calls)-1])
	for _, why := range d.Wrong {
		t.Error(why)
	}
	for _, word := range slices.Sorted(maps.Keys(d.Ends)) {
		if !slices.Contains(v.ends, word) {
			t.Errorf("%d sessions ended with %s, want %v", d.Ends[word], word, v.ends)
		}
	}
	if d.Sessions == 0 {
		t.Error("no session was opened")
	}
	s.bounded(t, v, d.Sessions, peak, kept)
	if v.metric != "" && after[v.metric] <= metrics[v.metric] {
		t.Errorf("%s is %v, as before", v.metric, after[v.metric])
	}
}

// bounded holds the memory of a broker to what the judgement allows.
func (s *siege) bounded(t *testing.T, v judgement, sessions, peak, kept int) {
	if raced { // which multiplies memory
		return
	}
	if most := v.peak*sessions + v.peakAll + garbage; peak > most {
		t.Errorf("memory grew by %d KiB; %d are allowed", peak>>10, most>>10)
	}
	if most := v.keptAll + garbage; kept > most {
		t.Errorf("memory is still %d KiB more; %d are allowed", kept>>10, most>>10)
	}
}

// BenchmarkAttacks measures what an attack costs the neighbours: the 99th percentile
// of their calls under attack and in peace, in turns so that both see the same
// machine, as the medians of all turns, and by how much one is above the other in
// the median turn. The attacker comes from elsewhere, as far as that goes on one
// machine: it has what the others leave of the processors. The first is no attack: by
// how much it is up or down is what the machine's mood makes of nothing.
//
//	go test -run '^$' -bench Attacks -benchtime 9x ./middlecon/broker
func BenchmarkAttacks(b *testing.B) {
	for _, v := range append([]judgement{{attack: noAttack}}, judgements()...) {
		b.Run(v.attack, func(b *testing.B) {
			deliveries := 2 * v.deliveries // the neighbours call more often here
			s := besiege(b, besiegedOptions{Deliveries: deliveries}, time.Millisecond)
			s.await(b, 1000) // all is warm
			var peace, war, up []float64
			for b.Loop() {
				calm := s.window(b)
				cmd, out := spawn(b, roleAttacker, orders{Attack: v.attack, Unix: s.unix, TCP: s.tcp, Scale: v.scale, Deliveries: deliveries, Again: true, Meek: true})
				s.await(b, 200) // it has begun
				hit := s.window(b)
				_ = cmd.Process.Kill()
				_, _ = out.Read(make([]byte, 1))
				until(b, "its sessions have ended", func() bool {
					s.await(b, 50)
					return s.scrape()["middlecon_sessions"] == neighbourMembers+neighbourCallers
				})
				peace, war, up = append(peace, calm), append(war, hit), append(up, 100*(hit/calm-1))
			}
			b.ReportMetric(median(peace), "peace-p99-µs")
			b.ReportMetric(median(war), "war-p99-µs")
			b.ReportMetric(median(up), "%up")
			b.ReportMetric(0, "ns/op")
		})
	}
}

// window is the 99th percentile of the neighbours' next calls, µs.
func (s *siege) window(b *testing.B) float64 {
	b.Helper()
	s.heard(b)
	s.await(b, 600)
	took := s.heard(b)
	return float64(took[len(took)*99/100].Nanoseconds()) / 1e3
}

func median(all []float64) float64 {
	slices.Sort(all)
	return all[len(all)/2]
}

func kib(n int) int { return n << 10 }

func word(codes ...fmt.Stringer) (words []string) {
	for _, c := range codes {
		words = append(words, c.String())
	}
	return words
}
