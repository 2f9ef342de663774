// Package confined runs the programs as their units confine them, without systemd:
// what the unit files say of the user, capabilities, system calls and mounts is
// read from them and done to a process. What systemd itself would add (a private
// /dev, control groups) is left out; so systemd confines no less.
package confined

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// What the test binary is told to be instead of a test.
const (
	launcher = "CONFINED_ORDER"
	attacker = "CONFINED_TARGET"
)

func TestMain(m *testing.M) {
	if text := os.Getenv(launcher); text != "" {
		fmt.Fprintln(os.Stderr, launch(text))
		os.Exit(1)
	}
	if target := os.Getenv(attacker); target != "" {
		if err := attack(os.Stdout, target); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

const (
	uid      = 64995 // nobody's on any host that we know
	patience = 60 * time.Second
	shows    = "/run/ddcos"
)

// able skips where there is no root, or another machine than the filter's.
func able(t *testing.T) {
	t.Helper()
	if os.Geteuid() != 0 || runtime.GOARCH != "amd64" {
		t.Skip("wants root on amd64")
	}
	if _, err := exec.LookPath("systemd-analyze"); err != nil {
		t.Skip("systemd-analyze is missing: install the package systemd")
	}
}

// static builds a program that needs nothing of the file system to run.
func static(t *testing.T, args ...string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "program")
	cmd := exec.CommandContext(t.Context(), "go", append([]string{args[0]}, append(args[1:len(args)-1:len(args)-1], "-o", file, args[len(args)-1])...)...)
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return file
}

// confine starts a program as a unit would. dir is what it has at /run/ddcos.
func confine(t *testing.T, name, program, dir string, environment []string, args ...string) (*exec.Cmd, *bytes.Buffer) {
	t.Helper()
	u, err := readUnit(name)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Chown(dir, uid, uid); err != nil {
		t.Fatal(err)
	}
	if os.Mkdir(shows, 0o755) == nil {
		t.Cleanup(func() { _ = os.Remove(shows) }) // unless somebody uses it meanwhile
	}
	text, err := json.Marshal(order{Unit: u, Calls: u.calls(t), Program: program, Args: args, UID: uid, Environment: environment, Shown: dir, Shows: shows})
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), "/proc/self/exe")
	cmd.Env = append(os.Environ(), launcher+"="+string(text))
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: unix.CLONE_NEWNS | unix.CLONE_NEWIPC, Pdeathsig: unix.SIGKILL}
	var out bytes.Buffer
	cmd.Stderr = &out
	return cmd, &out
}

// target is a process of root's with a file and a socket of its own.
func target(t *testing.T) int {
	t.Helper()
	file, err := os.Open("/etc/hostname")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = file.Close() }()
	cmd := exec.Command("sleep", "600")
	cmd.ExtraFiles = []*os.File{file}
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: unix.SIGKILL}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	return cmd.Process.Pid
}

// agent is a running k2i that is asked over its socket.
type agent struct {
	t      *testing.T
	client *http.Client
	log    *bytes.Buffer
}

func newAgent(t *testing.T, socket string, cmd *exec.Cmd, log *bytes.Buffer) *agent {
	t.Helper()
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	var dialer net.Dialer
	return &agent{t, &http.Client{Timeout: patience, Transport: &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return dialer.DialContext(ctx, "unix", socket)
	}}}, log}
}

// get decodes an answer, as soon as there is one.
func (a *agent) get(path string) map[string]any {
	a.t.Helper()
	deadline := time.Now().Add(patience)
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		response, err := a.client.Get("http://localhost" + path)
		if err == nil {
			text, err := io.ReadAll(response.Body)
			_ = response.Body.Close()
			var answer map[string]any
			if err == nil && response.StatusCode == http.StatusOK && json.Unmarshal(text, &answer) == nil {
				return answer
			}
		}
		if time.Now().After(deadline) {
			a.t.Fatalf("%s: %v\n%s", path, err, a.log)
		}
		<-tick.C
	}
}

// rows are the processes of an answer by pid and start.
func rows(answer map[string]any) map[string]map[string]any {
	found := map[string]map[string]any{}
	list, _ := answer["processes"].([]any)
	for _, one := range list {
		if row, ok := one.(map[string]any); ok {
			found[fmt.Sprint(row["pid"], " ", row["start_ticks"])] = row
		}
	}
	return found
}

