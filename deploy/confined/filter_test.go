package confined

import (
	"maps"
	"slices"

	"golang.org/x/sys/unix"
)

// Where the parts of a call are that a filter sees (struct seccomp_data).
const (
	atNumber, atArch = 0, 4
	atArgument       = 16 // the low half of the first; 8 bytes each
)

// filter is the seccomp program that a unit amounts to: calls that are listed and
// no others, of this architecture; sockets of some families; no namespaces; no
// memory that can be written and run.
func filter(allowed map[uint32]bool, sockets []uint32) []unix.SockFilter {
	const (
		load   = unix.BPF_LD | unix.BPF_W | unix.BPF_ABS
		equal  = unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K
		bits   = unix.BPF_JMP | unix.BPF_JSET | unix.BPF_K
		refuse = unix.SECCOMP_RET_ERRNO | uint32(unix.EPERM)
	)
	var f []unix.SockFilter
	add := func(code uint16, k uint32, yes, no uint8) {
		f = append(f, unix.SockFilter{Code: code, K: k, Jt: yes, Jf: no})
	}
	give := func(k uint32) { add(unix.BPF_RET|unix.BPF_K, k, 0, 0) }
	add(load, atArch, 0, 0)
	add(equal, unix.AUDIT_ARCH_X86_64, 1, 0)
	give(refuse)
	add(load, atNumber, 0, 0)

	// socket: skip unless it is this call; its family is one of those, or it is refused.
	add(equal, unix.SYS_SOCKET, 0, uint8(1+len(sockets)+2))
	add(load, atArgument, 0, 0)
	for i, family := range sockets {
		add(equal, family, uint8(len(sockets)-i), 0)
	}
	give(refuse)
	give(unix.SECCOMP_RET_ALLOW)

	// An argument with forbidden bits refuses the call; else it is judged as any other.
	for _, c := range []struct{ call, argument, all uint32 }{
		{unix.SYS_CLONE, 0, unix.CLONE_NEWNS | unix.CLONE_NEWUSER | unix.CLONE_NEWPID | unix.CLONE_NEWNET | unix.CLONE_NEWIPC | unix.CLONE_NEWUTS | unix.CLONE_NEWCGROUP},
		{unix.SYS_MPROTECT, 2, unix.PROT_EXEC},
		{unix.SYS_PKEY_MPROTECT, 2, unix.PROT_EXEC},
	} {
		add(equal, c.call, 0, 4)
		add(load, atArgument+8*c.argument, 0, 0)
		add(bits, c.all, 0, 1)
		give(refuse)
		add(load, atNumber, 0, 0)
	}
	add(equal, unix.SYS_MMAP, 0, 5)
	add(load, atArgument+8*2, 0, 0)
	add(bits, unix.PROT_EXEC, 0, 2)
	add(bits, unix.PROT_WRITE, 0, 1)
	give(refuse)
	add(load, atNumber, 0, 0)

	for _, n := range slices.Sorted(maps.Keys(allowed)) {
		add(equal, n, 0, 1)
		give(unix.SECCOMP_RET_ALLOW)
	}
	give(refuse)
	return f
}
