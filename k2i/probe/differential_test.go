package probe

import (
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"ddcos/k2i"
	"ddcos/k2i/procfs"
)

// zoo starts one process of each kind that is hard to read, all of them stopped.
func zoo(t testing.TB) family {
	t.Helper()
	f := family{}
	for _, comm := range []string{") R 1 (", "a\nb", "\x1b[2J", "  x  ", "fifteen bytes !", "\xff\xfe\xc0", "\u202ecod.exe", "a\\b"} {
		f.add(t, fmt.Sprintf("comm %q", comm), childOf("comm", comm), nil)
	}
	for _, name := range []string{"idle", "threads", "busy", "ids"} {
		f.add(t, name, childOf(name, ""), nil)
	}
	f.add(t, "io", childOf("io", t.TempDir()), nil)
	for _, title := range []string{"short", "long", "whole"} {
		f.add(t, "title "+title, childOf("title", title), nil)
	}
	for name, args := range map[string][]string{
		"no name": {""}, "200 KiB": append([]string{"x"}, slices.Repeat([]string{strings.Repeat("y", 10<<10)}, 20)...),
		"empty ones": {"a", "", "", "b", ""}, "odd ones": {"a\nb", "\x1b[2J", "\xff"}, "exactly": {strings.Repeat("z", k2i.MaxArgs-1)},
		"one more": {strings.Repeat("z", k2i.MaxArgs), "q"},
	} {
		cmd := childOf("idle", "")
		cmd.Args = args
		f.add(t, "arguments, "+name, cmd, nil)
	}
	for name, p := range map[string]struct {
		policy, priority uint32
		nice             int32
	}{
		"nice": {unix.SCHED_NORMAL, 0, 7}, "nicer": {unix.SCHED_NORMAL, 0, -20}, "fifo": {unix.SCHED_FIFO, 1, 0},
		"rr": {unix.SCHED_RR, 99, 0}, "batch": {unix.SCHED_BATCH, 0, 19}, "scheduled idle": {unix.SCHED_IDLE, 0, 0},
	} {
		schedule(t, f.add(t, name, childOf("idle", ""), nil), p.policy, p.priority, p.nice)
	}
	f.add(t, "another user", childOf("idle", ""), &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534, NoSetGroups: true}})
	f.add(t, "group", childOf("idle", ""), &syscall.SysProcAttr{Setpgid: true})
	f.add(t, "session", childOf("idle", ""), &syscall.SysProcAttr{Setsid: true})
	f.add(t, "namespace", childOf("idle", ""), &syscall.SysProcAttr{Cloneflags: unix.CLONE_NEWPID})
	cmd, attr := withTerminal(t, childOf("idle", ""))
	f.add(t, "terminal", cmd, attr)
	cmd, attr = withTerminal(t, childOf("front", ""))
	f.add(t, "terminal given away", cmd, attr)
	addUnstoppable(t, f)
	return f
}

// addUnstoppable adds those that have ended, or wait so that no signal stops them.
func addUnstoppable(t testing.TB, f family) {
	t.Helper()
	var ended unix.Siginfo // when all its threads have; its leader is a zombie before that
	zombie := f.addRunning(t, "zombie", childOf("zombie", ""), nil)
	if err := unix.Waitid(unix.P_PID, zombie, &ended, unix.WEXITED|unix.WNOWAIT, nil); err != nil {
		t.Fatal(err)
	}
	headless := f.addRunning(t, "headless", childOf("headless", ""), nil)
	awaitState(t, headless, "Z")
	program, awaited := leased(t)
	waiting := f.addRunning(t, "vfork", childOf("vfork", program), nil)
	await(t, "a child at its program", awaited)
	awaitState(t, waiting, "D")
	for _, pid := range []int{headless, waiting} {
		await(t, fmt.Sprintf("all other threads of %d stopped", pid), func() bool { return stopOthers(t, pid) })
	}
	for _, pid := range []int{zombie, headless, waiting} {
		await(t, fmt.Sprintf("all threads of %d off their CPUs", pid), func() bool { return offCPU(pid) })
	}
}

