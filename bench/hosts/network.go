package hosts

import (
	"errors"
	"fmt"
	"net"
	"net/netip"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netns"
)

// bridgeName is the bridge in the hub's network namespace; portName the hosts' end of a veth.
const (
	bridgeName = "ddcos0"
	portName   = "eth0"
)

// makeBridge brings the hub's loopback up and makes the bridge with the hub's address on it.
func makeBridge(hub *Host, bits int) error {
	return inNetwork(hub, func(n *netlink.Handle) error {
		bridge := &netlink.Bridge{LinkAttrs: attributes(bridgeName)}
		if err := n.LinkAdd(bridge); err != nil {
			return fmt.Errorf("make bridge %s: %w", bridgeName, err)
		}
		return configure(n, bridgeName, netip.PrefixFrom(hub.Addr, bits))
	})
}

// joinBridge gives the host its end of a veth pair; the other is the hub's bridge port vethN.
func joinBridge(hub, h *Host, number, bits int) error {
	inside, err := netns.GetFromPid(h.PID())
	if err != nil {
		return fmt.Errorf("open the network namespace of %s: %w", h.Name, err)
	}
	defer func() { _ = inside.Close() }()
	err = inNetwork(hub, func(n *netlink.Handle) error {
		bridge, err := n.LinkByName(bridgeName)
		if err != nil {
			return err
		}
		port := attributes(portOf(number))
		port.MasterIndex = bridge.Attrs().Index
		veth := &netlink.Veth{LinkAttrs: port, PeerName: portName, PeerNamespace: netlink.NsFd(inside)}
		if err := n.LinkAdd(veth); err != nil {
			return fmt.Errorf("make veth %s: %w", port.Name, err)
		}
		return n.LinkSetUp(veth)
	})
	if err != nil {
		return err
	}
	return inNetwork(h, func(n *netlink.Handle) error {
		return configure(n, portName, netip.PrefixFrom(h.Addr, bits))
	})
}

// SetLink takes a host's network cable out (up false) or puts it back, at the hub's end.
func (d *Datacenter) SetLink(h *Host, up bool) error {
	for i, known := range d.Hosts {
		if known != h || h.plain {
			continue
		}
		return inNetwork(d.Hub, func(n *netlink.Handle) error {
			link, err := n.LinkByName(portOf(i + 1))
			if err != nil {
				return err
			}
			if up {
				return n.LinkSetUp(link)
			}
			return n.LinkSetDown(link)
		})
	}
	return fmt.Errorf("host %s has no link here", h.Name)
}

// configure gives a link its address and brings it and the loopback up.
func configure(n *netlink.Handle, name string, address netip.Prefix) error {
	link, err := n.LinkByName(name)
	if err != nil {
		return fmt.Errorf("find link %s: %w", name, err)
	}
	ip := &net.IPNet{
		IP:   address.Addr().AsSlice(),
		Mask: net.CIDRMask(address.Bits(), address.Addr().BitLen()),
	}
	if err := n.AddrAdd(link, &netlink.Addr{IPNet: ip}); err != nil {
		return fmt.Errorf("give %s the address %s: %w", name, address, err)
	}
	loopback, err := n.LinkByName("lo")
	if err != nil {
		return fmt.Errorf("find the loopback: %w", err)
	}
	return errors.Join(n.LinkSetUp(loopback), n.LinkSetUp(link))
}

// inNetwork lends a netlink socket that lives in the host's network namespace.
func inNetwork(h *Host, use func(*netlink.Handle) error) error {
	inside, err := netns.GetFromPid(h.PID())
	if err != nil {
		return fmt.Errorf("open the network namespace of %s: %w", h.Name, err)
	}
	defer func() { _ = inside.Close() }()
	handle, err := netlink.NewHandleAt(inside)
	if err != nil {
		return fmt.Errorf("open netlink in %s: %w", h.Name, err)
	}
	defer handle.Close()
	return use(handle)
}

func attributes(name string) netlink.LinkAttrs {
	a := netlink.NewLinkAttrs()
	a.Name = name
	return a
}

func portOf(number int) string { return fmt.Sprintf("veth%d", number) }
