package procfs

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"net"
	"slices"

	prometheus "github.com/prometheus/procfs"

	"ddcos/k2i"
)

// maxAddressed is of how many interfaces the addresses are asked for: the
// kernel is asked for all addresses for each of them.
const maxAddressed = 64

// addressed is an interface as netlink tells of it.
type addressed struct {
	name      string
	up        bool
	mtu       int
	addresses []string
}

// interfaces asks the kernel for those of the namespace.
func interfaces() ([]addressed, error) {
	all, err := net.Interfaces()
	if err != nil {
		return nil, err
	}
	var list []addressed
	for i := range all {
		one := addressed{name: all[i].Name, up: all[i].Flags&net.FlagUp != 0, mtu: all[i].MTU}
		if i < maxAddressed {
			addresses, err := all[i].Addrs()
			if err != nil {
				return nil, err
			}
			for _, a := range addresses {
				one.addresses = append(one.addresses, a.String())
			}
		}
		list = append(list, one)
	}
	return list, nil
}

// Interfaces reads /proc/net/dev, and the addresses by netlink. leftOut counts
// those beyond k2i.MaxListed.
func (m *Machine) Interfaces() (list []k2i.NetInterface, leftOut int, err error) {
	list = []k2i.NetInterface{}
	counts, err := library(m.fs, prometheus.FS.NetDev)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return list, 0, nil
	case err != nil:
		return list, 0, fmt.Errorf("interfaces: %w", err)
	}
	known, err := m.net()
	if err != nil {
		return list, 0, fmt.Errorf("interfaces: %w", err)
	}
	for _, name := range slices.Sorted(maps.Keys(counts)) {
		if len(list) == k2i.MaxListed {
			leftOut++
			continue
		}
		c := counts[name]
		i := k2i.NetInterface{
			Name: name, MTUBytes: k2i.Unread, Addresses: []string{},
			RxBytes: k2i.Count(c.RxBytes), RxPackets: k2i.Count(c.RxPackets), RxErrors: k2i.Count(c.RxErrors), RxDropped: k2i.Count(c.RxDropped),
			TxBytes: k2i.Count(c.TxBytes), TxPackets: k2i.Count(c.TxPackets), TxErrors: k2i.Count(c.TxErrors), TxDropped: k2i.Count(c.TxDropped),
		}
		if at := slices.IndexFunc(known, func(a addressed) bool { return a.name == name }); at >= 0 {
			i.Up, i.MTUBytes = known[at].up, k2i.Count(known[at].mtu)
			i.Addresses = append(i.Addresses, known[at].addresses...)
		}
		list = append(list, i)
	}
	return list, leftOut, nil
}
