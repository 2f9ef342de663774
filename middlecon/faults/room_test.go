package faults

import (
	"context"
	"fmt"
	"path/filepath"
	"sync"
	"testing"

	"ddcos/middlecon"
	"ddcos/protocol"
)

// TestRoomSizes (fault 17): a room of nobody, of one and of many, and one where
// all refuse. The account is whole and comes at once, long before its deadline.
func TestRoomSizes(t *testing.T) {
	w := begin(t, setup{})
	c := w.caller("c")
	early := func(a *middlecon.Account, size int, what protocol.Outcome) {
		t.Helper()
		if a.Selected != size || a.Counts()[what] != size || a.Elapsed > patience/2 {
			t.Errorf("a room of %d: %v after %v", size, a.Counts(), a.Elapsed)
		}
	}
	early(c.must(ask{}), 0, protocol.OK)
	for _, size := range []int{1, 2, 1000} {
		w.mu.Lock()
		have := len(w.in)
		w.mu.Unlock()
		w.members(plan{Names: names(fmt.Sprintf("of%d-", size), size-have)})
		early(c.must(ask{}), size, protocol.OK)
		early(c.must(ask{orders: []string{"*=refuse"}}), size, protocol.Refused)
		early(c.must(ask{orders: []string{"*=fail"}}), size, protocol.AppError)
		early(c.must(ask{orders: []string{"*=panic"}}), size, protocol.AppError)
	}
	w.finish()
}

// TestJoinLeaveStorm (fault 16): members join, leave and are lost as fast as
// they can while calls are made. Each call's account is of one view, exactly.
func TestJoinLeaveStorm(t *testing.T) {
	w := begin(t, setup{})
	w.members(plan{Names: names("well", 3)})
	path := filepath.Join(w.dir, "storm.journal")
	journal, err := OpenJournal(path)
	if err != nil {
		t.Fatal(err)
	}
	w.journals = append(w.journals, path)
	ctx, end := context.WithCancel(t.Context())
	var storm sync.WaitGroup
	for i := range 6 {
		name := fmt.Sprintf("storm%d", i)
		w.sick(name)
		storm.Go(func() {
			for n := 0; ctx.Err() == nil; n++ {
				if err := w.joinAndGo(&member{name: name, life: 4 * n, journal: journal}, n); err != nil {
					t.Errorf("%s: %v", name, err)
					return
				}
			}
		})
	}
	c := w.caller("c")
	views := w.sample(false).Views
	for range 20 {
		for range 20 {
			c.must(ask{})
		}
		w.sample(false)
	}
	made := w.sample(false).Views - views
	end()
	storm.Wait()
	if made < 100 {
		t.Errorf("a storm of %d views", made)
	}
	w.awaitSize(3)
	w.finish()
	if err := journal.Close(); err != nil {
		t.Error(err)
	}
}

// joinAndGo joins, and leaves or ends the session. A name may still be taken by
// the session before.
func (w *world) joinAndGo(m *member, n int) error {
	ctx := context.Background()
	conn, err := middlecon.Dial(ctx, w.broker.socket, middlecon.Options{Timeout: patience})
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close() }()
	for range 1 + n%3 {
		m = &member{name: m.name, life: m.life + 1, journal: m.journal}
		in, err := conn.Join(ctx, theRoom, middlecon.Member{Name: m.name}, m.handle)
		if err != nil {
			return onlyTaken(err)
		}
		if n%2 == 0 {
			return nil // lost
		}
		if err := in.Leave(ctx); err != nil {
			return err
		}
	}
	return nil
}
