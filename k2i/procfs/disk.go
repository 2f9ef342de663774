package procfs

import (
	"errors"
	"fmt"
	"io/fs"
	"strconv"
	"strings"

	"github.com/prometheus/procfs/blockdevice"

	"ddcos/k2i"
)

// sector is the kernel's unit of disk sizes, whatever the disk's own is.
const sector = 512

// nsPerMS is for times that the kernel counts in milliseconds.
const nsPerMS = 1_000_000

// Disks reads /proc/diskstats: those devices that were ever read or written.
// leftOut counts those beyond k2i.MaxListed.
func (m *Machine) Disks() (disks []k2i.Disk, leftOut int, err error) {
	disks = []k2i.Disk{}
	devices, err := blockdevice.NewFS(m.fs.root, m.sys)
	if err != nil {
		return disks, 0, fmt.Errorf("disks: %w", err)
	}
	all, err := guarded(devices.ProcDiskstats)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return disks, 0, nil
	case err != nil:
		return disks, 0, fmt.Errorf("disks: %w", err)
	}
	for i := range all {
		if all[i].ReadIOs == 0 && all[i].WriteIOs == 0 {
			continue // as most loop and RAM devices
		}
		if len(disks) == k2i.MaxListed {
			leftOut++
			continue
		}
		disks = append(disks, m.disk(&all[i]))
	}
	return disks, leftOut, nil
}

func (m *Machine) disk(s *blockdevice.Diskstats) k2i.Disk {
	d := k2i.Disk{
		Name: s.DeviceName, Device: fmt.Sprintf("%d:%d", s.MajorNumber, s.MinorNumber), SizeBytes: k2i.Unread,
		Reads: k2i.Count(s.ReadIOs), ReadBytes: k2i.Count(s.ReadSectors) * sector, ReadNS: k2i.Count(s.ReadTicks) * nsPerMS,
		Writes: k2i.Count(s.WriteIOs), WriteBytes: k2i.Count(s.WriteSectors) * sector, WriteNS: k2i.Count(s.WriteTicks) * nsPerMS,
		Discards: k2i.Unread, DiscardBytes: k2i.Unread, InFlight: k2i.Count(s.IOsInProgress),
		BusyNS: k2i.Count(s.IOsTotalTicks) * nsPerMS, WeightedBusyNS: k2i.Count(s.WeightedIOTicks) * nsPerMS,
	}
	if s.IoStatsCount >= 18 { // from Linux 4.18 on
		d.Discards, d.DiscardBytes = k2i.Count(s.DiscardIOs), k2i.Count(s.DiscardSectors)*sector
	}
	// A device's name may have a slash, which sysfs writes as an exclamation mark.
	size := m.sysFile("class/block/" + strings.ReplaceAll(s.DeviceName, "/", "!") + "/size")
	if n, err := strconv.ParseInt(size, 10, 53); err == nil && n >= 0 {
		d.SizeBytes = k2i.Count(n) * sector
	}
	return d
}
