package procfs

import (
	"bytes"
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"ddcos/k2i"
)

// maxFact is what is read of one file for a fact: an environment may be long. Most files
// are shorter than usualFact.
const (
	maxFact   = 128 << 10
	usualFact = 4 << 10
)

// maxLink is what is read of a symbolic link: PATH_MAX.
const maxLink = 4096

// Facts reads on demand what no sample holds, because it is rarely asked for,
// dear, or nobody's but the owner's. It reads with the rights of the caller.
//
// A name is that of a file of the process's directory, and a blank and the word
// before a colon for one line of it: "wchan", "status VmLck", "io rchar". In
// "stat 25" it is the field's number; "exe" and "ns/pid" are links, and of
// "fd" it is how many there are. "node" is
// the NUMA node of the CPU that it last ran on. What cannot be read, or has no
// such line, is not in the answer, which is empty where the process has ended.
// With a tid other than 0 it is that thread's own directory, and p is the thread
// as Threads gave it; the first thread stands for the whole process, as there.
func (fs *FS) Facts(p *k2i.Process, tid int32, names []string) map[string]string {
	path := fs.root + "/" + strconv.Itoa(int(p.PID))
	dir, err := unix.Open(path, unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil
	}
	defer func() { _ = unix.Close(dir) }() // nothing was written to it
	r := fs.reader(dir)
	r.buf = make([]byte, usualFact)
	prefix := ""
	if tid != 0 && tid != p.PID {
		prefix = "task/" + strconv.Itoa(int(tid)) + "/"
	}
	if b, err := r.file(prefix+"stat", MaxFile); err != nil || !startedAt(b, p.StartTicks) {
		return nil
	}
	files := map[string]string{}
	facts := make(map[string]string, len(names))
	for _, name := range names {
		file, word, part := strings.Cut(name, " ")
		text, known := files[file]
		if !known {
			text = fs.factFile(&r, p, prefix, file)
			files[file] = text
		}
		switch {
		case part && file == "stat":
			text = statField(text, word)
		case part:
			text = lineOf(text, word)
		}
		if text != "" {
			facts[name] = text
		}
	}
	return facts
}

// startedAt tells whether a stat text is that of the process sampled: its pid
// may have been given to another one since.
func startedAt(stat []byte, ticks uint64) bool {
	s, err := ParseStat(stat)
	return err == nil && s.StartTicks == ticks
}

// factFile is the text of a file, or where a link points; "" where it cannot be read.
func (fs *FS) factFile(r *reader, p *k2i.Process, prefix, file string) string {
	switch {
	case file == "fd":
		return r.entries(prefix + file)
	case file == "node":
		return fs.node(p.CPU)
	case file == "exe" || strings.HasPrefix(file, "ns/"):
		n, err := unix.Readlinkat(r.dir, prefix+file, r.buf[:maxLink])
		if err != nil {
			return ""
		}
		return string(r.buf[:n])
	}
	b, err := r.file(prefix+file, maxFact)
	if err != nil {
		return ""
	}
	return string(b)
}

// entries is how many entries a directory of the process has.
func (r *reader) entries(name string) string {
	fd, err := unix.Openat(r.dir, name, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return ""
	}
	dir := os.NewFile(uintptr(fd), name)
	defer func() { _ = dir.Close() }() // it was only read
	names, err := dir.Readdirnames(-1)
	if err != nil {
		return ""
	}
	return strconv.Itoa(len(names))
}

// node is the NUMA node of a CPU, "" on a kernel that knows of none.
func (fs *FS) node(cpu int32) string {
	entries, err := os.ReadDir("/sys/devices/system/cpu/cpu" + strconv.Itoa(int(cpu)))
	if err != nil {
		return ""
	}
	for _, e := range entries {
		if n, found := strings.CutPrefix(e.Name(), "node"); found {
			return n
		}
	}
	return ""
}

// statField is a field of a stat text by its number, from 3 on.
func statField(text, number string) string {
	n, err := strconv.Atoi(number)
	end := strings.LastIndexByte(text, ')')
	if err != nil || n < 3 || end < 0 {
		return ""
	}
	fields := strings.Fields(text[end+1:])
	if n-3 >= len(fields) {
		return ""
	}
	return fields[n-3]
}

// lineOf is what stands behind "word:" at the beginning of a line.
func lineOf(text, word string) string {
	for line := range bytes.Lines([]byte(text)) {
		if rest, found := bytes.CutPrefix(line, []byte(word+":")); found {
			return strings.TrimSpace(string(rest))
		}
	}
	return ""
}

// Threads reads the threads of a process as if each were one: ids that belong to
// the process are the process's, times, state and scheduling the thread's own,
// but the first thread stands for the whole process, as it does for ps.
// Their thread ids stand beside them, sorted as the kernel lists them. It is
// empty where the process has ended.
func (fs *FS) Threads(p *k2i.Process) (threads []k2i.Process, tids []int32) {
	dir := fs.root + "/" + strconv.Itoa(int(p.PID))
	if b, err := os.ReadFile(dir + "/stat"); err != nil || !startedAt(b, p.StartTicks) {
		return nil, nil
	}
	for _, name := range taskNames(dir) {
		tid, err := strconv.ParseInt(name, 10, 32)
		if err != nil {
			continue
		}
		b, err := os.ReadFile(dir + "/task/" + name + "/stat")
		if err != nil {
			continue // it has ended
		}
		s, err := ParseStat(b)
		if err != nil {
			continue
		}
		if s.PID == p.PID {
			threads = append(threads, *p)
		} else {
			threads = append(threads, asThread(*p, s))
		}
		tids = append(tids, int32(tid))
	}
	return threads, tids
}

// taskNames are the names of a process's threads in the kernel's order: the
// leader, then by age. By their names 99 would come after 100.
func taskNames(dir string) []string {
	tasks, err := os.Open(dir + "/task")
	if err != nil {
		return nil
	}
	defer func() { _ = tasks.Close() }() // it was only read
	names, err := tasks.Readdirnames(-1)
	if err != nil {
		return nil
	}
	return names
}

// asThread is a process with what its thread has of its own.
func asThread(p k2i.Process, s Stat) k2i.Process {
	p.Comm, p.State, p.Flags = s.Comm, string(rune(s.State)), s.Flags
	p.StartTicks, p.StartNS = s.StartTicks, s.StartTicks*nsPerTick
	p.UserNS, p.SystemNS = s.UserTicks*nsPerTick, s.SysTicks*nsPerTick
	p.CPUNS = p.UserNS + p.SystemNS
	p.MinFlt, p.MajFlt = s.MinFlt, s.MajFlt
	p.Priority, p.Nice, p.RTPriority, p.Policy, p.CPU = s.Priority, s.Nice, s.RTPriority, s.Policy, s.CPU
	return p
}
