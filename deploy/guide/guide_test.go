// Package guide has docs/install.md followed to the letter: from the packages, on
// three hosts out of namespaces with file trees of their own, to one process table
// and a Prometheus that scrapes all of them.
package guide_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"ddcos/bench/hosts"
)

const (
	root     = "../.."
	page     = root + "/docs/install.md"
	patience = 2 * time.Minute // bounds every command: only a failure reaches it
)

// The test binary is the first process of the hosts that it makes.
func TestMain(m *testing.M) {
	hosts.Main()
	os.Exit(m.Run())
}

// step is one block of commands of the page.
type step struct {
	hosts    []string // a, b, c
	until    string   // text that its output has to have, so often, if it takes several tries
	times    int
	commands string
}

var stepPattern = regexp.MustCompile("(?s)<!-- on ([a-c ]+?)(?:, until ([^\n]+) is there (\\d+) times)? -->\n```sh\n(.*?)```\n")

// steps are those of the page. Every block of commands is one of them.
func steps(t *testing.T) (all []step) {
	t.Helper()
	text, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range stepPattern.FindAllStringSubmatch(string(text), -1) {
		s := step{hosts: strings.Fields(m[1]), until: m[2], commands: m[4]}
		s.times, _ = strconv.Atoi(m[3]) // empty without until
		all = append(all, s)
	}
	if n := strings.Count(string(text), "```sh\n"); n != len(all) || n == 0 {
		t.Fatalf("%d blocks of commands, %d of them say where they are run", n, len(all))
	}
	return all
}

// inside runs a script on a host, in its own file tree.
func inside(t *testing.T, h *hosts.Host, script string) (stdout string, err error) {
	t.Helper()
	return run(t, h, "chroot", "/run/tree", "/usr/bin/env", "-i", "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
		"HOME=/root", "LC_ALL=C.UTF-8", "DEBIAN_FRONTEND=noninteractive", "/bin/sh", "-c", "cd /root && set -eu\n"+script)
}

func run(t *testing.T, h *hosts.Host, argv ...string) (stdout string, err error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	var out, complaint bytes.Buffer
	cmd := h.Command(ctx, argv...)
	cmd.Stdout, cmd.Stderr = &out, &complaint
	if err := h.Run(cmd); err != nil {
		return out.String(), fmt.Errorf("on %s: %w\n%s%s", h.Name, err, &out, &complaint)
	}
	return out.String(), nil
}

// layTree gives a host a file tree of its own over the machine's: what it installs
// and writes is gone with it.
const layTree = `set -eu
mkdir /run/layer /run/tree
mount -t tmpfs -o size=1g tmpfs /run/layer
mkdir /run/layer/upper /run/layer/work
mount -t overlay overlay -o lowerdir=/,upperdir=/run/layer/upper,workdir=/run/layer/work /run/tree
for d in proc dev sys; do mount --rbind /$d /run/tree/$d; done
mkdir /run/layer/run && mount --bind /run/layer/run /run/tree/run
rm -rf /run/tree/etc/ddcos /run/tree/var/lib/ddcos
`

// datacenter is three hosts a, b and c, with the package in root's home and what
// stands in for systemd.
func datacenter(t *testing.T) map[string]*hosts.Host {
	t.Helper()
	deb := packed(t)
	spec := hosts.DefaultOptions()
	spec.Hosts = []string{"a", "b", "c"}
	center, err := hosts.Start(t.Context(), spec)
	if errors.Is(err, syscall.EPERM) {
		t.Skipf("hosts out of namespaces want root: %v", err)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := center.Close(); err != nil {
			t.Error(err)
		}
	})
	systemctl, err := os.ReadFile("testdata/systemctl")
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]*hosts.Host{}
	for _, h := range center.Hosts {
		all[h.Name] = h
		if _, err := run(t, h, "/bin/sh", "-c", layTree); err != nil {
			t.Skipf("a file tree over the machine's wants overlayfs: %v", err)
		}
		tree := filepath.Join(h.Root(), "run/tree")
		copyTo(t, filepath.Join(tree, "usr/local/bin/systemctl"), systemctl, 0o755)
		text, err := os.ReadFile(deb)
		if err != nil {
			t.Fatal(err)
		}
		copyTo(t, filepath.Join(tree, "root", filepath.Base(deb)), text, 0o644)
	}
	return all
}

func copyTo(t *testing.T, path string, text []byte, mode os.FileMode) {
	t.Helper()
	if err := os.WriteFile(path, text, mode); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(path, mode); err != nil {
		t.Fatal(err)
	}
}

