package faults

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"ddcos/bench/hosts"
	"ddcos/middlecon"
	"ddcos/protocol"
)

// network is a world with a broker on one host and members on another.
type network struct {
	*world
	center *hosts.Datacenter
	far    *hosts.Host
	faulty []string // the members on it
}

// on is how to start a process within a host's network.
func on(h *hosts.Host) []string { return []string{"nsenter", "-t", fmt.Sprint(h.PID()), "-n"} }

// beginNetwork starts a broker on one host, three members beside it and so many far ones.
func beginNetwork(t *testing.T, far int, reconnect bool) *network {
	t.Helper()
	for _, tool := range []string{"tc", "nsenter"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Skip(err)
		}
	}
	spec := hosts.DefaultOptions()
	spec.Hosts = []string{"near", "far"}
	center, err := hosts.Start(t.Context(), spec)
	if errors.Is(err, syscall.EPERM) {
		t.Skip(err)
	} else if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := center.Close(); err != nil {
			t.Error(err)
		}
	})
	address := fmt.Sprintf("tcp://%s:7411", center.Hosts[0].Addr)
	n := &network{center: center, far: center.Hosts[1], faulty: names("far", far)}
	n.world = begin(t, setup{via: on(center.Hosts[0]), flags: []string{"--listen", address, "--insecure-plaintext"}})
	n.members(plan{Names: names("well", 3)})
	n.sick(n.faulty...)
	n.members(plan{Names: n.faulty, Address: address, Reconnect: reconnect, Via: on(n.far)})
	return n
}

// tc changes what the far host's cable does.
func (n *network) tc(args ...string) {
	n.Helper()
	if out, err := n.far.Output(n.Context(), append([]string{"tc"}, args...)...); err != nil {
		var exit *exec.ExitError
		if errors.As(err, &exit) {
			out = append(out, exit.Stderr...)
		}
		n.Fatalf("tc %s: %v %s", strings.Join(args, " "), err, out)
	}
}

// What a classic BPF program makes of a packet: each is "code jt jf k". The
// verdicts are TC_ACT_OK and TC_ACT_SHOT.
const (
	dropAll = "1,6 0 0 2"
	// ldh [16] (the length of an IP packet); jgt #80 drop: acknowledgements pass, frames do not.
	dropFrames = "4,40 0 0 16,37 0 1 80,6 0 0 2,6 0 0 0"
)

// dropSome loses that share of packets at random: ld rand; jge #k pass.
func dropSome(percent uint64) string {
	return fmt.Sprintf("4,32 0 0 4294963256,53 0 1 %d,6 0 0 0,6 0 0 2", percent*(1<<32)/100)
}

// drop puts a program where packets come in to, or go out of, the far host.
func (n *network) drop(direction, program string) (heal func()) {
	n.Helper()
	n.tc("qdisc", "replace", "dev", "eth0", "clsact")
	n.tc("filter", "add", "dev", "eth0", direction, "bpf", "da", "bytecode", program)
	return func() { n.tc("filter", "del", "dev", "eth0", direction) }
}

// outcomes of the far members, counted; those of the others are held by the oracle.
func (n *network) outcomes(a *middlecon.Account) map[protocol.Outcome]int {
	counts := map[protocol.Outcome]int{}
	for _, o := range a.Outcomes {
		if slices.Contains(n.faulty, o.Name) {
			counts[o.Outcome]++
		}
	}
	return counts
}

// TestHalfOpen (fault 7): a host is gone without a word, its cable out or every
// packet lost. Its members are found within seconds, in a call and in silence,
// long before the call's deadline.
func TestHalfOpen(t *testing.T) {
	const found = 20 * time.Second // 3 are promised; the margin is for a busy machine
	for name, cut := range map[string]func(*network){
		"cable": func(n *network) {
			if err := n.center.SetLink(n.far, false); err != nil {
				n.Fatal(err)
			}
		},
		"packets": func(n *network) { n.drop("ingress", dropAll); n.drop("egress", dropAll) },
	} {
		for _, silent := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s silent=%v", name, silent), func(t *testing.T) {
				n := beginNetwork(t, 20, false)
				cut(n)
				began := time.Now()
				if !silent {
					a := n.caller("c").must(ask{})
					if o := n.outcomes(a); o[protocol.LostAfterSend] != 20 {
						t.Errorf("behind a cut cable: %v", o)
					}
				}
				n.awaitSize(3)
				if took := time.Since(began); took > found {
					t.Errorf("found after %v", took)
				}
				n.finish()
			})
		}
	}
}

