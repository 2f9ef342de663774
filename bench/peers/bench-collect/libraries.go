package main

import (
	"github.com/prometheus/procfs"
	"github.com/shirou/gopsutil/v4/process"
)

// byProcfs reads of every process the files that have what k2i tells.
func byProcfs() (int, error) {
	all, err := procfs.AllProcs()
	if err != nil {
		return 0, err
	}
	read := 0
	for _, p := range all {
		if _, err := p.Stat(); err != nil {
			continue // it has ended
		}
		read++
		// What cannot be read of one that ends meanwhile is left out, as by k2i.
		_, _ = p.NewStatus()
		_, _ = p.IO()
		_, _ = p.CmdLine()
		_, _ = p.Cgroups()
		_, _ = p.Executable()
	}
	return read, nil
}

// byGopsutil asks of every process what comes closest to what k2i tells.
func byGopsutil() (int, error) {
	pids, err := process.Pids()
	if err != nil {
		return 0, err
	}
	read := 0
	for _, pid := range pids {
		p := &process.Process{Pid: pid} // NewProcess would read its start once more
		if _, err := p.Ppid(); err != nil {
			continue // it has ended
		}
		read++
		_, _ = p.Name()
		_, _ = p.Uids()
		_, _ = p.Gids()
		_, _ = p.Status()
		_, _ = p.CreateTime()
		_, _ = p.Times()
		_, _ = p.NumThreads()
		_, _ = p.MemoryInfo()
		_, _ = p.PageFaults()
		_, _ = p.NumCtxSwitches()
		_, _ = p.IOCounters()
		_, _ = p.CmdlineSlice()
		_, _ = p.Exe()
	}
	return read, nil
}
