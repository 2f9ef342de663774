package k2i

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"
)

// Limits of one look at connections.
const (
	MaxConnections  = 20_000          // that are told; Connections.Truncated says that there are more
	ConnectionsTime = 2 * time.Second // for one look
)

// Connection is one end of a TCP connection, or a listening socket, that a
// process holds. A socket that several processes share is one row for each. The
// other end has Local and Remote the other way round: together with the host,
// and for loopback the network namespace, that finds it.
type Connection struct {
	PID        int32  `json:"pid" msgpack:"pid"`
	StartTicks uint64 `json:"start_ticks" msgpack:"start_ticks"` // with pid, the process
	StartNS    uint64 `json:"start_ns" msgpack:"start_ns"`
	Comm       string `json:"comm" msgpack:"comm"`
	FD         int32  `json:"fd" msgpack:"fd"` // one of those that it has of the socket

	NetNS      uint64 `json:"netns" msgpack:"netns"` // inode of the socket's network namespace
	State      string `json:"state" msgpack:"state"` // one of TCPStates
	LocalAddr  string `json:"local_addr" msgpack:"local_addr"`
	LocalPort  uint16 `json:"local_port" msgpack:"local_port"`
	RemoteAddr string `json:"remote_addr" msgpack:"remote_addr"` // "" of a listening socket; IPv4 is written as that, also where the socket is an IPv6 one
	RemotePort uint16 `json:"remote_port" msgpack:"remote_port"`
	UID        uint32 `json:"uid" msgpack:"uid"` // the socket's owner, in the first user namespace
	Inode      uint64 `json:"inode" msgpack:"inode"`
	RxBytes    Count  `json:"rx_bytes" msgpack:"rx_bytes"` // of data, received in order since it began; Unread where the road does not tell
	TxBytes    Count  `json:"tx_bytes" msgpack:"tx_bytes"` // of data, acknowledged by the other end; one more at most while others are under way
}

// Connections are what one look found.
type Connections struct {
	Mode      Mode         `json:"mode" msgpack:"mode"` // the road of this look
	TookNS    int64        `json:"took_ns" msgpack:"took_ns"`
	Hidden    bool         `json:"hidden" msgpack:"hidden"`       // some processes' files could not be looked at
	Truncated bool         `json:"truncated" msgpack:"truncated"` // there are more than were asked for, or than MaxConnections
	Rows      []Connection `json:"rows" msgpack:"rows"`           // by pid, then inode
}

// ConnectionFilter says which connections are wanted; nothing set, all of them.
type ConnectionFilter struct {
	PIDs   []int32  `json:"pids" msgpack:"pids"`
	States []string `json:"states" msgpack:"states"`
	Limit  int      `json:"limit" msgpack:"limit"` // 0 for MaxConnections
}

// tcpStates are by the kernel's numbers (include/net/tcp_states.h).
var tcpStates = [...]string{
	"unknown", "established", "syn_sent", "syn_recv", "fin_wait1", "fin_wait2", "time_wait",
	"close", "close_wait", "last_ack", "listen", "closing", "new_syn_recv",
}

// TCPState names a state by the kernel's number.
func TCPState(n uint8) string {
	if int(n) >= len(tcpStates) {
		return tcpStates[0]
	}
	return tcpStates[n]
}

// TCPStates are the names of all states.
func TCPStates() []string { return slices.Clone(tcpStates[1:]) }

// maxConnectionPIDs bounds a filter.
const maxConnectionPIDs = 1000

// Check refuses what nobody can mean.
func (f *ConnectionFilter) Check() error {
	if f.Limit < 0 || f.Limit > MaxConnections {
		return fmt.Errorf("limit %d: want 0 to %d", f.Limit, MaxConnections)
	}
	if len(f.PIDs) > maxConnectionPIDs {
		return fmt.Errorf("%d process ids, %d are allowed", len(f.PIDs), maxConnectionPIDs)
	}
	for _, pid := range f.PIDs {
		if pid < 1 {
			return fmt.Errorf("process id %d is no positive number", pid)
		}
	}
	for _, state := range f.States {
		if !slices.Contains(tcpStates[1:], state) {
			return fmt.Errorf("state %.64q is unknown; there are %s", state, strings.Join(tcpStates[1:], ", "))
		}
	}
	return nil
}

// Most is how many connections are wanted.
func (f *ConnectionFilter) Most() int {
	if f.Limit == 0 {
		return MaxConnections
	}
	return f.Limit
}

// WantsPID tells whether a process's connections are wanted.
func (f *ConnectionFilter) WantsPID(pid int32) bool {
	return len(f.PIDs) == 0 || slices.Contains(f.PIDs, pid)
}

// Wants tells whether a connection is wanted.
func (f *ConnectionFilter) Wants(c *Connection) bool {
	return f.WantsPID(c.PID) && (len(f.States) == 0 || slices.Contains(f.States, c.State))
}

// SetEnds gives a connection its two ends. An IPv4 address that an IPv6 socket
// has is written as what it is.
func (c *Connection) SetEnds(local, remote netip.AddrPort) {
	c.LocalAddr, c.LocalPort = local.Addr().Unmap().String(), local.Port()
	if remote.Port() != 0 {
		c.RemoteAddr, c.RemotePort = remote.Addr().Unmap().String(), remote.Port()
	}
}