// TestRepliesLost (fault 8): what members say is lost, and what they hear is
// not. They are no_receipt at the deadline, and each did what it was called for
// once; what they said comes late, when it can, and changes nothing.
func TestRepliesLost(t *testing.T) {
	n := beginNetwork(t, 5, false)
	c := n.caller("c")
	heal := n.drop("egress", dropFrames)
	a := c.must(ask{deadline: 3 * time.Second})
	if o := n.outcomes(a); o[protocol.NoReceipt] != 5 {
		t.Errorf("replies are lost: %v", o)
	}
	n.awaitSteps(Effect, 8)
	heal()
	await(t, "the replies come late", func() bool { return n.sample(false).Late == 5 })
	if o := n.outcomes(c.must(ask{})); o[protocol.OK] != 5 {
		t.Errorf("afterwards: %v", o)
	}
	n.finish()
}

// TestPacketLoss (fault 10): TCP hides it. Where a tenth is lost all are ok;
// where a third is, sessions may end, and accounts are whole still.
func TestPacketLoss(t *testing.T) {
	for _, percent := range []uint64{1, 10, 30} {
		t.Run(fmt.Sprintf("%d percent", percent), func(t *testing.T) {
			n := beginNetwork(t, 8, true)
			c := n.caller("c")
			heal := n.drop("ingress", dropSome(percent))
			for range sized(10, 200) {
				a := c.must(ask{fill: 3000})
				if o := n.outcomes(a); percent <= 10 && o[protocol.OK] != 8 {
					t.Errorf("%d %% lost: %v", percent, o)
				}
			}
			heal()
			if again := n.retransmitted(); percent >= 10 && again == 0 {
				t.Error("nothing was lost")
			}
			n.finish()
		})
	}
}

// retransmitted is how many segments the broker's host had to send again.
func (n *network) retransmitted() (count int) {
	n.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/net/snmp", n.center.Hosts[0].PID()))
	if err != nil {
		n.Fatal(err)
	}
	var names, values []string
	for line := range strings.Lines(string(text)) {
		if rest, ok := strings.CutPrefix(line, "Tcp:"); ok {
			names, values = values, strings.Fields(rest)
		}
	}
	if _, err := fmt.Sscan(values[slices.Index(names, "RetransSegs")], &count); err != nil {
		n.Fatal(err)
	}
	return count
}

// TestThinCable (fault 11): large replies come by a cable of 1 Mbit/s. The
// calls of others end in between, and what is held of replies is bounded.
func TestThinCable(t *testing.T) {
	n := beginNetwork(t, 2, false)
	n.h.Held = 4 << 20
	n.tc("qdisc", "replace", "dev", "eth0", "root", "tbf", "rate", "1mbit", "burst", "32kbit", "latency", "400ms")
	size := sized(256<<10, 1<<20)
	var calls sync.WaitGroup
	big, three := n.caller("big"), n.caller("three")
	ctx, end := context.WithCancel(t.Context())
	calls.Go(func() {
		defer end()
		a := big.must(ask{deadline: time.Minute, orders: []string{fmt.Sprintf("far0=big:%d", size), fmt.Sprintf("far1=big:%d", size)}})
		if o := n.outcomes(a); o[protocol.OK] != 2 {
			t.Errorf("large replies by a thin cable: %v", o)
		}
	})
	made := 0
	pace := time.NewTicker(50 * time.Millisecond) // or the cable were full of these
	defer pace.Stop()
	need := middlecon.CallOptions{Need: protocol.Rule{Kind: protocol.RuleAtLeast, N: 3}}
	for ; ctx.Err() == nil; made++ {
		if a := three.must(ask{options: need}); !a.Met {
			t.Errorf("the others: %v", a.Counts())
		}
		n.sample(false)
		<-pace.C
	}
	calls.Wait()
	if made < 10 {
		t.Errorf("%d calls of others ended meanwhile", made)
	}
	n.finish()
}
