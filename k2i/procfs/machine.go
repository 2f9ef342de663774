package procfs

import (
	"fmt"
	"path/filepath"
	"strings"
	"sync"

	prometheus "github.com/prometheus/procfs"
	"golang.org/x/sys/unix"

	"ddcos/k2i"
)

// DefaultSys is where the kernel's device file system is mounted.
const DefaultSys = "/sys"

// maxSysFile is what is read of one file of the device file system.
const maxSysFile = 4 << 10

// Machine reads what a host says of itself beside its processes. Any of its
// methods may wait for a device that does not answer.
type Machine struct {
	fs  *FS
	sys string
	net func() ([]addressed, error) // the interfaces, by netlink
	cpu func() prometheus.CPUInfo   // the first CPU's model and flags, read once
}

// NewMachine reads the host of fs, and the device file system at sys.
func NewMachine(fs *FS, sys string) *Machine {
	return &Machine{fs, sys, interfaces, sync.OnceValue(fs.cpuInfo)}
}

// System reads all that is quick to read: of the CPUs, the memory, what is waited
// for, the clock, and what the host runs on. What there is no file of stays Unread.
func (m *Machine) System(to *k2i.Machine) error {
	var name unix.Utsname
	if err := unix.Uname(&name); err != nil {
		return fmt.Errorf("uname: %w", err)
	}
	to.KernelVersion, to.Architecture = unix.ByteSliceToString(name.Version[:]), unix.ByteSliceToString(name.Machine[:])
	info := m.cpu()
	to.Virtualization = m.virtualization(info)
	if err := m.cpuTimes(info, &to.CPU); err != nil && !missing(err) {
		return err
	}
	if err := m.memory(&to.Memory); err != nil && !missing(err) {
		return err
	}
	to.Pressure = m.pressure()
	var err error
	to.Clock, err = readClock()
	return err
}

// cpuInfo is the first CPU's, empty where it cannot be told.
func (fs *FS) cpuInfo() prometheus.CPUInfo {
	all, err := library(fs, prometheus.FS.CPUInfo)
	if err != nil || len(all) == 0 {
		return prometheus.CPUInfo{}
	}
	return all[0]
}

// cpuTimes reads /proc/stat.
func (m *Machine) cpuTimes(info prometheus.CPUInfo, c *k2i.MachineCPU) error {
	c.Model = info.ModelName
	stat, err := library(m.fs, prometheus.FS.Stat)
	if err != nil {
		return fmt.Errorf("CPU times: %w", err)
	}
	t := stat.CPUTotal
	for to, seconds := range map[*k2i.Count]float64{
		&c.UserNS: t.User, &c.NiceNS: t.Nice, &c.SystemNS: t.System, &c.IdleNS: t.Idle, &c.IOWaitNS: t.Iowait, &c.IRQNS: t.IRQ,
		&c.SoftIRQNS: t.SoftIRQ, &c.StealNS: t.Steal, &c.GuestNS: t.Guest, &c.GuestNiceNS: t.GuestNice,
	} {
		*to = k2i.Count(seconds*float64(ticksPerSecond)+0.5) * nsPerTick
	}
	c.Online = len(stat.CPU)
	c.ContextSwitches, c.Forks = k2i.Count(stat.ContextSwitches), k2i.Count(stat.ProcessCreated)
	c.Running, c.Blocked = k2i.Count(stat.ProcessesRunning), k2i.Count(stat.ProcessesBlocked)
	return nil
}

// memory reads /proc/meminfo.
func (m *Machine) memory(to *k2i.MachineMemory) error {
	info, err := library(m.fs, prometheus.FS.Meminfo)
	if err != nil {
		return fmt.Errorf("memory: %w", err)
	}
	for _, f := range []struct {
		to   *k2i.Count
		from *uint64
	}{
		{&to.TotalBytes, info.MemTotalBytes},
		{&to.FreeBytes, info.MemFreeBytes},
		{&to.AvailableBytes, info.MemAvailableBytes},
		{&to.BuffersBytes, info.BuffersBytes},
		{&to.CachedBytes, info.CachedBytes},
		{&to.AnonBytes, info.AnonPagesBytes},
		{&to.ShmemBytes, info.ShmemBytes},
		{&to.SlabBytes, info.SlabBytes},
		{&to.ReclaimableBytes, info.SReclaimableBytes},
		{&to.PageTablesBytes, info.PageTablesBytes},
		{&to.DirtyBytes, info.DirtyBytes},
		{&to.WritebackBytes, info.WritebackBytes},
		{&to.CommittedBytes, info.CommittedASBytes},
		{&to.SwapTotalBytes, info.SwapTotalBytes},
		{&to.SwapFreeBytes, info.SwapFreeBytes},
	} {
		if f.from != nil {
			*f.to = k2i.Count(*f.from)
		}
	}
	return nil
}

// pressure reads /proc/pressure: nothing where the kernel does not account for it.
func (m *Machine) pressure() []k2i.Pressure {
	list := []k2i.Pressure{}
	for _, resource := range []string{"cpu", "memory", "io"} {
		stats, err := library(m.fs, func(host prometheus.FS) (prometheus.PSIStats, error) { return host.PSIStatsForResource(resource) })
		if err != nil {
			continue
		}
		for who, line := range []*prometheus.PSILine{stats.Some, stats.Full} {
			if line != nil {
				list = append(list, k2i.Pressure{
					Resource: resource, Who: [...]string{"some", "full"}[who],
					Avg10Percent: line.Avg10, Avg60Percent: line.Avg60, Avg300Percent: line.Avg300, TotalNS: k2i.Count(line.Total) * 1000,
				})
			}
		}
	}
	return list
}

// sysFile is the text of a file of the device file system, without the end of
// its line; "" where there is none.
func (m *Machine) sysFile(name string) string {
	b, err := readBounded(filepath.Join(m.sys, name), maxSysFile)
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(b))
}
