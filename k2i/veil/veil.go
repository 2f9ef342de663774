// Package veil decides what of a snapshot is for whose eyes: all of it, all but
// the arguments of processes, or nothing.
package veil

import (
	"errors"
	"fmt"
	"slices"
	"sync"

	"ddcos/k2i"
	"ddcos/middlecon/policy"
)

// ErrForbidden is wrapped where somebody may read nothing.
var ErrForbidden = errors.New("forbidden")

// argsField is what a snapshot is missing that is veiled.
const argsField = "args"

// Veil follows a policy. It is safe for many goroutines.
type Veil struct {
	mu     sync.Mutex // guards the fields below
	policy *policy.Policy
	of     *k2i.Snapshot // the latest that was veiled
	made   *k2i.Snapshot // of it
}

// New follows p; nil is policy.Default.
func New(p *policy.Policy) *Veil {
	v := &Veil{}
	v.Follow(p)
	return v
}

// Follow makes p what holds from now on.
func (v *Veil) Follow(p *policy.Policy) {
	if p == nil {
		p = policy.Default()
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	v.policy = p
}

func (v *Veil) follows() *policy.Policy {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.policy
}

// MayRead refuses a subject that may not read anything; the error wraps ErrForbidden.
func (v *Veil) MayRead(s policy.Subject) error {
	if !v.follows().Allows(s, policy.Read, "").Allowed {
		return fmt.Errorf("%w: %s may not read this host", ErrForbidden, s.Principal)
	}
	return nil
}

// Shown is the snapshot as that subject may see it. Who may not read arguments gets one in
// which there are none, and Missing says so: nothing that is asked of it, be it a condition
// or an order, can tell them. The rows of one snapshot are made once.
func (v *Veil) Shown(s policy.Subject, snap *k2i.Snapshot) *k2i.Snapshot {
	if snap == nil || v.follows().Allows(s, policy.ReadArgs, "").Allowed {
		return snap
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.of != snap {
		v.of, v.made = snap, veiled(snap)
	}
	return v.made
}

func veiled(snap *k2i.Snapshot) *k2i.Snapshot {
	made := *snap
	made.Processes, made.Exited = without(snap.Processes), without(snap.Exited)
	if at, there := slices.BinarySearch(snap.Missing, argsField); !there {
		made.Missing = slices.Insert(slices.Clone(snap.Missing), at, argsField)
	}
	return &made
}

// without are copies of the rows in which there are no arguments.
func without(rows []*k2i.Process) []*k2i.Process {
	if rows == nil {
		return nil
	}
	made, copies := make([]*k2i.Process, len(rows)), make([]k2i.Process, len(rows))
	for i, p := range rows {
		copies[i] = *p
		copies[i].Args = []string{}
		made[i] = &copies[i]
	}
	return made
}