// stopOthers tells whether all threads but the leader are stopped, and tells
// them to: a signal to the process would wait for its leader.
func stopOthers(t testing.TB, pid int) bool {
	t.Helper()
	stopped := true
	tasks, err := os.ReadDir(fmt.Sprintf("/proc/%d/task", pid))
	if err != nil {
		t.Fatal(err)
	}
	for _, task := range tasks {
		b, err := os.ReadFile(fmt.Sprintf("/proc/%d/task/%s/stat", pid, task.Name()))
		if tid, _ := strconv.Atoi(task.Name()); err == nil && tid != pid && !strings.Contains(string(b), ") T ") {
			_ = unix.Tgkill(pid, tid, unix.SIGSTOP)
			stopped = false
		}
	}
	return stopped
}

// rssSlack bounds what two looks at the resident pages of a stopped process may
// differ by: each of three counters keeps up to a batch for each CPU to itself.
func rssSlack() uint64 {
	cpus := uint64(max(1, len(onlineCPUs())))
	return 3 * cpus * max(32, 2*cpus) * uint64(os.Getpagesize())
}

func onlineCPUs() []int {
	var set unix.CPUSet
	_ = unix.SchedGetaffinity(0, &set)
	return make([]int, set.Count())
}

// within tells whether two numbers are no further apart than slack.
func within(a, b, slack uint64) bool { return max(a, b)-min(a, b) <= slack }

// differences compares the row of a stopped process by both roads: every field,
// those with a finer unit on the BPF road within that of /proc.
func differences(bpf, proc k2i.Process) []string {
	var found []string
	differ := func(field string, a, b any) {
		found = append(found, fmt.Sprintf("%s: %#v by BPF, %#v by procfs", field, a, b))
	}
	differ2 := func(field string, a, b *k2i.Count, slack uint64) {
		known := *a >= 0 && *b >= 0
		if known && !within(uint64(*a), uint64(*b), slack) || !known && *a != *b {
			differ(field, *a, *b)
		}
		*a = *b
	}
	differ2("RSSAnonBytes", &bpf.RSSAnonBytes, &proc.RSSAnonBytes, rssSlack())
	differ2("RSSFileBytes", &bpf.RSSFileBytes, &proc.RSSFileBytes, rssSlack())
	differ2("RSSShmemBytes", &bpf.RSSShmemBytes, &proc.RSSShmemBytes, rssSlack())
	differ2("SwapBytes", &bpf.SwapBytes, &proc.SwapBytes, rssSlack())
	bpf.ChildrenUserNS, bpf.ChildrenSystemNS = bpf.ChildrenUserNS/nsPerTick*nsPerTick, bpf.ChildrenSystemNS/nsPerTick*nsPerTick
	if bpf.ExecID < 1 || proc.ExecID != k2i.Unread {
		differ("ExecID", bpf.ExecID, proc.ExecID)
	}
	if of := threadSwitches(bpf.PID); bpf.VoluntarySwitches < of[0] || bpf.InvoluntarySwitches < of[1] {
		differ("switches, threads that have ended included", [2]k2i.Count{bpf.VoluntarySwitches, bpf.InvoluntarySwitches}, of)
	}
	if proc.VoluntarySwitches > bpf.VoluntarySwitches || proc.Threads == 1 && proc.InvoluntarySwitches < 0 || proc.Threads > 1 && proc.InvoluntarySwitches >= 0 {
		differ("switches of one thread", bpf.VoluntarySwitches, proc.VoluntarySwitches)
	}
	bpf.VoluntarySwitches, bpf.InvoluntarySwitches = proc.VoluntarySwitches, proc.InvoluntarySwitches
	for field, pair := range map[string][2]*uint64{
		"UserNS": {&bpf.UserNS, &proc.UserNS}, "SystemNS": {&bpf.SystemNS, &proc.SystemNS}, "StartNS": {&bpf.StartNS, &proc.StartNS},
	} {
		*pair[0] = *pair[0] / nsPerTick * nsPerTick // in /proc it is cut to ticks
		if field != "StartNS" && within(*pair[0], *pair[1], nsPerTick) {
			*pair[0] = *pair[1] // told at two instants, split anew at each
		}
	}
	if bpf.CPUNS < proc.CPUNS || bpf.CPUNS-proc.CPUNS >= 2*nsPerTick {
		differ("CPUNS", bpf.CPUNS, proc.CPUNS) // exact against the sum of two that were cut
	}
	if !within(bpf.RSSBytes, proc.RSSBytes, rssSlack()) {
		differ("RSSBytes", bpf.RSSBytes, proc.RSSBytes)
	}
	if proc.PidfdInode != k2i.Unread || bpf.RCPU.Known() || proc.RCPU.Known() {
		differ("what neither or only one can know", bpf.PidfdInode, proc.PidfdInode)
	}
	if bpf.RCPUWithExited.Known() || proc.RCPUWithExited.Known() {
		differ("RCPUWithExited", bpf.RCPUWithExited, proc.RCPUWithExited)
	}
	bpf.CPUNS, bpf.RSSBytes, bpf.PidfdInode, bpf.ExecID = proc.CPUNS, proc.RSSBytes, proc.PidfdInode, proc.ExecID
	for _, p := range []*k2i.Process{&bpf, &proc} {
		p.RCPU, p.RCPUWithExited, p.NetRx, p.NetTx, p.IOR, p.IOW = 0, 0, 0, 0, 0, 0 // no number equals itself
	}
	a, b := reflect.ValueOf(bpf), reflect.ValueOf(proc)
	for i := range a.NumField() {
		if x, y := a.Field(i).Interface(), b.Field(i).Interface(); !reflect.DeepEqual(x, y) {
			f := k2i.Fields()[i]
			differ(f.Name, f.Text(&bpf), f.Text(&proc))
		}
	}
	return found
}

