package broker

import (
	"cmp"
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
	raced  int // the scale under the race detector, which slows all down and judges no memory; 0: the same
	// deliveries are those that a principal may cause, a second and at once; 0: as many
	// as by default. They are so few that no machine is too slow to be asked for more,
	// and the neighbours call seldom.
	deliveries int
	files      uint64 // that the broker may have; 0: as many as there are
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

// seldom is how often the neighbours call where deliveries are few: they cause a sixth of
// them, and make up for a pause of seconds with no more than they may cause at once.
const seldom = 100 * time.Millisecond

// TestAttacks lets each attack loose on a broker that has healthy neighbours:
// its memory stays bounded, the attack's sessions end by the right word or are
// ignored, and every call of the neighbours has its complete account.
func TestAttacks(t *testing.T) {
	shared := besiege(t, besiegedOptions{}, 4*time.Millisecond)
	shared.await(t, 50)
	for _, v := range judgements() {
		t.Run(v.attack, func(t *testing.T) {
			s := shared
			if raced {
				v.scale = cmp.Or(v.raced, v.scale)
			}
			if v.deliveries > 0 {
				s = besiege(t, besiegedOptions{Deliveries: v.deliveries}, seldom)
				s.await(t, 5)
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
	full := fullFileTable()
	s := besiege(t, besiegedOptions{Files: full.files}, 4*time.Millisecond)
	s.await(t, 20)
	s.suffer(t, full)
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
	calls, longest := s.heard(t), time.Duration(0)
	for _, c := range calls {
		longest = max(longest, c.took)
	}
	t.Logf("%v: %d sessions, %d frames, ends %v %v; memory %d KiB at most, %d KiB kept; %d calls beside it, %v at most",
		took.Round(time.Millisecond), d.Sessions, d.Frames, d.Ends, d.Figures, peak>>10, kept>>10, len(calls), longest)
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

func kib(n int) int { return n << 10 }

func word(codes ...fmt.Stringer) (words []string) {
	for _, c := range codes {
		words = append(words, c.String())
	}
	return words
}