// TestConfinedAgentSeesEverything: the agent as its unit confines it has every
// process and every field that an agent has which is root, by BPF, and is ready
// and alive to its supervisor.
func TestConfinedAgentSeesEverything(t *testing.T) {
	able(t)
	pid := target(t)
	k2i := static(t, "build", "ddcos/cmd/k2i")
	dir, free := t.TempDir(), t.TempDir()
	told := supervisor(t, dir)
	var log bytes.Buffer
	root := exec.CommandContext(t.Context(), k2i, "serve", "--listen", "unix://"+free+"/s", "--mode", "bpf", "--interval", "200ms")
	root.Stderr = &log
	whole := newAgent(t, free+"/s", root, &log)
	cmd, out := confine(t, "k2i.service", k2i, dir, supervised(),
		"serve", "--listen", "unix://"+shows+"/k2i.sock", "--mode", "bpf", "--interval", "200ms")
	confined := newAgent(t, dir+"/k2i.sock", cmd, out)

	sameTable(t, whole, confined, pid)
	sameDetail(t, whole, confined, pid)
	for _, path := range []string{"/v1/host", "/v1/containers"} {
		sameKeys(t, path, "", whole.second(path), confined.second(path))
	}
	sameMounts(t, whole, confined)
	for _, word := range []string{"STATUS=starting", "READY=1", "WATCHDOG=1", "WATCHDOG=1"} {
		told(word)
	}
}

// second is an answer of an agent that has had two samples, and has looked twice at what
// it takes itself, which it does every five seconds.
func (a *agent) second(path string) map[string]any {
	a.t.Helper()
	deadline := time.Now().Add(patience)
	for {
		answer := a.get(path)
		host, _ := answer["host"].(map[string]any)
		self, _ := answer["self"].(map[string]any)
		if (answer["busy_cpus"] != nil || host["busy_cpus"] != nil) && self["cpus"] != nil {
			return answer
		}
		if time.Now().After(deadline) {
			a.t.Fatalf("%s: no second sample\n%s", path, a.log)
		}
	}
}

// sameMounts: the confined agent's own mounts are not the host's, which it reads of
// the host's first process.
func sameMounts(t *testing.T, whole, confined *agent) {
	t.Helper()
	if _, err := os.Readlink("/proc/1/ns/mnt"); err != nil {
		t.Logf("mounts are not compared: even root may not see those of the first process here: %v", err)
		return
	}
	points := func(answer map[string]any) (all []string) {
		machine, _ := answer["machine"].(map[string]any)
		list, _ := machine["mounts"].([]any)
		for _, one := range list {
			if mount, ok := one.(map[string]any); ok {
				all = append(all, fmt.Sprint(mount["point"], " ", mount["size_bytes"]))
			}
		}
		return all
	}
	a, b := points(whole.get("/v1/host")), points(confined.get("/v1/host"))
	// Others mount and unmount meanwhile, and each agent looks again after half a minute.
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for deadline := time.Now().Add(3 * patience); !slices.Equal(a, b); a, b = points(whole.get("/v1/host")), points(confined.get("/v1/host")) {
		if time.Now().After(deadline) {
			t.Fatalf("mounts: %q\nas root: %q", b, a)
		}
		<-tick.C
	}
}

// missing compares the rows that both agents have, and names what the confined one
// lacks. Their samples are of different instants: who ends meanwhile may be missed.
func missing(whole, confined *agent) (findings []string, compared int, before, ours map[string]map[string]any) {
	path := "/v1/proc?fields=all,demand"
	before = rows(whole.get(path))
	ours = rows(confined.get(path))
	after := rows(whole.get(path))
	for key, row := range before {
		our := ours[key]
		switch {
		case after[key] == nil: // it ended meanwhile
			continue
		case our == nil:
			findings = append(findings, fmt.Sprintf("process %s (%v)", key, row["comm"]))
			continue
		}
		compared++
		for field, value := range row {
			if value != nil && after[key][field] != nil && our[field] == nil {
				findings = append(findings, fmt.Sprintf("%s of process %s (%v), which is %v", field, key, row["comm"], value))
			}
		}
	}
	return findings, compared, before, ours
}

