package procfs

import (
	"bytes"
	"errors"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"ddcos/k2i"
)

// How long what takes files of its own is kept of a process that is still the same
// one and runs the same program: it may move into other namespaces, and its
// program's file may be removed. By BPF only the latter is looked for.
const (
	seldomFor    = 10 * time.Second
	seldomForBPF = time.Minute
)

// SeldomFields are the fields that Seldom can fill in, by the road that does
// not have them from elsewhere.
func SeldomFields(mode k2i.Mode) []string {
	if mode == k2i.ModeBPF {
		return linkFields(mode)
	}
	return append(linkFields(mode), "oom_score_adj")
}

// linkFields are those of links, which are not everybody's to read.
func linkFields(mode k2i.Mode) []string {
	names := []string{"exe"}
	if mode == k2i.ModeBPF {
		return names
	}
	for _, n := range namespaceLinks {
		names = append(names, "ns_"+n)
	}
	return names
}

// namespaceLinks are the links below ns, in the order of the fields of a Process.
var namespaceLinks = [...]string{"cgroup", "ipc", "mnt", "net", "pid", "pid_for_children", "time", "user", "uts"}

// Seldom reads of each process what takes further files and seldom changes: its
// program's path and, where BPF does not tell them, its namespaces and the
// adjustment of its OOM score. It is for one goroutine.
type Seldom struct {
	fs    *FS
	known []detail // of the last sample, in its order
	spare []detail // room for the next
}

// detail is what is known of one process.
type detail struct {
	key    k2i.Key
	until  time.Duration // since boot
	execID k2i.Count     // Unread by procfs: another name tells then
	comm   string

	exe        string
	adjustment int32
	namespaces [len(namespaceLinks)]k2i.Inode
	hidden     bool // the links are not the caller's to read
}

// NewSeldom knows nothing yet.
func NewSeldom(fs *FS) *Seldom { return &Seldom{fs: fs} }

// Fill completes the rows of a sample, sorted by pid, that has not been published,
// and names in its Missing what the caller may not read of most of them.
func (d *Seldom) Fill(sample *k2i.Sample) {
	hidden, programs := 0, 0
	now := slices.Grow(d.spare[:0], len(sample.Processes))
	at := 0
	for i, p := range sample.Processes {
		for at < len(d.known) && d.known[at].key.PID < p.PID {
			at++
		}
		var known *detail
		if at < len(d.known) && d.known[at].key == p.Key() {
			known = &d.known[at]
		}
		now = append(now, d.of(p, known, sample))
		if !now[i].isOf(p, sample.Mode) {
			now[i].copyTo(sample.Own(i), sample.Mode)
		}
		if !p.Kernel {
			programs++
		}
		if now[i].hidden {
			hidden++
		}
	}
	d.known, d.spare = now, d.known
	if hidden > programs/2 {
		sample.Missing = slices.Concat(sample.Missing, linkFields(sample.Mode))
		slices.Sort(sample.Missing)
		sample.Missing = slices.Compact(sample.Missing)
	}
}

// of is what is known of a process, read anew where it may have changed. What is
// old is not all read in one pass: processes have their own turns.
func (d *Seldom) of(p *k2i.Process, known *detail, sample *k2i.Sample) detail {
	if known != nil && known.execID == p.ExecID && known.comm == p.Comm && sample.Mono < known.until {
		return *known
	}
	keep := seldomFor
	if sample.Mode == k2i.ModeBPF {
		keep = seldomForBPF
	}
	fresh := d.fs.details(p.Key(), p.Kernel, sample.Mode, known)
	fresh.key, fresh.execID, fresh.comm, fresh.until = p.Key(), p.ExecID, p.Comm, sample.Mono+keep
	switch {
	case known == nil:
		fresh.until -= time.Duration(p.PID%16) * keep / 32
	case known.exe == fresh.exe:
		fresh.exe = known.exe // one string for all rows
	}
	return fresh
}