// packed makes the packages of the commit that is checked out, unless GUIDE_DEB
// names one that is there.
func packed(t *testing.T) (deb string) {
	t.Helper()
	if deb := os.Getenv("GUIDE_DEB"); deb != "" {
		return deb
	}
	for _, program := range []string{"prometheus", "promtool", "setpriv", "apt-get", "git", "curl"} {
		if _, err := exec.LookPath(program); err != nil {
			t.Skipf("%s is missing", program)
		}
	}
	tools, err := filepath.Glob(root + "/.tools/nfpm-*/nfpm")
	if err != nil || len(tools) == 0 {
		t.Skip("nfpm is missing: 'make packages' fetches it")
	}
	tool, err := filepath.Abs(tools[len(tools)-1])
	if err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(t.TempDir(), "dist")
	build := exec.CommandContext(t.Context(), root+"/deploy/package/build", dir)
	build.Env = append(os.Environ(), "NFPM="+tool)
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("the packages: %v\n%s", err, out)
	}
	found, err := filepath.Glob(dir + "/ddcos_*_amd64.deb")
	if err != nil || len(found) != 1 {
		t.Skipf("no package for amd64: %v, %v", found, err)
	}
	return found[0]
}

var joinPattern = regexp.MustCompile(`k2i join \S+ --token (\S+) --ca-hash (\S+)`)

// TestGuide does what the page says, and prints how long it took.
func TestGuide(t *testing.T) {
	if testing.Short() || raced {
		t.Skip("it makes packages and installs them on three hosts")
	}
	all := datacenter(t)
	began := time.Now()
	token, hash := "TOKEN", "HASH"
	for i, s := range steps(t) {
		commands := strings.NewReplacer("TOKEN", token, "HASH", hash).Replace(s.commands)
		for _, name := range s.hosts {
			out := follow(t, all[name], s, commands)
			if m := joinPattern.FindStringSubmatch(out); m != nil {
				token, hash = m[1], m[2]
			}
			t.Logf("%s, on %s:\n%s%s", time.Since(began).Round(time.Millisecond), name, indented("# ", commands), indented("  ", out))
		}
		if i == 3 {
			oneTable(t, all["a"])
		}
	}
	t.Logf("from the package to a Prometheus that scrapes three hosts: %v", time.Since(began).Round(time.Millisecond))
	safe(t, all)
}

// follow runs the commands of a step, again and again where it says until when.
func follow(t *testing.T, h *hosts.Host, s step, commands string) string {
	t.Helper()
	tick := time.NewTicker(500 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(patience); ; {
		out, err := inside(t, h, commands)
		done := err == nil && strings.Count(out, s.until) >= s.times
		switch {
		case done:
			return out
		case s.until == "" || time.Now().After(deadline):
			logs, _ := inside(t, h, "tail -n 30 /var/log/middlecon.log /var/log/k2i*.log /var/log/prometheus.log 2>/dev/null || true")
			t.Fatalf("%s\non %s: %v\n%s\n%s", commands, h.Name, err, out, logs)
		}
		<-tick.C
	}
}

func indented(by, text string) string {
	return by + strings.ReplaceAll(strings.TrimSuffix(text, "\n"), "\n", "\n"+by) + "\n"
}

// oneTable holds the table to have every host.
func oneTable(t *testing.T, a *hosts.Host) {
	t.Helper()
	out, err := inside(t, a, "dps --broker unix:///run/ddcos/middlecon.sock -C k2i -o pid,user,comm")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"a", "b", "c"} {
		if !regexp.MustCompile(`(?m)^` + name + ` +\d+ +ddcos +k2i$`).MatchString(out) {
			t.Errorf("no agent of %s, run by the user ddcos, in:\n%s", name, out)
		}
	}
}

// safe tries what works for one, and must not for others: metrics without the one certificate that may, and
// the files of secrets for other users.
func safe(t *testing.T, all map[string]*hosts.Host) {
	t.Helper()
	for what, script := range map[string]string{
		"metrics by the one that may":     "curl -sf --cacert /etc/ddcos/tls/ca.crt --cert /etc/ddcos/prometheus/host.crt --key /etc/ddcos/prometheus/host.key https://10.77.0.3:7412/metrics | grep -q k2i_",
		"metrics without a certificate":   "! curl -sk https://10.77.0.3:7412/metrics",
		"metrics by an agent's":           "! curl -s --cacert /etc/ddcos/tls/ca.crt --cert /etc/ddcos/tls/host.crt --key /etc/ddcos/tls/host.key https://10.77.0.3:7412/metrics",
		"metrics in plain text":           "! curl -s http://10.77.0.3:7412/metrics | grep k2i_",
		"secrets that others may read":    "! find /etc/ddcos/tls /var/lib/ddcos /etc/ddcos/prometheus \\( -name '*.key' -o -name '*.json' \\) -perm /077 ! -name up.json ! -name joined.json | grep .",
		"a token in a file":               "! grep -r ddcos_ /etc/ddcos /var/lib/ddcos /var/log/middlecon.log /var/log/k2i.log",
		"a session without a certificate": "! DDCOS_TLS_CERT= DDCOS_TLS_KEY= setpriv --reuid nobody --clear-groups middlecon members k2i --broker tls://10.77.0.2:7411",
	} {
		if out, err := inside(t, all["a"], script); err != nil {
			t.Errorf("%s: %v\n%s", what, err, out)
		}
	}
}
