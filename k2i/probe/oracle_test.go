package probe

import (
	"fmt"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	prometheus "github.com/prometheus/procfs"
	"golang.org/x/sys/unix"

	"ddcos/k2i"
)

// compareLibrary holds a row of the procfs road to what prometheus/procfs reads.
func compareLibrary(t *testing.T, p k2i.Process) {
	t.Helper()
	proc, err := prometheus.NewProc(int(p.PID))
	if err != nil {
		t.Fatal(err)
	}
	stat, err := proc.Stat()
	if err != nil {
		t.Fatal(err)
	}
	status, err := proc.NewStatus()
	if err != nil {
		t.Fatal(err)
	}
	io, err := proc.IO()
	if err != nil {
		t.Fatal(err)
	}
	for field, pair := range map[string][2]any{
		"comm": {p.Comm, stat.Comm}, "state": {p.State, stat.State}, "pid": {int(p.PID), stat.PID}, "ppid": {int(p.PPID), stat.PPID},
		"pgid": {int(p.PGID), stat.PGRP}, "sid": {int(p.SID), stat.Session}, "tty": {int(p.TTYNr), stat.TTY}, "tpgid": {int(p.TPGID), stat.TPGID},
		"flags": {uint(p.Flags), stat.Flags}, "minflt": {uint(p.MinFlt), stat.MinFlt}, "majflt": {uint(p.MajFlt), stat.MajFlt},
		"utime": {p.UserNS, uint64(stat.UTime) * nsPerTick}, "stime": {p.SystemNS, uint64(stat.STime) * nsPerTick},
		"priority": {int(p.Priority), stat.Priority}, "nice": {int(p.Nice), stat.Nice}, "threads": {int(p.Threads), stat.NumThreads},
		"start": {p.StartTicks, stat.Starttime}, "vsz": {p.VSZBytes, uint64(stat.VSize)}, "rss": {p.RSSBytes, uint64(stat.ResidentMemory())},
		"cpu": {uint(p.CPU), stat.Processor}, "rtprio": {uint(p.RTPriority), stat.RTPriority}, "policy": {uint(p.Policy), stat.Policy},
		"uids": {[4]uint64{uint64(p.RUID), uint64(p.EUID), uint64(p.SUID), uint64(p.FSUID)}, status.UIDs},
		"gids": {[4]uint64{uint64(p.RGID), uint64(p.EGID), uint64(p.SGID), uint64(p.FSGID)}, status.GIDs},
		"read": {uint64(p.ReadBytes), io.ReadBytes}, "written": {uint64(p.WriteBytes), io.WriteBytes},
	} {
		if pair[0] != pair[1] {
			t.Errorf("%s: %v, the library says %v", field, pair[0], pair[1])
		}
	}
	compareLibraryTexts(t, proc, p)
}

func compareLibraryTexts(t *testing.T, proc prometheus.Proc, p k2i.Process) {
	t.Helper()
	args, err := proc.CmdLine()
	if err != nil {
		t.Fatal(err)
	}
	line := strings.Join(args, "\x00")
	if got := strings.Join(p.Args, "\x00"); got != strings.TrimRight(line[:min(len(line), k2i.MaxArgs)], "\x00") {
		t.Errorf("arguments: %.200q, the library says %.200q", got, line)
	}
	groups, err := proc.Cgroups()
	if err != nil {
		t.Fatal(err)
	}
	if !slices.ContainsFunc(groups, func(g prometheus.Cgroup) bool { return g.Path == p.Cgroup }) {
		t.Errorf("cgroup %q is none of %+v", p.Cgroup, groups)
	}
}

// comparePidfd holds the inode to that of a handle on the process.
func comparePidfd(t *testing.T, p k2i.Process) {
	t.Helper()
	fd, err := unix.PidfdOpen(int(p.PID), 0)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = unix.Close(fd) }()
	var st unix.Stat_t
	var fs unix.Statfs_t
	if err := unix.Fstat(fd, &st); err != nil {
		t.Fatal(err)
	}
	if err := unix.Fstatfs(fd, &fs); err != nil {
		t.Fatal(err)
	}
	if fs.Type == unix.PID_FS_MAGIC && uint64(p.PidfdInode) != st.Ino {
		t.Errorf("pidfd's inode: %d, the kernel says %d", p.PidfdInode, st.Ino)
	}
}

// comparePS holds rows to what ps prints.
func comparePS(t *testing.T, f family, sample *k2i.Sample) {
	t.Helper()
	list := []string{}
	for _, pid := range f {
		list = append(list, strconv.Itoa(pid))
	}
	cmd := exec.CommandContext(t.Context(), "ps", "-o", "pid=,ppid=,euid=,lstart=,comm=", "-p", strings.Join(list, ","))
	cmd.Env = append(cmd.Environ(), "LC_ALL=C", "TZ=UTC")
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("ps: %v", err)
	}
	seen := 0
	for line := range strings.Lines(string(out)) {
		words := strings.Fields(line)
		if len(words) < 8 {
			t.Fatalf("ps says %q", line)
		}
		pid, err := strconv.Atoi(words[0])
		if err != nil {
			t.Fatal(err)
		}
		seen++
		p := find(t, sample, pid)
		if got, want := strings.Join(words[1:3], " "), fmt.Sprintf("%d %d", p.PPID, p.EUID); got != want {
			t.Errorf("ps of %d: ppid and user %s, want %s", pid, got, want)
		}
		began, err := time.Parse("Mon Jan 2 15:04:05 2006", strings.Join(words[3:8], " "))
		if err != nil {
			t.Fatal(err)
		}
		if off := began.Sub(time.Unix(0, sample.Host.BootUnixNS+int64(p.StartNS))); off.Abs() > 2500*time.Millisecond { // ps adds two numbers of whole seconds
			t.Errorf("ps of %d: start is off by %v", pid, off)
		}
		comm := strings.Join(words[8:], " ")
		plain := strings.TrimFunc(p.Comm, func(r rune) bool { return r > ' ' && r < 0x7f && r != '\\' }) == ""
		if plain && p.State == "Z" {
			comm = strings.TrimSuffix(comm, " <defunct>")
		}
		if plain && comm != p.Comm {
			t.Errorf("ps of %d: comm %q, want %q", pid, comm, p.Comm)
		}
	}
	if seen != len(f) {
		t.Errorf("ps knows %d of %d processes", seen, len(f))
	}
}
