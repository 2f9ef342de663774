package faults

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"ddcos/protocol"
)

// soakEnv is set by `make soak`: the same tests, longer and larger.
const soakEnv = "FAULTS_SOAK"

func soaking() bool { return os.Getenv(soakEnv) != "" }

// sized is a number for `make test`, and one for `make soak`.
func sized(test, soak int) int {
	if soaking() {
		return soak
	}
	return test
}

// restart kills the broker and begins its next life. What was in flight ends
// with an error; what comes now is of another era.
func (w *world) restart(s unix.Signal) {
	w.Helper()
	_ = w.broker.cmd.Process.Signal(s) // it may have ended by itself
	<-w.broker.done
	<-w.watched
	w.mu.Lock()
	w.era++
	w.mu.Unlock()
	w.broker.serve(w)
	w.watch()
}

// TestBrokerKilled (faults 4 and 18): the broker is killed under thousands of
// sessions while calls are in flight, and started again. Each caller is told an
// error, nobody a list that looks complete; every member is back under its name
// and a call reaches all of them.
func TestBrokerKilled(t *testing.T) {
	w := begin(t, setup{})
	const sessions = 5000
	w.members(plan{Names: names("m", sessions), Reconnect: true})
	var failed sync.WaitGroup
	for i := range 8 {
		c := w.caller(fmt.Sprintf("c%d", i))
		failed.Go(func() {
			if a, err := c.call(ask{orders: []string{"*=sleep:1m"}}); err == nil {
				t.Errorf("an account of a broker that was killed: %v", a.Counts())
			}
		})
	}
	w.awaitSteps(Began, sessions)
	w.restart(unix.SIGKILL)
	failed.Wait()
	w.awaitSize(sessions)
	if n := w.caller("next").must(ask{}).Counts(); n[protocol.OK] != sessions || len(n) != 1 {
		t.Errorf("after the restart: %v", n)
	}
	w.finish()
}

// TestBrokerInterrupted (fault 4): a broker that is told to end says so. Calls
// in flight end with an error.
func TestBrokerInterrupted(t *testing.T) {
	w := begin(t, setup{})
	w.members(plan{Names: names("m", 3), Reconnect: true})
	done := make(chan error, 1)
	c := w.caller("c")
	go func() {
		_, err := c.call(ask{orders: []string{"m1=sleep:1m"}})
		done <- err
	}()
	w.awaitSteps(Began, 3)
	w.restart(unix.SIGTERM)
	if err := <-done; !errors.Is(err, protocol.CodeShuttingDown) {
		t.Errorf("the call ended with %v", err)
	}
	w.awaitSize(3)
	w.finish()
}

// TestCallerKilled (fault 6): a caller is killed in its call. The call ends in
// bounded time, its members' contexts too, and it is counted as abandoned.
func TestCallerKilled(t *testing.T) {
	w := begin(t, setup{})
	w.baseline()
	w.members(plan{Names: names("m", 4)})
	killed := w.play("caller", plan{Names: []string{"killed"}, Address: w.broker.socket})
	w.awaitSteps(Began, 4)
	killed.end()
	key := Key{"killed", 1}
	digest := Digest(Payload(key, []string{"*=sleep:1m"}, 0))
	w.h.Calls = append(w.h.Calls, Call{Key: key, Room: theRoom, Orphan: true, Digest: digest})
	w.awaitSteps(Stopped, 4)
	await(t, "the call is abandoned", func() bool { return w.sample(false).Abandoned == 1 })
	w.finish()
}

// TestStarvedMembers (fault 3): members that get a twentieth of a CPU answer
// late, but are not taken for dead within three pings.
func TestStarvedMembers(t *testing.T) {
	const ping = 2 * time.Second
	w := begin(t, setup{flags: []string{"--ping-every", ping.String()}})
	group := cgroup(t, "cpu", map[string]string{"cpu.cfs_period_us": "100000", "cpu.cfs_quota_us": "5000"})
	starved := w.members(plan{Names: names("starved", 8), Address: w.broker.tcp})
	group.add(t, starved.pid())
	c := w.caller("c")
	for end := time.Now().Add(6 * ping); time.Now().Before(end); {
		c.must(ask{})
	}
	log, err := os.ReadFile(w.broker.log)
	if err != nil || strings.Contains(string(log), "unresponsive") {
		t.Errorf("the broker's log: %v %s", err, log)
	}
	w.finish()
}

// TestSmallMachine (fault 30): a collector that never rests and one CPU.
func TestSmallMachine(t *testing.T) {
	w := begin(t, setup{env: []string{"GOGC=10", "GOMAXPROCS=1"}})
	w.baseline()
	w.mixed(sized(20, 400), 1)
	w.finish()
}
