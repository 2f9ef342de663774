package via

import (
	"bufio"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"ddcos/k2i/fleet"
	"ddcos/k2i/query"
)

// sshHosts starts n servers of ssh, each with a process table and a name of its
// own and so many more processes, and gives the configuration by which ssh knows them as host1 to
// hostN, and the processes that wait for them; at the next one nobody answers.
func sshHosts(t testing.TB, n, more int) (config string, servers []int) {
	t.Helper()
	server, err := exec.LookPath("/usr/sbin/sshd")
	for _, name := range []string{"ssh", "ssh-keygen", "unshare"} {
		if _, missing := exec.LookPath(name); missing != nil {
			err = missing
		}
	}
	if err != nil || os.Getuid() != 0 {
		t.Skipf("it takes root, unshare and Debian's openssh-server and openssh-client: %v", err)
	}
	if err := os.MkdirAll("/run/sshd", 0o755); err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	for _, key := range []string{"host", "user"} {
		if out, err := exec.CommandContext(t.Context(), "ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", filepath.Join(dir, key)).CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
	}
	serving := fmt.Sprintf("HostKey %[1]s/host\nAuthorizedKeysFile %[1]s/user.pub\nStrictModes no\nPermitRootLogin yes\nUsePAM no\nPidFile none\nMaxStartups 100\n", dir)
	asking := fmt.Sprintf("Host *\n  HostName %s\n  User root\n  IdentityFile %s/user\n  StrictHostKeyChecking no\n  UserKnownHostsFile /dev/null\n  LogLevel ERROR\n  BatchMode yes\n", loopback, dir)
	for i := range n {
		port, pid := serveSSH(t, server, dir, fmt.Sprintf("host%d", i+1), serving, more)
		asking = fmt.Sprintf("Host host%d\n  Port %s\n", i+1, port) + asking
		servers = append(servers, pid)
	}
	asking = fmt.Sprintf("Host host%d\n  Port 1\n", n+1) + asking
	config = filepath.Join(dir, "ssh_config")
	if err := os.WriteFile(config, []byte(asking), 0o600); err != nil {
		t.Fatal(err)
	}
	return config, servers
}

// plainLogin leaves out what this machine's user has bash do before any command: it
// is no part of either program, and may take the longest.
const plainLogin = `if [ -e "$HOME/.bashrc" ]; then mount --bind /dev/null "$HOME/.bashrc"; fi`

// loopback is the address of the servers: no connection to another begins at a port of
// this one, so that a port that is free stays so.
const loopback = "127.0.0.2"

// serveSSH starts one server, on a port that it is told to be free, and waits
// until it listens. It ends with the test.
func serveSSH(t testing.TB, server, dir, name, config string, more int) (port string, pid int) {
	t.Helper()
	l, err := net.Listen("tcp", loopback+":0")
	if err != nil {
		t.Fatal(err)
	}
	_, port, err = net.SplitHostPort(l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	_ = l.Close()
	file := filepath.Join(dir, name+".conf")
	if err := os.WriteFile(file, []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), "unshare", "--pid", "--fork", "--kill-child", "--uts", "--mount-proc",
		"sh", "-c", "hostname "+name+" && "+plainLogin+" && for i in $(seq "+strconv.Itoa(more)+"); do sleep infinity & done && exec "+server+" -D -e -f "+file+" -o ListenAddress="+loopback+":"+port)
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	said, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(said)
	for listens := false; !listens; t.Log(lines.Text()) {
		if !lines.Scan() {
			t.Fatalf("sshd ended: %v", lines.Err())
		}
		listens = strings.Contains(lines.Text(), "Server listening")
	}
	go func() {
		for lines.Scan() { // sshd would wait for a full pipe
		}
	}()
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	return port, cmd.Process.Pid
}

// used is the CPU time of this process, of all that it has waited for, and of the
// servers of ssh with all that those have, who are the children of servers.
func used(t testing.TB, servers []int) (sum time.Duration) {
	t.Helper()
	for _, who := range []int{syscall.RUSAGE_SELF, syscall.RUSAGE_CHILDREN} {
		var u syscall.Rusage
		if err := syscall.Getrusage(who, &u); err != nil {
			t.Fatal(err)
		}
		sum += time.Duration(u.Utime.Nano() + u.Stime.Nano())
	}
	for _, pid := range servers {
		children, err := os.ReadFile(fmt.Sprintf("/proc/%d/task/%[1]d/children", pid))
		if err != nil {
			t.Fatal(err)
		}
		for child := range strings.FieldsSeq(string(children)) {
			stat, err := os.ReadFile("/proc/" + child + "/stat")
			if err != nil {
				t.Fatal(err)
			}
			fields := strings.Fields(string(stat[strings.LastIndexByte(string(stat), ')')+1:]))
			for _, field := range fields[11:15] { // utime, stime and those of children, in ticks
				ticks, err := strconv.Atoi(field)
				if err != nil {
					t.Fatal(err)
				}
				sum += time.Duration(ticks) * 10 * time.Millisecond
			}
		}
	}
	return sum
}

