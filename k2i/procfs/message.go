package procfs

import (
	"encoding/binary"
	"time"

	"golang.org/x/sys/unix"
)

// The connector's numbers (include/uapi/linux/cn_proc.h, connector.h).
const (
	cnProc = 1 // both the index and the value

	procNone = 0
	procFork = 0x00000001
	procExec = 0x00000002
	procExit = 0x80000000

	netlinkBytes   = 16
	connectorBytes = 20
	eventBytes     = 16 // before what is told of it
)

// message is one event as the kernel tells it; pids are those of the first namespace.
type message struct {
	what   uint32
	cpu    uint32
	serial uint32 // of that CPU
	at     time.Duration
	pid    int32 // the thread
	tgid   int32 // its process
	parent int32 // of fork and exit
	status int32 // of exit, as wait(2) has it
}

// nextMessage cuts the first message off b; false where there is none that is whole.
// Messages of other senders than the process connector have what procNone.
func nextMessage(b []byte) (m message, rest []byte, ok bool) {
	if len(b) < netlinkBytes {
		return m, nil, false
	}
	size := uint64(binary.NativeEndian.Uint32(b))
	if size < netlinkBytes || size > uint64(len(b)) {
		return m, nil, false
	}
	rest = b[min((size+3)&^3, uint64(len(b))):]
	return parseMessage(b[netlinkBytes:size]), rest, true
}

// parseMessage reads what follows the netlink header.
func parseMessage(b []byte) message {
	if len(b) < connectorBytes+eventBytes || binary.NativeEndian.Uint32(b) != cnProc || binary.NativeEndian.Uint32(b[4:]) != cnProc {
		return message{}
	}
	e := b[connectorBytes:]
	m := message{
		serial: binary.NativeEndian.Uint32(b[8:]),
		what:   binary.NativeEndian.Uint32(e),
		cpu:    binary.NativeEndian.Uint32(e[4:]),
		at:     time.Duration(binary.NativeEndian.Uint64(e[8:])) + suspended(),
	}
	number := func(i int) int32 {
		if at := eventBytes + 4*i; at+4 <= len(e) {
			return int32(binary.NativeEndian.Uint32(e[at:]))
		}
		return 0
	}
	switch m.what {
	case procFork:
		m.parent, m.pid, m.tgid = number(1), number(2), number(3)
	case procExec:
		m.pid, m.tgid = number(0), number(1)
	case procExit:
		m.pid, m.tgid, m.status, m.parent = number(0), number(1), number(2), number(5)
	}
	return m
}

// suspended is how far the clock since boot is ahead of the one of the events.
func suspended() time.Duration {
	var mono, boot unix.Timespec
	if unix.ClockGettime(unix.CLOCK_MONOTONIC, &mono) != nil || unix.ClockGettime(unix.CLOCK_BOOTTIME, &boot) != nil {
		return 0
	}
	return time.Duration(boot.Nano() - mono.Nano()).Truncate(time.Millisecond)
}
