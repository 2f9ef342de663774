package dps

import "strings"

// named are the formats that have names: ps takes one where a keyword may stand
// in -o, and the letters of a personality mean some. The families are those of
// ps: OL old Linux, FB FreeBSD, HP, RD and FD Debian, Std UNIX; the others are Digital's.
var named = map[string]string{
	"DefBSD":   "pid tname stat bsdtime args",
	"DefSysV":  "pid tname time cmd",
	"END_BSD":  "state tname cputime comm",
	"END_SYS5": "state tname time command",

	"OL_X": "pid start_stack esp eip timeout alarm stat tname bsdtime args",
	"OL_j": "ppid pid pgid sid tname tpgid stat uid bsdtime args",
	"OL_l": "flags uid pid ppid priority nice vsz rss wchan stat tname bsdtime args",
	"OL_m": "pid tname majflt minflt m_trs m_drs m_size m_swap rss m_share vm_lib m_dt args",
	"OL_s": "uid pid pending sig_block sig_ignore caught stat tname bsdtime args",
	"OL_u": "user pid pcpu pmem vsz rss tname stat start_time bsdtime args",
	"OL_v": "pid tname stat bsdtime maj_flt m_trs m_drs rss pmem args",

	"FB_":  "pid tt stat time command",
	"FB_j": "user pid ppid pgid sess jobc stat tt time command",
	"FB_l": "uid pid ppid cpu pri nice vsz rss wchan stat tt time command",
	"FB_u": "user pid pcpu pmem vsz rss tt stat start time command",
	"FB_v": "pid stat time sl re pagein vsz rss lim tsiz pcpu pmem command",

	"FD_":   "pid tty time comm",
	"FD_f":  "user pid ppid start_time tty time comm",
	"FD_fj": "user pid ppid start_time tty time pgid sid comm",
	"FD_j":  "pid tty time pgid sid comm",
	"FD_l":  "flags state uid pid ppid priority nice vsz wchan tty time comm",
	"FD_lj": "flags state uid pid ppid priority nice vsz wchan tty time pgid sid comm",

	"RD_":   "pid tname state bsdtime comm",
	"RD_f":  "uid pid ppid start_time tname bsdtime args",
	"RD_fj": "uid pid ppid start_time tname bsdtime pgid sid args",
	"RD_j":  "pid tname state bsdtime pgid sid comm",
	"RD_l":  "flags state uid pid ppid priority nice wchan tname bsdtime comm",
	"RD_lj": "flags state uid pid ppid priority nice wchan tname bsdtime pgid sid comm",

	"HP_":   "pid tty time comm",
	"HP_f":  "user pid ppid cpu stime tty time args",
	"HP_fl": "flags state user pid ppid cpu intpri nice addr sz wchan stime tty time args",
	"HP_l":  "flags state uid pid ppid cpu intpri nice addr sz wchan tty time comm",

	"Std_f":  "uid_hack pid ppid c stime tname time cmd",
	"Std_fl": "f s uid_hack pid ppid c opri ni addr sz wchan stime tname time cmd",
	"Std_l":  "f s uid pid ppid c opri ni addr sz wchan tname time ucmd",

	"FLASK_context": "pid context command",
	"J390":          "pid sid pgrp tname atime args",

	"DFMT":   "pid tname state cputime cmd",
	"F5FMT":  "uname pid ppid c start tname time cmd",
	"FL5FMT": "f state uid pid ppid pcpu pri nice rss wchan start time command",
	"JFMT":   "user pid ppid pgid sess jobc state tname cputime command",
	"L5FMT":  "f state uid pid ppid c pri nice addr sz wchan tt time ucmd",
	"LFMT":   "uid pid ppid cp pri nice vsz rss wchan state tname cputime command",
	"RUSAGE": "minflt majflt nswap inblock oublock msgsnd msgrcv nsigs nvcsw nivcsw",
	"SCHED":  "user pcpu pri usrpri nice psxpri psr policy pset",
	"SFMT":   "uid pid cursig sig sigmask sigignore sigcatch stat tname command",
	"THREAD": "user pcpu pri scnt wchan usertime systime",
	"UFMT":   "uname pid pcpu pmem vsz rss tt state start time command",
	"VFMT":   "pid tt state time sl pagein vsz rss pcpu pmem command",
}

// namedCells are the columns of a format that has a name.
func namedCells(name string) []Cell { return cellsOf(strings.Fields(named[name])) }

// codes are AIX's: a letter behind a percent sign, a keyword and its header.
var codes = map[byte][2]string{
	'C': {"pcpu", "%CPU"},
	'G': {"group", "GROUP"},
	'P': {"ppid", "PPID"},
	'U': {"user", "USER"},
	'a': {"args", "COMMAND"},
	'c': {"comm", "COMMAND"},
	'g': {"rgroup", "RGROUP"},
	'n': {"nice", "NI"},
	'p': {"pid", "PID"},
	'r': {"pgid", "PGID"},
	't': {"etime", "ELAPSED"},
	'u': {"ruser", "RUSER"},
	'x': {"time", "TIME"},
	'y': {"tty", "TTY"},
	'z': {"vsz", "VSZ"},
}

// checkCodes refuses what is no format of AIX: a code must follow each percent
// sign, and nothing but blanks may stand between, though before the first one
// any character may.
func checkCodes(format string) error {
	for first := true; format != ""; first = false {
		text, rest, coded := strings.Cut(format, "%")
		if first && text != "" {
			text = text[1:]
		}
		switch {
		case strings.Trim(text, " ") != "":
			return usage("improper AIX field descriptor")
		case !coded:
			return nil
		}
		if rest = strings.TrimLeft(rest, "%"); rest == "" || rest[0] == ' ' {
			return usage("missing AIX field descriptor")
		}
		format = rest[1:]
	}
	return nil
}

// codeCells reads a format of AIX: codes, and blanks between them, which stand
// as they are. Behind the last one the line is filled to its end, as in ps.
func codeCells(format string) ([]Cell, error) {
	if err := checkCodes(format); err != nil {
		return nil, err
	}
	var cells []Cell
	for format != "" {
		text, rest, coded := strings.Cut(format, "%")
		if text != "" {
			cells = append(cells, fillerCell(text))
		}
		if !coded {
			break
		}
		if rest[0] == '%' {
			return nil, usage("missing AIX field descriptor")
		}
		code, known := codes[rest[0]]
		if !known {
			return nil, usage("unknown AIX field descriptor")
		}
		cell := cellsOf([]string{code[0]})[0]
		cell.Header = code[1]
		cells, format = append(cells, cell), rest[1:]
	}
	if len(cells) > maxCells {
		return nil, tooManyColumns()
	}
	return append(cells, fillerCell("")), nil
}

// fillerCell is text that stands in every line.
func fillerCell(text string) Cell {
	return Cell{Column: Column{Header: text, Width: len(text), Side: Left}, filler: true}
}