// TestSSH asks three hosts behind real servers of ssh, of whom one is not there,
// and looks whether anything stays behind.
func TestSSH(t *testing.T) {
	config, _ := sshHosts(t, 2, 0)
	defer leavesNothing(t)()
	q := query.Query{Sort: []query.Key{{Field: "pid"}}}
	replies := ask(t.Context(), t, "ssh -F "+config+" {host}", q, "host1", "host2", "host3")
	for i, r := range replies[:2] {
		if r.Status != fleet.StatusOK {
			t.Fatalf("got %+v", r)
		}
		rows := r.Answer.Processes
		if rows[0].PID != 1 || rows[0].Comm != "sshd" || rows[len(rows)-1].Comm != "k2i-gather" || len(rows) > 8 {
			t.Errorf("host%d has %d processes, from %q to %q: want its own sshd and what serves us", i+1, len(rows), rows[0].Comm, rows[len(rows)-1].Comm)
		}
	}
	if r := replies[2]; r.Status != fleet.StatusUnreachable || !strings.Contains(r.Err, "port 1: Connection refused") {
		t.Errorf("nobody is there, and got %+v", r)
	}
	for _, r := range ask(t.Context(), t, "ssh -F "+config+" {host}", q, "host1", "host2") {
		for _, p := range r.Answer.Processes[:len(r.Answer.Processes)-1] {
			if p.Comm == "k2i-gather" {
				t.Errorf("%s still has the process of the question before", r.Host)
			}
		}
	}
}

// auxFields are what `dps aux --sort=-rss` asks for, which shows what `ps aux` does.
const auxFields = "args comm ended_ns euid kernel nice pgid pid rss_bytes sid start_ns start_ticks state system_ns threads tpgid tty_nr user " +
	"user_ns vsz_bytes"

// BenchmarkSSH asks eight hosts by ssh for what `dps aux --sort=-rss` shows, beside a
// shell's loop of `ssh HOST ps aux` that asks as many at the same time, by the clock
// and by the CPU time of both ends. The loop's answers are neither one table nor in
// any order. A host has what serves it, and nothing or 200 processes more.
func BenchmarkSSH(b *testing.B) {
	for _, more := range []int{0, 200} {
		b.Run(fmt.Sprintf("more=%d", more), func(b *testing.B) { benchmarkSSH(b, more) })
	}
}

func benchmarkSSH(b *testing.B, more int) {
	const n = 8
	config, servers := sshHosts(b, n, more)
	hosts := make([]string, n)
	for i := range hosts {
		hosts[i] = fmt.Sprintf("host%d", i+1)
	}
	source, err := New("ssh -F "+config+" {host}", hosts, NewPrograms())
	if err != nil {
		b.Fatal(err)
	}
	q := query.Query{Sort: []query.Key{{Field: "rss_bytes", Descending: true}}, Fields: strings.Fields(auxFields)}
	loop := "for h in " + strings.Join(hosts, " ") + "; do ssh -F " + config + " $h ps aux & done; wait"
	var ours, theirs, ourCPU, theirCPU time.Duration
	for b.Loop() {
		began, before := time.Now(), used(b, servers)
		table, err := fleet.Ask(b.Context(), source, q)
		if err != nil || len(table.Failed()) > 0 {
			b.Fatalf("%v, %d hosts failed", err, len(table.Failed()))
		}
		between := used(b, servers)
		ours, ourCPU = ours+time.Since(began), ourCPU+between-before
		began = time.Now()
		if out, err := exec.CommandContext(b.Context(), "sh", "-c", loop).Output(); err != nil || strings.Count(string(out), "ps aux") < n {
			b.Fatalf("%v: %s", err, out)
		}
		theirs, theirCPU = theirs+time.Since(began), theirCPU+used(b, servers)-between
	}
	b.ReportMetric(ourCPU.Seconds()/float64(b.N), "cpu-s/ours")
	b.ReportMetric(theirCPU.Seconds()/float64(b.N), "cpu-s/loop")
	b.ReportMetric(ourCPU.Seconds()/theirCPU.Seconds(), "cpu-ratio")
	b.ReportMetric(ours.Seconds()/float64(b.N), "s/ours")
	b.ReportMetric(theirs.Seconds()/float64(b.N), "s/loop")
	b.ReportMetric(ours.Seconds()/theirs.Seconds(), "ratio")
}
