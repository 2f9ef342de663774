package dps

import (
	"strconv"
	"strings"

	"ddcos/k2i/fleet"
)

// The keywords that ps knows and prints a dash for, each with its header and
// its width: on the right, as wide as pids, on the left, where users stand,
// where what a process waits for stands, and where texts without end do.
const (
	dashesRight = `
	acflag ACFLG 5, acflg ACFLG 5, addr ADDR 4, alarm ALARM 5, argc ARGC 4, bnd BND 1, cmaj_flt - 1, cmin_flt - 1,
	cnswap - 1, cpu CPU 3, ctid CTID 5, cursig CURSIG 6, cutime - 1, end_code E_CODE 16, inblk INBLK 5, inblock INBLK 5,
	jid JID 1, jobc JOBC 4, ktrace KTRACE 8, ktracep KTRACEP 8, m_dt DT 4, m_lrs LRS 5, m_resident RES 5,
	m_share SHRD 5, m_swap SWAP 5, msgrcv MSGRCV 6, msgsnd MSGSND 6, nivcsw IVCSW 5, nsignals NSIGS 5, nsigs NSIGS 5,
	nswap NSWAP 5, nvcsw VCSW 5, nwchan WCHAN 6, osz SZ 2, oublk OUBLK 5, oublock OUBLK 5, p_ru P_RU 6, paddr PADDR 6,
	poip - 1, prmgrp PRMGRP 12, prmid PRMID 12, projid PROJID 5, pset PSET 4, psxpri PPR 3, re RE 3, resident RES 5,
	rlink RLINK 8, scnt SCNT 4, scount SC 4, share - 1, sl SL 3, start_code S_CODE 16, status STATUS 6,
	systime SYSTEM 6, tdev TDEV 4, timeout TMOUT 5, tmout TMOUT 5, u_procp UPROCP 6, umask UMASK 5, upr UPR 3,
	uprocp UPROCP 8, usertime USER 4, usrpri UPR 3, utime UTIME 6, vm_data DATA 5, vm_exe EXE 5, vm_lib LIB 5,
	vm_lock LCK 3, vm_stack STACK 5, xstat XSTAT 5, zoneid ZONEID 31, ~ - 1
`
	dashesPID = `
	taskid TASKID 6, tsess TSESS 5, tsession TSESS 5, tsid TSID 5
`
	dashesLeft = `
	addr_1 ADDR 1, cwd CWD 3, emul EMUL 13, login LOGNAME 8, logname LOGNAME 8,
	project PROJECT 12
`
	dashesWait = `
	mwchan MWCHAN 6
`
	dashesOpen = `
	environ ENVIRONMENT 11
`
	dashesUser = `
	luser LUSER 8
`
)

// dashColumns are the columns of those keywords: scripts for other systems ask
// for them.
func dashColumns() []Column {
	columns := dashes(dashesRight, Right)
	for _, c := range dashes(dashesPID, Right) {
		c.PIDs = true
		columns = append(columns, c)
	}
	columns = append(columns, dashes(dashesLeft, Left)...)
	columns = append(columns, dashes(dashesWait, Cropped)...)
	columns = append(columns, dashes(dashesOpen, Open)...)
	return append(columns, dashes(dashesUser, Name)...)
}

// dashes reads one of the lists above.
func dashes(list string, side Side) []Column {
	var columns []Column
	for entry := range strings.SplitSeq(list, ",") {
		words := strings.Fields(entry)
		width, err := strconv.Atoi(words[len(words)-1])
		if err != nil || len(words) != 3 {
			continue // a test counts them
		}
		columns = append(columns, word(words[0], words[1], width, side, "", "always -", func(*Look, fleet.Row) string { return "-" }))
	}
	return columns
}
