package dps_test

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"ddcos/dps"
	"ddcos/k2i"
	"ddcos/k2i/query"
	"ddcos/manual"
)

// printable are the keywords of ps, as of version 4.0.6, that show something.
const printable = `
%cpu %mem ag_id ag_nice args atime blocked bsdstart bsdtime c caught cgname cgroup cgroupns class cls cmd comm command context cp cpu
cpuid cputime cputimes cuc cuu docker drs dsiz egid egroup eip environ esp etime etimes euid euser exe f fds fgid fgroup flag flags
fname fsgid fsgroup fsuid fsuser fuid fuser gid group htprv htshr ignored intpri ipcns label lastcpu lim longtname lsession lstart
luid lwp lxc m_drs m_size m_trs machine maj_flt majflt min_flt minflt mntns netns ni nice nlwp numa oom oomadj opri ouid pagein pcap
pcaps pcpu pending pgid pgrp pid pidns pmem policy ppid pri pri_api pri_bar pri_baz pri_foo priority psr pss rbytes rchars rgid
rgroup rops rss rssize rsz rtprio ruid ruser s sched seat sess session sgi_p sgi_rss sgid sgroup sid sig sig_block sig_catch
sig_ignore sig_pend sigcatch sigignore sigmask size slice spid stackp start start_stack start_time stat state stime suid supgid
supgrp suser svgid svgroup svuid svuser sz tgid thcount tid time timens times tname tpgid trs trss tsig tsiz tt tty tty4 tty8 ucmd
ucomm uid uid_hack uname unit user userns uss util utsns uunit vsize vsz wbytes wcbytes wchan wchars wname wops zone`

// placeholders are those that show a dash.
const placeholders = `
acflag acflg addr addr_1 alarm argc bnd cmaj_flt cmin_flt cnswap ctid cursig cutime cwd emul end_code inblk inblock jid jobc ktrace
ktracep login logname luser m_dt m_lrs m_resident m_share m_swap msgrcv msgsnd mwchan nivcsw nsignals nsigs nswap nvcsw nwchan osz
oublk oublock p_ru paddr poip prmgrp prmid project projid pset psxpri re resident rlink scnt scount share sl start_code status
systime taskid tdev timeout tmout tsess tsession tsid u_procp umask upr uprocp usertime usrpri utime vm_data vm_exe vm_lib vm_lock
vm_stack xstat zoneid ~`

// usedOptions are those that scripts and people use, and those that every ps has.
const usedOptions = `
-e -A -a -d -N --deselect -p p --pid -q q --quick-pid --ppid -C -u -U U -G -g -s -t t --user --User --group --Group --sid --tty a x r T g
-f -F -l -y -j u j l v s X -o o --format -O O k --sort -H f --forest -L -T H m -m M w -w --cols --columns --width --rows --lines
--no-headers --headers h c -c e n S --cumulative -M Z -Z --context -P -V V --version L --help --info --signames --delimiter -D
--date-format`

// Every keyword and every option is there; ps takes those that are not later than
// it, and the placeholders show a dash, whatever the process.
func TestEveryKeywordAndOption(t *testing.T) {
	all, dashes := strings.Fields(printable), strings.Fields(placeholders)
	if len(all) != 192 || len(dashes) != 83 {
		t.Errorf("%d keywords and %d placeholders, want 192 and 83", len(all), len(dashes))
	}
	later := differences(t, "later-keywords")
	for _, key := range slices.Concat(all, dashes) {
		if _, ok := dps.ColumnByKey(key); !ok {
			t.Errorf("%s is not known", key)
		}
		if said, _ := genuine(t, "-o", key, "-p", "1"); strings.HasPrefix(said, "error:") != slices.Contains(later, key) {
			t.Errorf("%s: later %v, and ps says %q", key, slices.Contains(later, key), said)
		}
	}
	p := newOnlooker(t)
	for _, key := range dashes {
		if out, _ := p.ours(t, "-o", key+"=", "-p", "1"); strings.TrimSpace(out) != "-" {
			t.Errorf("%s shows %q", key, out)
		}
	}
	for _, key := range all {
		if out, status := p.ours(t, "-o", key+"=", "-p", "1"); status != dps.ExitOK || strings.TrimSpace(out) == "" {
			t.Errorf("%s shows %q, status %d", key, out, status)
		}
	}
	var known []string
	for _, o := range dps.Options() {
		known = append(known, spellings(o)...)
	}
	for _, option := range strings.Fields(usedOptions) {
		if !slices.Contains(known, option) {
			t.Errorf("%s is no option", option)
		}
	}
}

// The one table of columns is behind the list of keywords, the manual, completion
// and JSON: every column is in each, and is made from fields that JSON or a question to the agents has.
func TestColumnsAreOneTable(t *testing.T) {
	var list, man strings.Builder
	for _, err := range []error{dps.WriteColumns(&list), dps.WriteMan(&man)} {
		if err != nil {
			t.Fatal(err)
		}
	}
	var row map[string]any
	b, err := json.Marshal(k2i.Process{})
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(b, &row); err != nil {
		t.Fatal(err)
	}
	for _, c := range dps.Columns() {
		if !slices.Contains(strings.Fields(list.String()), c.Key) {
			t.Errorf("L has no %s", c.Key)
		}
		if offered := (dps.Completer{}).Complete([]string{"-o"}, c.Key).Words; !slices.Contains(offered, dps.Word{Text: c.Key, Help: c.Help}) {
			t.Errorf("completion has no %s", c.Key)
		}
		if key := manual.Escape(c.Key); !strings.Contains(man.String(), "\n.B "+key+"\n") {
			t.Errorf("the manual has no %s", c.Key)
		}
		for _, field := range append(strings.Fields(c.Fields), strings.Fields(c.Field)...) {
			_, asked := query.TermByName(field)
			if _, there := row[field]; !there && !asked {
				t.Errorf("%s is made from %s, which JSON has not", c.Key, field)
			}
		}
	}
}
