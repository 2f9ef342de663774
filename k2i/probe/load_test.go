package probe

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	cilium "github.com/cilium/ebpf"
)

func TestRefusal(t *testing.T) {
	if _, err := os.Stat("/sys/kernel/btf/vmlinux"); err != nil {
		t.Fatalf("this kernel cannot run the probe: %v", err)
	}
	long := strings.Repeat("line\n", 1000)
	for want, err := range map[string]error{
		"CAP_BPF and CAP_PERFMON, or root": fmt.Errorf("load:\n %w", fs.ErrPermission),
		"by the verifier":                  fmt.Errorf("load: %w", &cilium.VerifierError{Cause: errors.New("bad"), Log: []string{long}}),
		"Linux 5.11 or later":              errors.New(long),
	} {
		got := refusal(err)
		if !errors.Is(got, ErrRefused) || !strings.Contains(got.Error(), want) || strings.Contains(got.Error(), "\n") || len(got.Error()) > 500 {
			t.Errorf("want %q, got %v", want, got)
		}
	}
}

func TestOpenWrongController(t *testing.T) {
	if _, err := Open(Options{CgroupController: "cpu"}); err == nil || !strings.Contains(err.Error(), "want memory, pids or none") {
		t.Errorf("got %v", err)
	}
}

func TestClose(t *testing.T) {
	p := openProbe(t)
	if err := p.NoArguments(); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := p.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	}
	if sample, err := p.Read(t.Context()); err == nil {
		t.Errorf("read after close: %d processes", len(sample.Processes))
	}
}

// Command lines that are not waited for leave the rest of the sample whole.
func TestReadWithoutWaiting(t *testing.T) {
	opts := DefaultOptions()
	opts.ArgumentsWait = time.Nanosecond
	p, err := Open(opts)
	if err != nil {
		t.Fatal(err)
	}
	for range 100 {
		sample, err := p.Read(t.Context())
		if err != nil || len(sample.Processes) == 0 || len(sample.Missing) > 1 {
			t.Fatalf("got %+v, %v", sample, err)
		}
		if len(sample.Missing) == 1 && sample.Missing[0] != "args" {
			t.Fatalf("missing %v", sample.Missing)
		}
	}
	if err := p.Close(); err != nil {
		t.Error(err)
	}
}

// A caller without rights is told what is missing, in one line.
func TestOpenWithoutRights(t *testing.T) {
	cmd := exec.CommandContext(t.Context(), "/proc/self/exe")
	cmd.Env = append(os.Environ(), childMode+"=open")
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
	out, err := cmd.CombinedOutput()
	text := string(out)
	if err != nil || !strings.HasPrefix(text, ErrRefused.Error()) || !strings.Contains(text, "CAP_BPF") || strings.Contains(strings.TrimSpace(text), "\n") {
		t.Errorf("%v: %s", err, text)
	}
}