// isOf tells whether a row has it already.
func (one *detail) isOf(p *k2i.Process, mode k2i.Mode) bool {
	if mode == k2i.ModeBPF {
		return p.Exe == one.exe
	}
	n := [...]k2i.Inode{p.NSCgroup, p.NSIPC, p.NSMnt, p.NSNet, p.NSPID, p.NSPIDForChildren, p.NSTime, p.NSUser, p.NSUTS}
	return p.Exe == one.exe && p.OOMScoreAdj == one.adjustment && n == one.namespaces
}

func (one *detail) copyTo(p *k2i.Process, mode k2i.Mode) {
	p.Exe = one.exe
	if mode == k2i.ModeBPF {
		return
	}
	n := &one.namespaces
	p.OOMScoreAdj = one.adjustment
	p.NSCgroup, p.NSIPC, p.NSMnt, p.NSNet, p.NSPID = n[0], n[1], n[2], n[3], n[4]
	p.NSPIDForChildren, p.NSTime, p.NSUser, p.NSUTS = n[5], n[6], n[7], n[8]
}

// Exe is the path of the program that a process runs, "" where it has none, has
// ended, or is not the caller's to look at.
func (fs *FS) Exe(process k2i.Key) string { return fs.details(process, false, k2i.ModeBPF, nil).exe }

// details reads them, through one directory that is known to be this process's: its
// number may be another one's by now. That need not be looked at where all is as it
// is known to be. What is not there, as of a kernel thread or a zombie, stays empty.
func (fs *FS) details(process k2i.Key, kernel bool, mode k2i.Mode, known *detail) (one detail) {
	dir, err := unix.Open(fs.root+"/"+strconv.Itoa(int(process.PID)), unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return one // it has ended
	}
	defer func() { _ = unix.Close(dir) }() // nothing was written to it
	r := fs.reader(dir)
	r.buf = make([]byte, maxStat) // one each time
	r.details(&one, kernel, mode)
	if known != nil && one.tells(known) {
		return one
	}
	var is k2i.Process
	if err := r.stat(&is); err != nil || is.Key() != process {
		return detail{}
	}
	return one
}

// tells is whether both say the same of a process.
func (one *detail) tells(known *detail) bool {
	return one.exe == known.exe && one.adjustment == known.adjustment && one.namespaces == known.namespaces && one.hidden == known.hidden
}

// details reads those of the process at hand.
func (r *reader) details(one *detail, kernel bool, mode k2i.Mode) {
	if !kernel {
		one.exe, one.hidden = r.link("exe")
	}
	if mode == k2i.ModeBPF {
		return
	}
	for i, name := range namespaceLinks {
		target, refused := r.link("ns/" + name)
		one.namespaces[i], one.hidden = inodeOf(target), one.hidden || refused
	}
	if b, err := r.file("oom_score_adj", maxNumber); err == nil {
		one.adjustment = parseAdjustment(b)
	}
}

// maxNumber is enough for a file of one number, maxStat for a process's stat.
const (
	maxNumber = 32
	maxStat   = 2 << 10
)

// parseAdjustment reads -1000 to 1000; 0 where it is none.
func parseAdjustment(b []byte) int32 {
	n, err := strconv.ParseInt(string(bytes.TrimSpace(b)), 10, 32)
	if err != nil || n < -1000 || n > 1000 {
		return 0
	}
	return int32(n)
}

// link is where a link of the process points, "" where it cannot be read. The
// kernel refuses the links of a process that has just ended, too.
func (r *reader) link(name string) (target string, refused bool) {
	var buf [maxLink]byte
	n, err := unix.Readlinkat(r.dir, name, buf[:])
	if err == nil {
		return string(buf[:n]), false
	}
	var st unix.Stat_t
	return "", errors.Is(readError(err), errHidden) && unix.Fstatat(r.dir, "stat", &st, 0) == nil
}

// inodeOf reads a namespace's link, "net:[4026531992]"; 0 where it is none.
func inodeOf(target string) k2i.Inode {
	_, rest, _ := strings.Cut(target, ":[")
	number, found := strings.CutSuffix(rest, "]")
	n, err := strconv.ParseUint(number, 10, 32)
	if !found || err != nil {
		return 0
	}
	return k2i.Inode(n)
}