// sameTable wants the tables of both agents to be the same, but for what is over
// when they are compared again.
func sameTable(t *testing.T, whole, confined *agent, pid int) {
	t.Helper()
	findings, compared, before, ours := missing(whole, confined)
	for deadline := time.Now().Add(patience); len(findings) > 0 && time.Now().Before(deadline); {
		findings, compared, before, ours = missing(whole, confined)
	}
	if compared < 3 || len(findings) > 0 {
		t.Errorf("%d processes were compared; missing: %q", compared, findings)
	}
	t.Logf("%d processes with %d fields are the same", compared, len(before[keyOf(before, pid)]))
	stable := []string{"comm", "args", "exe", "cgroup", "user", "cwd", "fd_count", "ns_mnt", "ns_net", "oom_score_adj", "tty"}
	a, b := before[keyOf(before, pid)], ours[keyOf(ours, pid)]
	for _, field := range stable {
		if !reflect.DeepEqual(a[field], b[field]) {
			t.Errorf("%s: %v, as root %v", field, b[field], a[field])
		}
	}
}

func keyOf(found map[string]map[string]any, pid int) string {
	for key := range found {
		if strings.HasPrefix(key, fmt.Sprint(pid, " ")) {
			return key
		}
	}
	return ""
}

// detailDiffers tells what is told otherwise of what is read on demand: files, limits,
// memory, where it waits. A kernel's stack alone is for SYS_ADMIN.
func detailDiffers(whole, confined *agent, pid int) (findings []string) {
	path := fmt.Sprintf("/v1/proc/%d?detail=all", pid)
	a, _ := whole.get(path)["detail"].(map[string]any)
	b, _ := confined.get(path)["detail"].(map[string]any)
	for key, value := range a {
		switch {
		case key == "stack" || key == "gaps" || strings.Contains(key, "took") || strings.HasSuffix(key, "_ns"):
		case !reflect.DeepEqual(value, b[key]):
			findings = append(findings, fmt.Sprintf("detail %s: %v, as root %v", key, b[key], value))
		}
	}
	gaps, _ := b["gaps"].([]any)
	for _, gap := range gaps {
		if !strings.Contains(fmt.Sprint(gap), "stack") {
			findings = append(findings, fmt.Sprintf("it could not read %v", gap))
		}
	}
	return findings
}

// sameDetail wants both to tell the same as soon as they look at the same: what a
// process has of shared pages changes as others that share them come and go.
func sameDetail(t *testing.T, whole, confined *agent, pid int) {
	t.Helper()
	findings := detailDiffers(whole, confined, pid)
	for deadline := time.Now().Add(patience); len(findings) > 0 && time.Now().Before(deadline); {
		findings = detailDiffers(whole, confined, pid)
	}
	for _, finding := range findings {
		t.Error(finding)
	}
}

// rootOnly is what the kernel tells none but root: how long BPF programs have run.
const rootOnly = ".self.bpf_ns"

// sameKeys compares which parts an answer has.
func sameKeys(t *testing.T, path, where string, a, b any) {
	t.Helper()
	whole, ok := a.(map[string]any)
	if !ok {
		return
	}
	ours, _ := b.(map[string]any)
	for key, value := range whole {
		if value != nil && ours[key] == nil && where+"."+key != rootOnly {
			t.Errorf("%s: no %s.%s", path, where, key)
		}
		sameKeys(t, path, where+"."+key, value, ours[key])
	}
}

// TestConfinedCanDoNothingElse: whoever takes over a program as its unit confines
// it can do what the program is for, and nothing else.
func TestConfinedCanDoNothingElse(t *testing.T) {
	able(t)
	pid := target(t)
	program := static(t, "test", "-c", ".")
	for name, may := range map[string][]string{
		// What reads every process reads what it has open, and by its root directory
		// every file of the host: so a secret file is hidden from accidents alone.
		"k2i.service":       {"write where it may", "load a BPF map", "read it round the corner"},
		"middlecon.service": {"write where it may"},
	} {
		t.Run(name, func(t *testing.T) {
			cmd, log := confine(t, name, program, t.TempDir(), []string{fmt.Sprintf("%s=%d", attacker, pid)})
			var out bytes.Buffer
			cmd.Stdout = &out
			if err := cmd.Run(); err != nil {
				t.Fatalf("%v\n%s", err, log)
			}
			var refusals map[string]string
			if err := json.Unmarshal(out.Bytes(), &refusals); err != nil || len(refusals) < 40 {
				t.Fatalf("%v: %s", err, &out)
			}
			for try, refusal := range refusals {
				if did := refusal == ""; did != slices.Contains(may, try) {
					t.Errorf("%s: %q", try, refusal)
				}
			}
			if testing.Verbose() {
				text, _ := json.MarshalIndent(refusals, "", " ")
				t.Logf("%s", text)
			}
		})
	}
}
