package hosts

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
)

func exitError(err error) string {
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		return string(exit.Stderr)
	}
	return ""
}

func TestHostsAreApart(t *testing.T) {
	d := start(t, DefaultOptions())
	own := make(map[string]string) // namespace → host
	for _, h := range append([]*Host{d.Hub}, d.Hosts...) {
		if got := output(t, h, "uname", "-n"); got != h.Name {
			t.Errorf("host name is %q, want %q", got, h.Name)
		}
		if got := output(t, h, "cat", "/proc/1/comm"); got != "init" {
			t.Errorf("%s: process 1 is %q", h.Name, got)
		}
		for _, kind := range []string{"pid", "net", "uts", "mnt", "ipc"} {
			ns := output(t, h, "readlink", "/proc/self/ns/"+kind)
			if other, taken := own[ns]; taken {
				t.Errorf("%s shares %s with %s", h.Name, ns, other)
			}
			if machine, _ := os.Readlink("/proc/self/ns/" + kind); ns == machine {
				t.Errorf("%s shares %s with the machine", h.Name, ns)
			}
			own[ns] = h.Name
		}
	}
	for i, h := range d.Hosts {
		if want := netip.AddrFrom4([4]byte{10, 77, 0, byte(i + 2)}); h.Addr != want {
			t.Errorf("%s has address %s, want %s", h.Name, h.Addr, want)
		}
		for _, pid := range strings.Fields(output(t, h, "sh", "-c", "cd /proc && echo [0-9]*")) {
			if n, err := strconv.Atoi(pid); err != nil || n > 100 {
				t.Errorf("%s sees pid %s: that is not a process table of its own", h.Name, pid)
			}
		}
	}
}

func TestHostsReachEachOther(t *testing.T) {
	d := start(t, DefaultOptions())
	for _, h := range append([]*Host{d.Hub}, d.Hosts...) {
		address := netip.AddrPortFrom(h.Addr, 9000).String()
		_, err := h.Launch(t.Context(), Command{Name: "listen", Argv: []string{"/proc/self/exe", "test-listen", address}})
		if err != nil {
			t.Fatal(err)
		}
		eventually(t, h.Name+" listens", func() bool {
			log, _ := h.Log("listen")
			return strings.Contains(string(log), "listening")
		})
		for _, from := range append([]*Host{d.Hub}, d.Hosts...) {
			cmd := exec.CommandContext(t.Context(), "/proc/self/exe", "test-dial", address)
			var answer capture
			cmd.Stdout, cmd.Stderr = &answer, &answer
			if err := from.Run(cmd); err != nil {
				t.Fatalf("%s to %s: %v: %s", from.Name, h.Name, err, answer.data)
			}
			if want := fmt.Sprintf("%s to %s", h.Name, from.Addr); string(answer.data) != want {
				t.Errorf("answer %q, want %q", answer.data, want)
			}
		}
	}
	addresses, err := net.InterfaceAddrs()
	if err != nil {
		t.Fatal(err)
	}
	for _, a := range addresses {
		if n, ok := a.(*net.IPNet); ok && n.Contains(d.Hub.Addr.AsSlice()) {
			t.Errorf("the machine itself is in the hosts' network, with %s", n)
		}
	}
}

func TestCableOut(t *testing.T) {
	d := start(t, DefaultOptions())
	h := d.Hosts[1]
	port := filepath.Join("/sys/class/net", portName, "operstate")
	state := func() string {
		// A /sys of the host's own network is mounted for the look only.
		return output(t, h, "unshare", "-m", "sh", "-c", "mount -t sysfs none /sys && cat "+port)
	}
	eventually(t, "the link is up", func() bool { return state() == "up" })
	if err := d.SetLink(h, false); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the link is down", func() bool { return state() != "up" })
	if err := d.SetLink(h, true); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the link is up again", func() bool { return state() == "up" })
	if err := d.SetLink(&Host{Name: "stranger"}, false); err == nil {
		t.Error("took the cable of a host that is not there")
	}
}

