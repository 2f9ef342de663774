package via

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"ddcos/k2i/fleet"
	"ddcos/k2i/query"
)

// few is a PATH with all that a host needs to give rows.
func few(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	for _, name := range []string{"sh", "chmod", "cat", "rm", "uname"} {
		path, err := exec.LookPath(name)
		if err == nil {
			err = os.Symlink(path, filepath.Join(dir, name))
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// shells are commands of those that are here, each for the word sh behind it.
func shells() (commands []string) {
	for name, command := range map[string]string{"dash": "%s -s #", "bash": "%s -s #", "busybox": "%s"} { // the last is called as what it is to do
		if path, err := exec.LookPath(name); err == nil {
			commands = append(commands, fmt.Sprintf(command, path))
		}
	}
	return commands
}

// TestShells has each shell that is here carry the program out, with few other programs,
// for rows and for rates, and where the kernel does not tell what it runs on.
func TestShells(t *testing.T) {
	defer leavesNothing(t)()
	pid := int32(os.Getpid())
	for _, shell := range shells() {
		commands := []string{"HOST={host} PATH=" + few(t) + " " + shell}
		if os.Getuid() == 0 {
			commands = append(commands, "HOST={host} unshare -m sh -c 'mount --bind /dev/null /proc/sys/kernel/arch; exec \"$0\"'")
		}
		for _, command := range commands {
			q := query.Query{Select: query.Selection{PIDs: []int32{pid}}, Where: `host == "h" and comm != ""`, Sort: []query.Key{{Field: "rcpu"}}}
			r := ask(t.Context(), t, command, q, "h")[0]
			if r.Status != fleet.StatusOK || len(r.Answer.Processes) != 1 {
				t.Fatalf("%s: %+v", command, r)
			}
			if p := r.Answer.Processes[0]; p.PID != pid || !(p.RCPU >= 0) || p.User == "" {
				t.Errorf("%s: %+v", command, p)
			}
		}
	}
}

// TestBehindTheScript has each shell leave what comes behind the script to the children
// of it: a program, which is one of a shell here.
func TestBehindTheScript(t *testing.T) {
	dir := t.TempDir()
	program := "#!/bin/sh\nrm -f \"$0\"\necho it was run >&2\nexit 1\n" + strings.Repeat("# longer than a shell reads ahead\n", 1<<10)
	for _, arch := range architectures {
		if err := os.WriteFile(filepath.Join(dir, "k2i-once-"+arch), []byte(program), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, shell := range shells() {
		if r := askFor(t.Context(), t, "HOST={host} "+shell, NewPrograms(dir), connections, "h")[0]; r.Status != fleet.StatusError || r.Err != "it was run" {
			t.Errorf("%s: %+v", shell, r)
		}
	}
}

// TestAtOnce has each shell tell how many reads a long script took.
func TestAtOnce(t *testing.T) {
	script := strings.Repeat("# long\n", 1<<12) + "while read -r name n; do [ $name != syscr: ] || echo $n; done </proc/self/io\n"
	for _, shell := range shells() {
		cmd := exec.CommandContext(t.Context(), "sh", "-c", shell+" sh")
		cmd.Stdin = strings.NewReader(atOnce(script)) // by a pipe
		out, err := cmd.Output()
		reads, wrong := strconv.Atoi(strings.TrimSpace(string(out)))
		if err != nil || wrong != nil || reads > len(script)/10 {
			t.Errorf("%s: %q reads of %d bytes, %v", shell, out, len(script), err)
		}
	}
}
