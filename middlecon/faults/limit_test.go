package faults

import (
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"ddcos/protocol"
)

// onlyTaken lets an error pass that says only that a name is still in use.
func onlyTaken(err error) error {
	if errors.Is(err, protocol.CodeNameTaken) {
		return nil
	}
	return err
}

// files lowers the broker's file limit so that it may open so many more.
func (b *brokerProcess) files(t *testing.T, more int) (back func()) {
	t.Helper()
	limit := 0
	for ; ; limit++ { // a number must be below the limit
		_, err := os.Lstat(fmt.Sprintf("/proc/%d/fd/%d", b.pid(), limit))
		if err == nil {
			continue
		}
		if more == 0 {
			break
		}
		more--
	}
	var was unix.Rlimit
	now := unix.Rlimit{Cur: uint64(limit), Max: 1 << 14}
	if err := unix.Prlimit(b.pid(), unix.RLIMIT_NOFILE, &now, &was); err != nil {
		t.Fatal(err)
	}
	was.Max = min(was.Max, now.Max) // it cannot be raised again
	return func() {
		if err := unix.Prlimit(b.pid(), unix.RLIMIT_NOFILE, &unix.Rlimit{Cur: was.Max, Max: was.Max}, nil); err != nil {
			t.Error(err)
		}
	}
}

// TestFileTableFull (fault 19): the broker has no file left. Sessions live, and
// calls go through; newcomers wait and are served when there are files again.
func TestFileTableFull(t *testing.T) {
	w := begin(t, setup{})
	w.members(plan{Names: names("well", 10)})
	c := w.caller("c")
	c.must(ask{})
	back := w.broker.files(t, 0)
	var waiting []*raw
	for range 20 {
		waiting = append(waiting, connectRaw(t, w.broker.socket, 0))
	}
	await(t, "the broker says that it cannot accept", func() bool {
		log, err := os.ReadFile(w.broker.log)
		return err == nil && strings.Contains(string(log), "cannot accept")
	})
	for range 50 {
		c.must(ask{})
	}
	back()
	for _, r := range waiting {
		r.welcome()
		_ = r.c.Close()
	}
	w.finish()
}

// TestFewFiles (fault 19): a broker that may open few files serves fewer
// sessions, refuses the others with a code, and takes new ones when some go.
func TestFewFiles(t *testing.T) {
	for _, files := range []int{64, 256} {
		t.Run(fmt.Sprint(files), func(t *testing.T) {
			limit := fmt.Sprintf("--nofile=%d:%d", files, files)
			w := begin(t, setup{via: []string{"prlimit", limit}})
			served, refused := 0, 0
			var all []net.Conn
			for range files + 20 {
				r := connectRaw(t, w.broker.socket, 0)
				_, _ = r.c.Write(r.hello()) // a full broker does not read it
				switch f := r.next(); {
				case f.Kind == protocol.KindWelcome:
					served++
					all = append(all, r.c)
				case f.Code == protocol.CodeTooManySessions:
					refused++
				default:
					t.Fatalf("a %v frame: %v", f.Kind, f.Code)
				}
			}
			if refused < 20 || served+1 > files {
				t.Errorf("%d served, %d refused", served, refused)
			}
			w.sample(false) // the first session lives
			for _, c := range all {
				_ = c.Close()
			}
			if served > 0 {
				await(t, "there is room again", func() bool { return w.sample(false).Sessions == 1 })
				w.finish()
			}
		})
	}
}

// TestMemory (fault 20): members' replies are larger than the memory that the
// broker may have. Told how much that is, or finding it by itself, it refuses what is
// beyond, and lives. Told that there is no limit it is killed: callers are told an error, and its next life is clean.
func TestMemory(t *testing.T) {
	const limit = 192 << 20
	replies := ask{orders: []string{"*=big:15000000"}} // 240 MB a call
	for _, how := range []string{"told", "derived", "untold"} {
		t.Run(how, func(t *testing.T) {
			told := how != "untold"
			var s setup
			group := cgroup(t, "memory", map[string]string{"memory.limit_in_bytes": fmt.Sprint(limit)})
			switch how {
			case "told":
				s.env = []string{fmt.Sprint("GOMEMLIMIT=", limit/2)}
			case "derived": // it finds its limit when it starts
				s.via = []string{"sh", "-c", `echo $$ >"$0"; exec "$@"`, filepath.Join(group.dir, "cgroup.procs")}
			case "untold":
				s.env = []string{"GOMEMLIMIT=off"}
			}
			w := begin(t, s)
			big := names("big", 16)
			w.sick(big...)
			w.members(plan{Names: big, Reconnect: true})
			group.add(t, w.broker.pid())
			c := w.caller("c")
			if told {
				for range 3 {
					if n := c.must(replies).Counts(); n[protocol.OK] == 0 || n[protocol.AppError] == 0 {
						t.Errorf("more than there is memory for: %v", n)
					}
				}
			} else {
				w.untilKilled(replies)
				w.restart(unix.SIGKILL)
			}
			w.awaitSize(16)
			if n := w.caller("after").must(ask{}).Counts(); n[protocol.OK] != 16 {
				t.Errorf("afterwards: %v", n)
			}
			w.finish()
		})
	}
}

// untilKilled calls from many sessions until the broker has no memory left.
func (w *world) untilKilled(a ask) {
	w.Helper()
	var calls sync.WaitGroup
	for _, name := range names("hungry", 8) {
		c := w.caller(name)
		calls.Go(func() {
			if _, err := c.call(a); err == nil && w.broker.alive() {
				w.Log("an account came in time")
			}
		})
	}
	calls.Wait()
	select {
	case <-w.broker.done:
	case <-time.After(patience):
		w.Fatal("the broker lives on")
	}
}
