package hosts

import (
	"fmt"
	"os/exec"
	"runtime"

	"golang.org/x/sys/unix"
)

// namespaces are those that a host has of its own.
const namespaces = unix.CLONE_NEWPID | unix.CLONE_NEWNET | unix.CLONE_NEWNS | unix.CLONE_NEWUTS | unix.CLONE_NEWIPC

// spawn starts cmd inside the namespaces of a host (nil: where we are) and returns a channel that
// gets the result of its Wait. A Pdeathsig in its attributes comes when this process ends.
func spawn(cmd *exec.Cmd, inside *Host) (<-chan error, error) {
	started, ended := make(chan error, 1), make(chan error, 1)
	go func() {
		// Both the namespaces and the parent-death signal belong to the thread, not to the process:
		// it is ours until the command ends, and is never unlocked, so that the runtime discards it.
		runtime.LockOSThread()
		err := inside.enter()
		if err == nil {
			err = cmd.Start()
		}
		started <- err
		if err == nil {
			ended <- cmd.Wait()
		}
	}()
	return ended, <-started
}

// enter moves the calling thread into the host's namespaces; the PID namespace takes effect for
// the children that this thread starts.
func (h *Host) enter() error {
	if h == nil {
		return nil
	}
	// A mount namespace is entered only by a thread that shares its root and directory with no other.
	if err := unix.Unshare(unix.CLONE_FS); err != nil {
		return fmt.Errorf("leave the shared working directory: %w", err)
	}
	if err := unix.Setns(h.pidfd, namespaces); err != nil {
		return fmt.Errorf("enter the namespaces of %s: %w", h.Name, err)
	}
	return nil
}
