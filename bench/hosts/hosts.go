// Package hosts makes small "hosts" on one machine: each has PID, network, UTS, IPC and mount
// namespaces of its own, a first process that reaps and starts commands, and one end of a veth
// pair. The other ends meet on a bridge in the network namespace of one more host, the hub, so
// that nothing of the machine's own network and mounts is touched.
//
// Every first process is a child of the starter and ends with it, whatever ended the starter: by
// the parent-death signal, and by the end of the pipe it is told what to do on. With it the kernel
// ends all processes of its PID namespace, and with these the other namespaces, the links and the
// mounts.
//
// The first process of a host is this very program, started again: call [Main] first thing in
// main or TestMain. Namespaces need root; [StartPlain] is one host without any of them.
package hosts

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"path/filepath"
	"sync"
)

// BinDir is where every namespaced host sees [Spec.Bin]; it comes first in its PATH.
const BinDir = "/run/ddcos/bin"

// MaxHosts limits the hosts of one datacenter.
const MaxHosts = 200

// ErrTooManyHosts: a spec asks for more than [MaxHosts], or for more than its network has addresses.
var ErrTooManyHosts = errors.New("too many hosts")

// Spec says what a datacenter is made of.
type Spec struct {
	// Bin is a directory of programs on the machine; empty for none.
	Bin string
	// Network is shared by all hosts: the hub has its first address, the hosts those that follow.
	Network netip.Prefix
	// Hub is the name of the host that holds the bridge.
	Hub string
	// Hosts are the names of the hosts.
	Hosts []string
}

// DefaultOptions returns the spec of three hosts on 10.77.0.0/24.
func DefaultOptions() Spec {
	return Spec{
		Network: netip.MustParsePrefix("10.77.0.0/24"),
		Hub:     "hub",
		Hosts:   []string{"host1", "host2", "host3"},
	}
}

// Datacenter is a hub and the hosts joined to it.
type Datacenter struct {
	Hub   *Host
	Hosts []*Host

	close sync.Once
}

// Start makes the hub and its hosts and returns when all of them are up and joined to the bridge.
// They run nothing but their first process: [Host.Launch] adds to it. The context bounds the
// start only; the caller ends everything with [Datacenter.Close]. Without the rights for
// namespaces the error wraps syscall.EPERM.
func Start(ctx context.Context, spec Spec) (*Datacenter, error) {
	addresses, err := spec.addresses()
	if err != nil {
		return nil, err
	}
	bin, err := spec.bin()
	if err != nil {
		return nil, err
	}
	hub, err := startHost(ctx, setup{Hostname: spec.Hub, Bin: bin})
	if err != nil {
		return nil, fmt.Errorf("start the hub: %w", err)
	}
	d := &Datacenter{Hub: hub}
	hub.Addr = addresses[0]
	if err := makeBridge(hub, spec.Network.Bits()); err != nil {
		return nil, errors.Join(err, d.Close())
	}
	for i, name := range spec.Hosts {
		h, err := startHost(ctx, setup{Hostname: name, Bin: bin})
		if err != nil {
			return nil, errors.Join(fmt.Errorf("start host %s: %w", name, err), d.Close())
		}
		d.Hosts = append(d.Hosts, h)
		h.Addr = addresses[i+1]
		if err := joinBridge(hub, h, i+1, spec.Network.Bits()); err != nil {
			return nil, errors.Join(fmt.Errorf("join host %s to the bridge: %w", name, err), d.Close())
		}
	}
	return d, nil
}

// StartPlain makes a datacenter of one host, the machine itself: no namespaces, only a first
// process that adopts what its commands leave behind, and a temporary directory ([Host.RunDir]).
// Hub and Hosts[0] are the same. It needs no rights.
func StartPlain(ctx context.Context, spec Spec) (*Datacenter, error) {
	bin, err := spec.bin()
	if err != nil {
		return nil, err
	}
	h, err := startHost(ctx, setup{Plain: true, Bin: bin})
	if err != nil {
		return nil, fmt.Errorf("start the plain host: %w", err)
	}
	h.Addr = netip.AddrFrom4([4]byte{127, 0, 0, 1})
	return &Datacenter{Hub: h, Hosts: []*Host{h}}, nil
}

// Host finds a host by its name.
func (d *Datacenter) Host(name string) (*Host, bool) {
	for _, h := range d.Hosts {
		if h.Name == name {
			return h, true
		}
	}
	return nil, false
}

// Close takes everything down and returns when the last first process is reaped. It may be called
// more than once.
func (d *Datacenter) Close() error {
	var err error
	d.close.Do(func() {
		all := append([]*Host{d.Hub}, d.Hosts...)
		for _, h := range all {
			h.askToEnd() // all at once, then wait for each
		}
		for _, h := range all {
			err = errors.Join(err, h.end())
		}
	})
	return err
}

func (s Spec) bin() (string, error) {
	if s.Bin == "" {
		return "", nil
	}
	return filepath.Abs(s.Bin)
}

// addresses hands out the hub's address and one for each host, in order.
func (s Spec) addresses() ([]netip.Addr, error) {
	if len(s.Hosts) > MaxHosts {
		return nil, fmt.Errorf("%w: %d, the limit is %d", ErrTooManyHosts, len(s.Hosts), MaxHosts)
	}
	network := s.Network.Masked()
	list := make([]netip.Addr, 0, len(s.Hosts)+1)
	for a := network.Addr().Next(); len(list) <= len(s.Hosts); a = a.Next() {
		// The last address of a network is its broadcast address.
		if !network.Contains(a) || !network.Contains(a.Next()) {
			return nil, fmt.Errorf("%w: %d do not fit into %s", ErrTooManyHosts, len(s.Hosts), network)
		}
		list = append(list, a)
	}
	return list, nil
}
