package dps

import (
	"cmp"
	"slices"
	"strings"

	"ddcos/k2i"
	"ddcos/k2i/fleet"
)

// Threads reads on this host the threads of a process, each as if it were one,
// with their thread ids.
type Threads func(p *k2i.Process) (threads []k2i.Process, tids []int32)

// processKeys are told for a process and not for each of its threads, and
// threadKeys the other way round: a dash stands there where threads have lines
// below their process. Where every thread has a line as if it were a process,
// all are told.
const (
	processKeys = " %mem args argc cgname cgroup cmd comm command drs dsiz emul end_code environ exe fds fname htprv htshr jid " +
		"longtname m_drs m_dt m_lrs m_resident m_share m_size m_swap m_trs nlwp osz pgid pgrp pid pmem ppid prmgrp prmid project " +
		"projid pss resident rss rssize rsz sess session sgi_rss share sid size stackp start_code start_stack supgid supgrp sz " +
		"tgid thcount tname tpgid trs trss tsess tsession tsid tsiz tt tty tty4 tty8 ucmd ucomm uss vm_data vm_exe vm_lib vm_lock " +
		"vm_stack vsize vsz "
	threadKeys = " blocked bnd caught class cls cpu cpuid eip esp ignored intpri lastcpu lwp mwchan ni nice nwchan oom oomadj opri " +
		"pcap pcaps policy pri pri_api pri_bar pri_baz pri_foo priority pset psr psxpri rbytes rchars rops rtprio s sched sgi_p " +
		"sig_block sig_catch sig_ignore sigcatch sigignore sigmask spid stat state taskid tid upr usrpri wbytes wcbytes wchan " +
		"wchars wname wops "
)

// told tells whether a column is told on a line that stands for part.
func (c *Column) told(line part) bool {
	keys := processKeys
	switch line {
	case whole:
		return true
	case process:
		keys = threadKeys
	case thread:
	}
	return !strings.Contains(keys, " "+c.Key+" ")
}

// threads puts a line for each thread in the place of its process, or below it.
func (l *Look) threads(rows []fleet.Row, below bool, read Threads) []fleet.Row {
	if read == nil {
		return rows
	}
	lines := make([]fleet.Row, 0, 2*len(rows))
	for _, r := range rows {
		if below {
			l.extra(r).line = process
			lines = append(lines, r)
		}
		processes, tids := read(r.Process)
		order := make([]int, len(processes))
		for i := range order {
			order[i] = i
		}
		if below { // by their start, as ps has them; else as the kernel lists them
			slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(processes[a].StartTicks, processes[b].StartTicks) })
		}
		for _, i := range order {
			row := fleet.Row{Host: r.Host, Process: &processes[i]}
			e := l.extra(row)
			e.tid = tids[i]
			if below {
				e.line = thread
			}
			lines = append(lines, row)
		}
	}
	return slices.Clip(lines)
}