func TestHostsWriteNothingOnTheMachine(t *testing.T) {
	bin := t.TempDir() // in /tmp, which a host has of its own
	if err := os.WriteFile(filepath.Join(bin, "hello"), []byte("#!/bin/sh\necho hello from $1\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	spec := DefaultOptions()
	spec.Bin = bin
	d := start(t, spec)
	h := d.Hosts[0]
	if got := output(t, h, "hello", "here"); got != "hello from here" {
		t.Errorf("program of Spec.Bin printed %q", got)
	}
	if out, err := h.Output(t.Context(), "touch", "/var/ddcos-was-here"); err == nil {
		_ = os.Remove("/var/ddcos-was-here")
		t.Errorf("wrote to the machine's root: %s", out)
	}
	for _, dir := range []string{"/run", "/tmp"} {
		name := filepath.Join(dir, "ddcos-"+filepath.Base(bin)+strconv.Itoa(os.Getpid()))
		output(t, h, "touch", name)
		if _, err := os.Stat(name); err == nil {
			t.Errorf("%s is the machine's", name)
		}
		if _, err := os.Stat(filepath.Join(h.Root(), name)); err != nil {
			t.Errorf("not seen from outside: %v", err)
		}
		if _, err := d.Hosts[1].Output(t.Context(), "ls", name); err == nil {
			t.Errorf("%s is shared by two hosts", name)
		}
	}
}

func TestKilledHostTakesItsProcessesOnly(t *testing.T) {
	d := start(t, DefaultOptions())
	var processes []*Process
	for _, h := range d.Hosts {
		p, err := h.Launch(t.Context(), Command{Name: "sleep", Argv: []string{"sleep", "1000"}})
		if err != nil {
			t.Fatal(err)
		}
		processes = append(processes, p)
	}
	if err := d.Hosts[1].Kill(); err != nil {
		t.Fatal(err)
	}
	<-processes[1].Done()
	if s := processes[1].Status(); !s.Signaled() || s.Signal() != syscall.SIGKILL {
		t.Errorf("status %v, want killed", s)
	}
	if err := processes[1].Signal(t.Context(), syscall.SIGTERM); !errors.Is(err, ErrGone) {
		t.Errorf("signal on a dead host: %v, want ErrGone", err)
	}
	if _, err := d.Hosts[1].Launch(t.Context(), Command{Name: "x", Argv: []string{"true"}}); !errors.Is(err, ErrGone) {
		t.Errorf("launch on a dead host: %v, want ErrGone", err)
	}
	for _, i := range []int{0, 2} {
		if err := processes[i].Signal(t.Context(), 0); err != nil {
			t.Errorf("a neighbour went too: %v", err)
		}
	}
}

func TestSpecLimits(t *testing.T) {
	small := netip.MustParsePrefix("10.77.0.0/30")
	for name, tc := range map[string]struct {
		network netip.Prefix
		hosts   int
		want    []string
	}{
		"one fits a /30":         {small, 1, []string{"10.77.0.1", "10.77.0.2"}},
		"two do not":             {small, 2, nil},
		"host bits are no start": {netip.MustParsePrefix("10.77.0.9/24"), 1, []string{"10.77.0.1", "10.77.0.2"}},
		"past the limit":         {netip.MustParsePrefix("10.0.0.0/8"), MaxHosts + 1, nil},
		"a single address":       {netip.MustParsePrefix("10.0.0.1/32"), 0, nil},
	} {
		got, err := Spec{Network: tc.network, Hosts: make([]string, tc.hosts)}.addresses()
		if tc.want == nil {
			if !errors.Is(err, ErrTooManyHosts) {
				t.Errorf("%s: %v, %v, want ErrTooManyHosts", name, got, err)
			}
			continue
		}
		var text []string
		for _, a := range got {
			text = append(text, a.String())
		}
		if err != nil || !slices.Equal(text, tc.want) {
			t.Errorf("%s: %v, %v, want %v", name, text, err, tc.want)
		}
	}
}
