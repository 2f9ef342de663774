package probe

import "math/bits"

// The kernel's task states that decide about the letter (include/linux/sched.h).
const (
	taskUninterruptible = 0x2
	taskNoLoad          = 0x400
	taskRTLockWait      = 0x1000
	taskFrozen          = 0x8000
	taskReported        = 0x7f // the states that have a letter of their own
	taskIdle            = taskUninterruptible | taskNoLoad
	reportIdle          = taskReported + 1
)

// stateLetters are those of /proc/PID/stat field 3, by the highest bit set.
const stateLetters = "RSDTtXZPI"

// stateLetter is the letter that /proc shows for a task's two state words. A
// frozen task, and one that waits for a real-time lock, are shown as D.
func stateLetter(state, exitState uint32) string {
	reported := (state | exitState) & taskReported
	if state&taskIdle == taskIdle {
		reported = reportIdle
	}
	if state&(taskRTLockWait|taskFrozen) != 0 {
		reported = taskUninterruptible
	}
	i := bits.Len32(reported)
	return stateLetters[i : i+1]
}