// threadSwitches are the voluntary and other context switches of the threads that live.
func threadSwitches(pid int32) (sum [2]k2i.Count) {
	tasks, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/status", pid))
	for _, task := range tasks {
		b, err := os.ReadFile(task)
		if err != nil {
			continue
		}
		if s, err := procfs.ParseStatus(b); err == nil {
			sum[0] += s.Voluntary
			sum[1] += s.Involuntary
		}
	}
	return sum
}

// TestRoadsAgree holds both roads, another library and ps to each other, over
// processes that are hard to read and do not change meanwhile.
func TestRoadsAgree(t *testing.T) {
	p, fs := openRoads(t)
	f := zoo(t)
	first, err := p.Read(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	proc, err := fs.Read(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	second, err := p.Read(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	seldom := procfs.NewSeldom(fs)
	for _, sample := range []*k2i.Sample{first, proc, second} {
		seldom.Fill(sample)
	}
	if len(first.Missing) != 0 {
		t.Errorf("the probe is missing %v", first.Missing)
	}
	for name, pid := range f {
		t.Run(name, func(t *testing.T) {
			row, other := find(t, first, pid), find(t, proc, pid)
			for _, d := range differences(row, other) {
				t.Error(d)
			}
			again := find(t, second, pid)
			for _, p := range []*k2i.Process{&row, &again} {
				p.RCPU, p.RCPUWithExited, p.NetRx, p.NetTx, p.IOR, p.IOW = 0, 0, 0, 0, 0, 0
			}
			if !reflect.DeepEqual(row, again) {
				t.Errorf("a second look differs:\n%+v\n%+v", row, again)
			}
			compareLibrary(t, other)
			comparePidfd(t, row)
		})
	}
	comparePS(t, f, proc)
	checkZoo(t, f, first)
}

// inMemory tells whether files there are written to no storage.
func inMemory(dir string) bool {
	var fs unix.Statfs_t
	return unix.Statfs(dir, &fs) == nil && (fs.Type == unix.TMPFS_MAGIC || fs.Type == unix.RAMFS_MAGIC)
}

// checkZoo tells that the processes are what they were meant to be, so that
// agreeing about them means something.
func checkZoo(t *testing.T, f family, sample *k2i.Sample) {
	row := func(name string) k2i.Process { return find(t, sample, f[name]) }
	want := func(name string, holds bool) {
		if !holds {
			t.Errorf("%s: %+v", name, row(name))
		}
	}
	for name := range f {
		if comm, found := strings.CutPrefix(name, "comm "); found {
			want(name, fmt.Sprintf("%q", row(name).Comm) == comm)
		}
	}
	p := row("ids")
	want("ids", p.RUID == 2001 && p.EUID == 2002 && p.SUID == 2003 && p.FSUID == 2003)
	want("ids", p.RGID == 1001 && p.EGID == 1002 && p.SGID == 1003 && p.FSGID == 1004)
	want("threads", row("threads").Threads >= 13 && row("threads").CPUNS >= 130e6)
	p = row("busy")
	want("busy", p.UserNS > 20e6 && p.SystemNS > 20e6 && p.UserNS+p.SystemNS == p.CPUNS && p.CPUNS > 200e6)
	want("io", row("io").WriteBytes >= 1<<20 || inMemory(os.TempDir()))
	want("title short", slices.Equal(row("title short").Args, []string{"a title"}))
	want("title long", strings.HasSuffix(row("title long").Args[0], "ttail"))
	want("title whole", strings.Trim(row("title whole").Args[0], "w") == "")
	want("arguments, no name", len(row("arguments, no name").Args) == 0)
	want("arguments, 200 KiB", len(strings.Join(row("arguments, 200 KiB").Args, " ")) == k2i.MaxArgs)
	want("nice", row("nice").Nice == 7 && row("nice").Priority == 27)
	want("fifo", row("fifo").Policy == unix.SCHED_FIFO && row("fifo").Priority == -2 && row("fifo").RTPriority == 1)
	want("rr", row("rr").Policy == unix.SCHED_RR && row("rr").Priority == -100)
	want("batch", row("batch").Policy == unix.SCHED_BATCH && row("batch").Nice == 19)
	want("scheduled idle", row("scheduled idle").Policy == unix.SCHED_IDLE)
	want("another user", row("another user").EUID == 65534)
	want("group", row("group").PGID == row("group").PID && row("group").SID != row("group").PID)
	want("session", row("session").SID == row("session").PID && row("session").TPGID == -1)
	want("terminal", row("terminal").TTYNr>>8&0xfff == 136 && row("terminal").TPGID == row("terminal").PID)
	p = row("terminal given away")
	want("terminal given away", p.TPGID > 0 && p.TPGID != p.PGID)
	want("zombie", row("zombie").State == "Z" && len(row("zombie").Args) == 0 && row("zombie").CPUNS >= 60e6)
	want("headless", row("headless").State == "Z" && row("headless").Threads >= 4)
	want("vfork", row("vfork").State == "D")
}

// A process is in its control group by both roads, whichever hierarchy is asked for.
func TestCgroupOfProcess(t *testing.T) {
	lines, err := os.ReadFile("/proc/self/cgroup")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(lines)) {
		parts := strings.SplitN(strings.TrimSpace(line), ":", 3)
		controller := parts[1]
		if _, ok := hierarchies[controller]; !ok {
			continue
		}
		t.Run("hierarchy "+controller, func(t *testing.T) {
			p, err := Open(Options{CgroupController: controller, ArgumentsWait: DefaultOptions().ArgumentsWait})
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = p.Close() })
			base := "/sys/fs/cgroup"
			for _, dir := range []string{base + "/" + controller, base + "/unified"} {
				if _, err := os.Stat(dir + "/cgroup.procs"); err == nil && (controller != "" || strings.HasSuffix(dir, "unified")) {
					base = dir
					break
				}
			}
			dir := filepath.Join(base, parts[2], fmt.Sprint("ddcos test ", os.Getpid()))
			if err := os.Mkdir(dir, 0o755); err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { await(t, "the group to be empty", func() bool { return os.Remove(dir) == nil }) })
			pid := family{}.add(t, "member", childOf("idle", ""), nil)
			if err := os.WriteFile(dir+"/cgroup.procs", fmt.Append(nil, pid), 0); err != nil {
				t.Fatal(err)
			}
			for range 2 { // sent by the first pass, remembered by the second
				sample, err := p.Read(t.Context())
				if err != nil {
					t.Fatal(err)
				}
				if got, want := find(t, sample, pid).Cgroup, strings.TrimPrefix(dir, base); got != want {
					t.Errorf("got %q, want %q", got, want)
				}
			}
		})
	}
}

// Kernel threads have the ids and states that /proc shows, and no arguments. A
// worker's name changes with its work: only its beginning is compared.
func TestKernelThreadsAgree(t *testing.T) {
	p, fs := openRoads(t)
	sample, err := p.Read(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, row := range sample.Processes {
		proc, err := fs.Process(row.PID)
		if err != nil || proc.StartTicks != row.StartTicks {
			continue // ended meanwhile
		}
		if row.Kernel != proc.Kernel {
			t.Errorf("process %d: a kernel thread by one road only", row.PID)
		}
		name, _, _ := strings.Cut(row.Comm, "/")
		same := row.PPID == proc.PPID && row.Cgroup == proc.Cgroup && row.EUID == proc.EUID && row.Nice == proc.Nice
		if row.Kernel && (!same || !strings.HasPrefix(proc.Comm, name) || len(row.Args) != 0 || row.VSZBytes != 0) {
			t.Errorf("by BPF    %+v\nby procfs %+v", row, proc)
		}
	}
}
