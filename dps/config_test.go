package dps_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"ddcos/dps"
)

// HOME may be that of root, whose files another user cannot read: then there is no
// file, unless it was asked for.
func TestConfigOfAnotherUser(t *testing.T) {
	home := t.TempDir()
	config := filepath.Join(home, ".config", "ddcos", "config.yaml")
	if err := os.MkdirAll(filepath.Dir(config), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(config, []byte("format: pid"), 0o600); err != nil {
		t.Fatal(err)
	}
	getenv := func(name string) string { return map[string]string{"HOME": home}[name] }
	if c, err := dps.LoadConfig("", getenv); err != nil || c.Format != "pid" {
		t.Errorf("one's own: %+v, %v", c, err)
	}
	if err := os.Chmod(filepath.Join(home, ".config"), 0); err != nil {
		t.Fatal(err)
	}
	defer os.Chmod(filepath.Join(home, ".config"), 0o700) //nolint:errcheck // for the end of the test alone
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	if err := unix.Setfsuid(65534); err != nil {
		t.Fatal(err)
	}
	defer unix.Setfsuid(os.Geteuid()) //nolint:errcheck // of this thread
	if c, err := dps.LoadConfig("", getenv); err != nil || c == nil || c.Format != "" {
		t.Errorf("another user's: %+v, %v", c, err)
	}
	if _, err := dps.LoadConfig(config, getenv); !errors.Is(err, fs.ErrPermission) {
		t.Errorf("another user's that was asked for: %v", err)
	}
}

func TestConfig(t *testing.T) {
	path := filepath.Join(t.TempDir(), "config.yaml")
	write := func(text string) dps.Env {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return dps.DefaultEnv(func(name string) string { return map[string]string{"DDCOS_CONFIG": path}[name] })
	}
	env := write("broker: unix:///b\non: web*\ndeadline: 700ms\ncolor: never\nformat: pid,rss\nformats:\n  mem: pid,vsz,rss\n")
	parse := func(env dps.Env, args ...string) *dps.Command {
		t.Helper()
		c, err := dps.Parse(args, env)
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	keys := func(c *dps.Command) string {
		var list []string
		for _, cell := range c.Cells {
			list = append(list, cell.Key)
		}
		return strings.Join(list, ",")
	}
	if c := parse(env); c.Broker != "unix:///b" || c.On != "web*" || c.Deadline != 700*time.Millisecond || c.Color != "never" || keys(c) != "host,pid,rss" {
		t.Errorf("the file: %+v, %s", c, keys(c))
	}
	if c := parse(env, "--as", "mem", "--deadline", "1s", "--color", "always", "--on", "db1"); keys(c) != "host,pid,vsz,rss" || c.Deadline != time.Second || c.Color != "always" || c.On != "db1" {
		t.Errorf("options: %+v, %s", c, keys(c))
	}
	if c := parse(env, "--agents", "http://a"); c.Broker != "" || len(c.Agents) != 1 {
		t.Errorf("agents: %+v", c)
	}
	inherited := env
	inherited.Broker = "unix:///env"
	if c := parse(inherited); c.Broker != "unix:///env" {
		t.Errorf("the environment: %s", c.Broker)
	}
	if c := parse(write("")); c.Broker != "" || c.Deadline != dps.DefaultDeadline || c.Color != "auto" {
		t.Errorf("an empty file: %+v", c)
	}
	for text, want := range map[string]string{
		"broker: unix:///b\nbrokr: x\n": "line 2: no key brokr; there are broker, agents,",
		"agents: 7\n":                   "line 1:",
		"formats:\n  a: [1]\n":          "line 2:",
		"broker: x\na: b: c\n":          "line 2:",
		"deadline: soon\n":              `deadline "soon": want a time`,
		"color: red\n":                  `color "red": want auto`,
		"format: pid,nope\n":            `format "pid,nope": unknown user-defined format specifier "nope"`,
		"broker: a\nagents: [b]\n":      "not both",
		strings.Repeat("# \n", 30_000):  "more than the 65536 bytes",
		"a: &a [*a]\n":                  "line 1:",
	} {
		env := write(text)
		_, err := dps.Parse(nil, env)
		var refused *dps.UsageError
		if err == nil || !strings.Contains(err.Error(), want) || !errorsAs(err, &refused) || refused.Status() != dps.ExitUsage || strings.Contains(err.Error(), "\n") {
			t.Errorf("%.30q: got %v, want %s", text, err, want)
		}
	}
	if _, err := dps.Parse([]string{"--config", "/nonexistent"}, env); err == nil || !strings.Contains(err.Error(), "no such file") {
		t.Errorf("a file that is not there: %v", err)
	}
	none := dps.DefaultEnv(func(string) string { return "" })
	if c := parse(none); c.Remote() {
		t.Errorf("without any home: %+v", c)
	}
}
