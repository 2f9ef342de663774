package bench

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"ddcos/protocol"
)

// callRoom is the room, or what a peer has instead, that the members of a measurement are in.
const callRoom = "bench"

// maxRooms bounds in how many each can be.
const maxRooms = 16

// roomName is callRoom, or another one that nobody calls.
func roomName(i int) string {
	if i == 0 {
		return callRoom
	}
	return fmt.Sprintf("%s-%d", callRoom, i)
}

// system is a broker that calls are measured on: middlecon, or a peer.
type system struct {
	name    string
	program string // in the directory of programs
	made    string // the make target that builds it
	debian  string // or else the package of Debian that has it; a measurement goes on without the peer
	note    string // what a reader of its figures has to know
	unix    bool   // it can listen on a Unix socket
	spare   string // what else it takes to have the program; where it is said, a measurement goes on without the peer
	args    func(listen protocol.Address) []string
	config  func(listen protocol.Address) string // where it is not nil, text of a file that is the last argument
	wire    func(member, rooms int) wire
	asker   func() asker // the caller in bytes
	until   ending       // how that one learns that all have answered

	env   []string // of its program
	rooms int      // that each member joins; 0: one

	returning func(broker protocol.Address) (*returning, error) // its clients come back by themselves; nil: it has none

	heartbeat func(transport string) bool // the broker asks each session whether it lives; nil: never, within a measurement

	counts bool // members tell with each answer which delivery it was of

	// dial, where it is not nil, makes another caller of calls to all members than asker's bytes.
	dial func(ctx context.Context, broker protocol.Address, members int) (caller, error)
}

// wire is one member's end of a system's protocol. It knows bytes and no socket, so that the
// members of every system are read and written in the same way.
type wire interface {
	// hello appends what the member says first.
	hello(out []byte) []byte
	// take reads one message at the head of in, which lives until it returns, and appends what
	// the member answers. used is 0 while in holds only a part of one.
	take(in, out []byte) (used int, answer []byte, err error)
	// joined tells that the member is in the room.
	joined() bool
}

// caller calls all members, one call at a time.
type caller interface {
	// call returns as soon as the system says that all have answered.
	call(ctx context.Context, payload []byte) error
	// check finds what is wrong with what came back from the last call.
	check(payload []byte) error
	// reached is how many members answered the last call.
	reached() int
	close() error
}

// peers are the systems that middlecon is compared with.
func peers() []system {
	return []system{cSystem(), natsSystem(), natsUnknownSystem(), grpcSystem(), mochiSystem(), redisSystem(), mosquittoSystem(), middleconTCPSystem()}
}

// PeerNames are those that [CallOptions] may name.
func PeerNames() []string {
	var names []string
	for _, p := range peers() {
		names = append(names, p.name)
	}
	return names
}

// systemNamed finds middlecon or a peer.
func systemNamed(name string) (system, error) {
	all := append([]system{middleconSystem()}, peers()...)
	i := slices.IndexFunc(all, func(s system) bool { return s.name == name })
	if i < 0 {
		return system{}, fmt.Errorf("%w: no peer is called %q; there are: %s", ErrOptions, name, strings.Join(PeerNames(), ", "))
	}
	return all[i], nil
}

// connect connects a caller that calls all members.
func (s system) connect(ctx context.Context, broker protocol.Address, members int) (caller, error) {
	if s.dial != nil {
		return s.dial(ctx, broker, members)
	}
	return dialBare(ctx, broker, s.asker(), s.until, members)
}

// find is the path of the system's program.
func (s system) find(bin string) (string, error) {
	if s.debian != "" {
		for _, name := range []string{s.program, "/usr/sbin/" + s.program} {
			if path, err := exec.LookPath(name); err == nil {
				return path, nil
			}
		}
		return "", fmt.Errorf("%s: %w: Debian's package %s has it", s.program, os.ErrNotExist, s.debian)
	}
	path := filepath.Join(bin, s.program)
	if _, err := os.Stat(path); err != nil {
		return "", fmt.Errorf("%s: %w: run 'make %s'%s", path, os.ErrNotExist, s.made, s.spare)
	}
	return path, nil
}
