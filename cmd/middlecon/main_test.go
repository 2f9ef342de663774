package main

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"ddcos"
)

// patience bounds every wait of these tests: it is reached only by a failure.
const patience = time.Minute

// The test binary is the command itself where it is started under that name.
func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"middlecon": main})
}

func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata",
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		Setup: func(env *testscript.Env) error {
			env.Setenv("DDCOS_BROKER", "unix://"+filepath.Join(env.WorkDir, "m.sock"))
			env.Setenv("VERSION", ddcos.Version())
			env.Setenv("NL", "\n")
			env.Setenv("GORACE", "atexit_sleep_ms=10") // else each command of a -race run lasts a second more
			started := &processes{env: env}
			env.Values[processesKey{}] = started
			env.Defer(started.killAll)
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"await":   await,
			"flying":  flying,
			"written": written,
			"exist":   exist,
			"drains":  drains, "says": says, "flood": flood, "has": has,
			"line":   line,
			"long":   long,
			"tcp":    tcp,
			"tls":    tls,
			"keys":   keys,
			"value":  value,
			"fails":  fails,
			"start":  start,
			"signal": signalTo,
			"ends":   ends,
			"gone":   gone,
			"size":   size,
			"mode":   mode,
		},
	})
}

// fails STATUS ARGS...: the command ends with that status, prints nothing but
// one line on standard error that begins with its name, and no stack.
// Status 1 after a result (a rule that is not met) is asked for by -result.
func fails(ts *testscript.TestScript, neg bool, args []string) {
	result := len(args) > 0 && args[0] == "-result"
	if result {
		args = args[1:]
	}
	if neg || len(args) < 2 {
		ts.Fatalf("usage: fails [-result] STATUS ARGS...")
	}
	status := 0
	var exit *exec.ExitError
	if err := ts.Exec("middlecon", args[1:]...); errors.As(err, &exit) {
		status = exit.ExitCode()
	} else if err != nil {
		ts.Fatalf("%v", err)
	}
	if strconv.Itoa(status) != args[0] {
		ts.Fatalf("status %d, want %s", status, args[0])
	}
	stdout, stderr := ts.ReadFile("stdout"), ts.ReadFile("stderr")
	switch {
	case result && (stdout == "" || stderr != ""):
		ts.Fatalf("want a result and no complaint")
	case !result && stdout != "":
		ts.Fatalf("printed something before it failed")
	case !result && (!strings.HasPrefix(stderr, "middlecon: ") || strings.Count(stderr, "\n") != 1 || len(stderr) > 400):
		ts.Fatalf("want one line that begins with 'middlecon: '")
	}
}

// keys PATH KEY...: the object there in the last standard output has exactly these keys.
func keys(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 1 {
		ts.Fatalf("usage: keys PATH KEY...")
	}
	object, ok := lookup(ts, args[0]).(map[string]any)
	if !ok {
		ts.Fatalf("%s is no object", args[0])
	}
	got, want := slices.Sorted(maps.Keys(object)), slices.Sorted(slices.Values(args[1:]))
	if !slices.Equal(got, want) {
		ts.Fatalf("%s has the keys %v, want %v", args[0], got, want)
	}
}

// value PATH WANT: the value there, as JSON or, of a string, as it is. By ! it is another.
func value(ts *testscript.TestScript, neg bool, args []string) {
	if len(args) != 2 {
		ts.Fatalf("usage: value PATH WANT")
	}
	got := text(lookup(ts, args[0]))
	if (got == args[1]) == neg {
		ts.Fatalf("%s is %q; want %q: %v", args[0], got, args[1], !neg)
	}
}

// size FILE BYTES makes a file of zeros.
func size(ts *testscript.TestScript, _ bool, args []string) {
	n, err := strconv.Atoi(args[1])
	ts.Check(err)
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), make([]byte, n), 0o600))
}

// mode PATH WANT: its permissions, in octal.
func mode(ts *testscript.TestScript, _ bool, args []string) {
	info, err := os.Stat(ts.MkAbs(args[0]))
	ts.Check(err)
	if got := fmt.Sprintf("%04o", info.Mode().Perm()); got != args[1] {
		ts.Fatalf("%s has mode %s, want %s", args[0], got, args[1])
	}
}

// gone FILE: the processes whose pids are in FILE run no more, soon.
func gone(ts *testscript.TestScript, _ bool, args []string) {
	pids := strings.Fields(ts.ReadFile(args[0]))
	if len(pids) == 0 {
		ts.Fatalf("%s names no process", args[0])
	}
	for _, pid := range pids {
		poll(ts, fmt.Sprintf("process %s is gone", pid), func() bool {
			stat, err := os.ReadFile("/proc/" + pid + "/stat")
			return err != nil || strings.Contains(string(stat), ") Z ")
		})
	}
}

// exist FILE: it is there and whole, soon: its last line has ended.
func exist(ts *testscript.TestScript, _ bool, args []string) {
	poll(ts, args[0]+" is there", func() bool {
		b, err := os.ReadFile(ts.MkAbs(args[0]))
		return err == nil && strings.HasSuffix(string(b), "\n")
	})
}

// line FILE N: it has N lines, soon.
func line(ts *testscript.TestScript, _ bool, args []string) {
	want, err := strconv.Atoi(args[1])
	ts.Check(err)
	poll(ts, args[0]+" has lines: "+args[1], func() bool { return strings.Count(ts.ReadFile(args[0]), "\n") >= want })
}

// has FILE TEXT: it is in it, soon.
func has(ts *testscript.TestScript, _ bool, args []string) {
	poll(ts, args[0]+" has "+args[1], func() bool { return strings.Contains(ts.ReadFile(args[0]), args[1]) })
}

// tcp NAME sets TCP to the TCP address that the broker of that name logged.
func tcp(ts *testscript.TestScript, _ bool, args []string) { address(ts, args[0], "tcp") }

// tls NAME sets TLS likewise.
func tls(ts *testscript.TestScript, _ bool, args []string) { address(ts, args[0], "tls") }

func address(ts *testscript.TestScript, name, network string) {
	_, rest, ok := strings.Cut(ts.ReadFile(name+".err"), network+"://")
	end := strings.IndexAny(rest, " ]\"")
	if !ok || end < 0 {
		ts.Fatalf("%s logged no address of %s", name, network)
	}
	ts.Setenv(strings.ToUpper(network), network+"://"+rest[:end])
}

// poll waits for a condition that nothing tells of.
func poll(t interface{ Fatalf(string, ...any) }, what string, holds func() bool) {
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for end := time.Now().Add(patience); !holds(); <-tick.C {
		if time.Now().After(end) {
			t.Fatalf("not within %v: %s", patience, what)
		}
	}
}
