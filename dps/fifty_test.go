package dps_test

import (
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"ddcos/k2i"
)

// fifty are the command lines that scripts and people use most, as they use them:
// most show everything that runs. PID is one process, PIDS are all of the test's.
const fifty = `
aux
-ef
auxww
-eo pid,ppid,cmd
-eo pid,comm
-C sleep -o pid=
-p PID -o etimes=
-p PID -o pid=
-p PID -o comm=
-p PID -o args=
-p PID -o ppid=
-p PID -o stat=
-o pid= --ppid PID
-aux
axjf
-eLf
-u root
-ef --forest
auxf
axf
-ejH
-e
-A
ax
-ely
-eF
-el
-axo pid,ppid,command
axo pid,user,args
axo pid,comm,wchan
-eo pid,tid,class,rtprio,ni,pri,psr,pcpu,stat,wchan:14,comm
axo stat,euid,ruid,tty,tpgid,sess,pgrp,ppid,pid,pcpu,comm
-Ao pid,tt,user,fname,tmout,f,wchan
-eo pid,user,%cpu,%mem,args --sort=-%cpu
aux --sort=-%mem
aux --sort -rss
-eo pid,rss,comm --sort rss
-eo pid,vsz,rss,comm k-vsz,pid
-eo pid= --no-headers
-eo pid=,user= --no-headers
-U root -u root u
-C sleep -L -o pid,tid,pcpu,state,nlwp
-fp PIDS
-o pid,ppid,pgid,sid,comm -p PIDS
-p PIDS -o pid,lstart,cmd
-p PIDS -o %cpu=,%mem=
-p PIDS -o rss=
-p PIDS -o vsz=
-p PIDS -o pcpu,pmem,etime,args
-q PID -o comm=
--pid PID -o user=
-T -p PIDS
-Lf -p PIDS
-mp PIDS
-s PID -o pid,cmd
-t pts/0 -o pid,tty,cmd
-g root -o pid,egroup
-G daemon -o pid,rgroup
-eo pid,cgroup
-eM
axZ
-eo pid,label,comm
-efww
-efH
-eo pid,ppid,user,stat,start,time,command
-eo pid,nlwp,cmd --sort=-nlwp,pid
-ef --sort=start_time
-eo pid,etime,cmd --sort=etime,pid
-eo pid,lwp,nlwp,comm -L
-Ho pid,args -e
c -eo pid,comm
-p 4194303
-p 4194303 -o pid=
-C nosuchname -o pid=
-o pid,comm -N -p 1
`

// ofPeers are the headers, and the lines that have the number of a peer among their
// first words, one that is no priority and no child's of kthreadd: whatever else
// runs here does not stand still.
func (p *peers) ofPeers(out string) string {
	var kept []string
	for line := range strings.Lines(out) {
		words := strings.Fields(line)
		if slices.ContainsFunc(words, func(w string) bool { return w == "ps" || filepath.Base(w) == "dps" }) {
			continue // who asks
		}
		if len(kept) == 0 && strings.Contains(line, "PID") || slices.ContainsFunc(words[:min(len(words), 9)], func(w string) bool {
			return len(w) >= 4 && slices.Contains(p.pids, w)
		}) {
			kept = append(kept, line)
		}
	}
	return strings.Join(kept, "")
}

// The fifty most used command lines are exact, with whatever they select, by both
// roads.
func TestFiftyAgainstPS(t *testing.T) {
	p := startPeers(t)
	lines := strings.Split(strings.TrimSpace(fifty), "\n")
	if len(lines) < 50 {
		t.Errorf("%d command lines", len(lines))
	}
	modes := []k2i.Mode{p.mode}
	if hasBPF(t) {
		modes = append(modes, k2i.ModeBPF)
	}
	p.program = *chanceProgram
	for _, mode := range modes {
		p.mode = mode
		p.fresh()
		for _, line := range lines {
			shown := same
			if !strings.Contains(line, "PID") && !strings.Contains(line, "4194303") {
				shown = p.ofPeers
			}
			line = strings.ReplaceAll(line, "PIDS", p.list())
			line = strings.ReplaceAll(line, "PID", p.pids[len(p.pids)-1])
			p.equal(t, shown, strings.Fields(line)...)
		}
	}
}
