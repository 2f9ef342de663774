package procfs

import (
	"bufio"
	"bytes"
	"context"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"ddcos/k2i"
)

// socketEnds is a line of /proc/net/tcp or tcp6.
type socketEnds struct {
	local, remote netip.AddrPort
	state         uint8
	uid           uint32
	inode         uint64
	netns         uint64
}

// Connections looks at the open files of all processes, as far as the caller may,
// and at the TCP sockets of each network namespace that any of them is in. A
// socket of a namespace that nobody is in any more is not found.
func (fs *FS) Connections(ctx context.Context, filter *k2i.ConnectionFilter) (rows []k2i.Connection, hidden, truncated bool, err error) {
	pids, err := fs.PIDs()
	if err != nil {
		return nil, false, false, err
	}
	sockets, hidden, err := fs.sockets(ctx, pids)
	if err != nil {
		return nil, false, false, err
	}
	for _, pid := range pids {
		if err := ctx.Err(); err != nil {
			return nil, false, false, fmt.Errorf("looking for sockets of process %d: %w", pid, err)
		}
		if !filter.WantsPID(pid) {
			continue
		}
		found, err := fs.connectionsOf(pid, sockets)
		if errors.Is(err, errHidden) {
			hidden = true
		}
		for i := range found {
			if !filter.Wants(&found[i]) {
				continue
			}
			if len(rows) == filter.Most() {
				return rows, hidden, true, nil
			}
			rows = append(rows, found[i])
		}
	}
	return rows, hidden, false, nil
}

// sockets reads the TCP sockets of every network namespace, by inode.
func (fs *FS) sockets(ctx context.Context, pids []int32) (all map[uint64]socketEnds, hidden bool, err error) {
	all = map[uint64]socketEnds{}
	read := map[uint64]bool{}
	for _, pid := range pids {
		if err := ctx.Err(); err != nil {
			return nil, false, fmt.Errorf("network namespace of process %d: %w", pid, err)
		}
		dir := filepath.Join(fs.root, strconv.Itoa(int(pid)))
		link, err := os.Readlink(filepath.Join(dir, "ns/net"))
		netns, ok := bracketed(link, "net:[")
		if err != nil || !ok {
			hidden = hidden || errors.Is(readError(err), errHidden)
			continue
		}
		if read[netns] {
			continue
		}
		for _, name := range []string{"net/tcp", "net/tcp6"} {
			err = errors.Join(err, readSockets(ctx, filepath.Join(dir, name), netns, all))
		}
		read[netns] = err == nil // else somebody else in it may be there for longer
	}
	return all, hidden, ctx.Err()
}

// bracketed is the number in a link such as socket:[123].
func bracketed(link, prefix string) (uint64, bool) {
	rest, ok := strings.CutPrefix(link, prefix)
	digits, closed := strings.CutSuffix(rest, "]")
	n, err := strconv.ParseUint(digits, 10, 64)
	return n, ok && closed && err == nil
}

// readSockets adds the sockets of one file.
func readSockets(ctx context.Context, path string, netns uint64, all map[uint64]socketEnds) error {
	f, err := os.Open(path)
	if errors.Is(err, os.ErrNotExist) {
		return nil // a kernel without IPv6
	}
	if err != nil {
		return readError(err)
	}
	defer func() { _ = f.Close() }() // it was only read
	lines := bufio.NewReader(f)
	for n := 0; ; n++ {
		line, err := lines.ReadSlice('\n')
		if errors.Is(err, io.EOF) && len(line) == 0 {
			return nil
		}
		if err == nil && n%256 == 0 {
			err = ctx.Err()
		}
		if err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
		if ends, ok := parseSocket(line); ok && ends.inode != 0 {
			ends.netns = netns
			all[ends.inode] = ends
		}
	}
}

// parseSocket reads a line of /proc/net/tcp or tcp6; false for its heading.
func parseSocket(line []byte) (s socketEnds, ok bool) {
	fields := bytes.Fields(line)
	if len(fields) < 10 {
		return s, false
	}
	var ok2 bool
	if s.local, ok = parseEnd(string(fields[1])); !ok {
		return s, false
	}
	if s.remote, ok2 = parseEnd(string(fields[2])); !ok2 {
		return s, false
	}
	state, err1 := strconv.ParseUint(string(fields[3]), 16, 8)
	uid, err2 := strconv.ParseUint(string(fields[7]), 10, 32)
	inode, err3 := strconv.ParseUint(string(fields[9]), 10, 64)
	s.state, s.uid, s.inode = uint8(state), uint32(uid), inode
	return s, errors.Join(err1, err2, err3) == nil
}

// parseEnd reads 0100007F:1F90: words of 32 bits as the CPU has them, then the port.
func parseEnd(text string) (end netip.AddrPort, ok bool) {
	digits, port, found := strings.Cut(text, ":")
	b, err := hex.DecodeString(digits)
	n, err2 := strconv.ParseUint(port, 16, 16)
	if !found || err != nil || err2 != nil || len(b) != 4 && len(b) != 16 {
		return end, false
	}
	for i := 0; i < len(b); i += 4 {
		binary.NativeEndian.PutUint32(b[i:], binary.BigEndian.Uint32(b[i:]))
	}
	address, ok := netip.AddrFromSlice(b)
	return netip.AddrPortFrom(address, uint16(n)), ok
}

// connectionsOf joins one process's open files with the sockets.
func (fs *FS) connectionsOf(pid int32, sockets map[uint64]socketEnds) ([]k2i.Connection, error) {
	dir := filepath.Join(fs.root, strconv.Itoa(int(pid)), "fd")
	f, err := os.Open(dir)
	if err != nil {
		return nil, readError(err)
	}
	names, err := f.Readdirnames(-1)
	if err = errors.Join(err, f.Close()); err != nil {
		return nil, readError(err)
	}
	var found []k2i.Connection
	seen := map[uint64]bool{}
	for _, name := range names {
		link, err := os.Readlink(filepath.Join(dir, name))
		inode, ok := bracketed(link, "socket:[")
		if err != nil || !ok || seen[inode] {
			continue
		}
		ends, ok := sockets[inode]
		fd, err := strconv.ParseInt(name, 10, 32)
		if !ok || err != nil {
			continue
		}
		seen[inode] = true
		c := k2i.Connection{
			PID: pid, FD: int32(fd), NetNS: ends.netns, State: k2i.TCPState(ends.state), UID: ends.uid, Inode: inode,
			RxBytes: k2i.Unread, TxBytes: k2i.Unread,
		}
		c.SetEnds(ends.local, ends.remote)
		found = append(found, c)
	}
	if len(found) == 0 {
		return nil, nil
	}
	p, err := fs.Process(pid)
	if err != nil {
		return nil, err // it ended meanwhile
	}
	for i := range found {
		found[i].StartTicks, found[i].StartNS, found[i].Comm = p.StartTicks, p.StartNS, p.Comm
	}
	return found, nil
}
