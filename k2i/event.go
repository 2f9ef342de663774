package k2i

import "time"

// EventKind is what happened to a process.
type EventKind string

// What can happen to a process.
const (
	EventFork   EventKind = "fork"
	EventExec   EventKind = "exec"
	EventExit   EventKind = "exit"   // its last thread has begun to end
	EventFinal  EventKind = "final"  // the kernel has forgotten it: its CPU time is complete
	EventVictim EventKind = "victim" // chosen to end for want of memory
)

// Event is one thing that happened to one process.
type Event struct {
	Kind EventKind
	At   time.Duration // since boot

	// Task and StartNS find the process that a final or a victim is about; the
	// task is its number in the first PID namespace. A victim has no start.
	Task    int32
	StartNS uint64

	Parent  Key     // of fork, exec and exit: the parent that it had then; without a start where that is not known
	Partial bool    // the process could not be read any more: it has its pid, and its start unless that is not known
	Process Process // of fork, exec and exit: all that is known; of final, the CPU times
}
