package confined

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// unit is what a unit file says of a service: the values of each key, in order.
type unit map[string][]string

func readUnit(name string) (unit, error) {
	text, err := os.ReadFile(filepath.Join("..", "systemd", name))
	u := unit{}
	for line := range strings.Lines(string(text)) {
		if key, value, ok := strings.Cut(strings.TrimSpace(line), "="); ok && !strings.HasPrefix(key, "#") {
			u[key] = append(u[key], value)
		}
	}
	return u, err
}

// words are those of all values of a key.
func (u unit) words(key string) []string { return strings.Fields(strings.Join(u[key], " ")) }

// is tells whether a key was last set to a value.
func (u unit) is(key, value string) bool {
	all := u[key]
	return len(all) > 0 && all[len(all)-1] == value
}

// calls are the numbers of the system calls that a unit lets through, as systemd
// reads it: the first list says what is allowed, the next ones add and take away.
func (u unit) calls(t *testing.T) map[uint32]bool {
	t.Helper()
	numbers := callNumbers(t)
	allowed := map[uint32]bool{}
	for _, list := range u["SystemCallFilter"] {
		list, less := strings.CutPrefix(list, "~")
		for _, word := range strings.Fields(list) {
			for _, name := range expand(t, word) {
				if n, ok := numbers[name]; ok && less {
					delete(allowed, n)
				} else if ok {
					allowed[n] = true
				}
			}
		}
	}
	if len(allowed) < 100 {
		t.Fatalf("%d system calls", len(allowed))
	}
	return allowed
}

// expand gives the system calls of one of systemd's groups, or the call itself.
func expand(t *testing.T, word string) []string {
	t.Helper()
	if !strings.HasPrefix(word, "@") {
		return []string{word}
	}
	text, err := exec.CommandContext(t.Context(), "systemd-analyze", "syscall-filter", word).Output()
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	for line := range strings.Lines(string(text)) {
		if line = strings.TrimSpace(line); line != "" && !strings.HasPrefix(line, "#") && line != word {
			all = append(all, expand(t, line)...)
		}
	}
	return all
}

// callNumbers are the system calls of this machine by name, as x/sys has them.
func callNumbers(t *testing.T) map[string]uint32 {
	t.Helper()
	dir, err := exec.CommandContext(t.Context(), "go", "list", "-m", "-f", "{{.Dir}}", "golang.org/x/sys").Output()
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(string(bytes.TrimSpace(dir)) + "/unix/zsysnum_linux_amd64.go")
	if err != nil {
		t.Fatal(err)
	}
	numbers := map[string]uint32{}
	for _, m := range regexp.MustCompile(`SYS_(\w+)\s+= (\d+)`).FindAllStringSubmatch(string(text), -1) {
		n, err := strconv.ParseUint(m[2], 10, 32)
		if err != nil {
			t.Fatal(err)
		}
		numbers[strings.ToLower(m[1])] = uint32(n)
	}
	return numbers
}

// families are those that RestrictAddressFamilies may name.
var families = map[string]uint32{"AF_UNIX": unix.AF_UNIX, "AF_INET": unix.AF_INET, "AF_INET6": unix.AF_INET6, "AF_NETLINK": unix.AF_NETLINK}

// capabilities are those that CapabilityBoundingSet may name.
var capabilities = map[string]uint{
	"CAP_DAC_READ_SEARCH": unix.CAP_DAC_READ_SEARCH, "CAP_SYS_PTRACE": unix.CAP_SYS_PTRACE, "CAP_PERFMON": unix.CAP_PERFMON, "CAP_BPF": unix.CAP_BPF,
}
