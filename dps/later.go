package dps

// laterOptions are known to ps and not yet to dps: each is refused by its name,
// so that a script never takes one listing for another.
var laterOptions = []Option{
	later(Option{Unix: 'q', BSD: 'q', Long: []string{"quick-pid"}, Arg: "PIDS", Section: "list", Help: "process ids, in this order", missing: needPIDs}),
	later(Option{BSD: 't', Section: "list", Help: "terminals (use -t, or T for this one)"}),
	later(Option{Unix: 'O', BSD: 'O', Arg: "FORMAT", Section: "output", Help: "the default columns and these", missing: needFormat}),
	later(Option{Unix: 'H', Section: "output", Help: "the hierarchy of processes"}),
	later(Option{BSD: 'f', Long: []string{"forest"}, Section: "output", Help: "the tree of processes"}),
	later(Option{Unix: 'M', BSD: 'Z', Long: []string{"context"}, Section: "output", Help: "security labels"}),
	later(Option{Unix: 'P', Section: "output", Help: "with a column PSR"}),
	later(Option{BSD: 's', Section: "output", Help: "signal format"}),
	later(Option{BSD: 'v', Section: "output", Help: "virtual memory format"}),
	later(Option{BSD: 'X', Section: "output", Help: "register format"}),
	later(Option{Long: []string{"headers", "heading", "headings"}, Section: "output", Help: "headers on every page"}),
	later(Option{Long: []string{"rows", "lines"}, Arg: "N", Section: "output", Help: "lines of the screen", missing: "number of rows must follow --rows, --lines"}),
	later(Option{BSD: 'H', Section: "threads", Help: "threads as if they were processes"}),
	later(Option{Unix: 'L', Section: "threads", Help: "threads, with LWP and NLWP"}),
	later(Option{Unix: 'T', Section: "threads", Help: "threads, with SPID"}),
	later(Option{Unix: 'm', BSD: 'm', Section: "threads", Help: "threads after processes"}),
	later(Option{Unix: 'c', Section: "misc", Help: "scheduling classes"}),
	later(Option{BSD: 'e', Section: "misc", Help: "the environment after the command"}),
	later(Option{BSD: 'n', Section: "misc", Help: "numbers for users and groups"}),
	later(Option{BSD: 'S', Long: []string{"cumulative"}, Section: "misc", Help: "with the CPU time of dead children"}),
	later(Option{Long: []string{"info"}, Section: "misc", Help: "debugging info"}),
}

// later makes an option that is refused.
func later(o Option) Option {
	name := o.Name()
	o.later = true
	o.set = func(*parser, string) error {
		return &UsageError{Text: "option " + name + " of ps is not supported yet", final: true}
	}
	return o
}

// laterKeys are keywords of ps that dps cannot fill in yet.
const laterKeys = " ag_id ag_nice blocked caught cgroupns context cuc drs dsiz eip environ esp exe fds fname " +
	"ignored ipcns label lim lsession luid lxc m_drs m_size m_trs machine mntns netns numa oom oomadj ouid " +
	"pending pidns pss rchars rops seat sgi_p sgi_rss sig sig_block sig_catch sig_ignore sig_pend sigcatch " +
	"sigignore sigmask size slice stackp start_stack supgid supgrp timens trs trss tsig tsiz tty4 unit userns " +
	"uss utsns uunit wcbytes wchars wops zone docker htprv htshr pcap pcaps cpu "
