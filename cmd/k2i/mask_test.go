package main

import (
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"ddcos/k2i/fleet"
	"ddcos/k2i/query"
	"ddcos/middlecon"
	"ddcos/middlecon/broker/started"
	"ddcos/protocol"
)

// corpus is what package mask is tested with: command lines, and all their secrets.
func corpus(t *testing.T) (commands [][]string, secrets []string) {
	t.Helper()
	text, err := os.ReadFile("../../k2i/mask/testdata/secrets.txt")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		if strings.HasPrefix(line, "#") {
			continue
		}
		line = strings.ReplaceAll(strings.TrimSuffix(line, "\n"), `\n`, "\n")
		_, after, _ := strings.Cut(line, "«")
		secret, _, found := strings.Cut(after, "»")
		if !found {
			t.Fatalf("no secret in %q", line)
		}
		secrets = append(secrets, secret)
		commands = append(commands, strings.Split(strings.NewReplacer("«", "", "»", "").Replace(line), "\t"))
	}
	return commands, secrets
}

// frozen starts a program under each command line and stops it before its first
// instruction: it lives, and has these arguments. end kills them all.
func frozen(t *testing.T, commands [][]string) (pids []int, end func()) {
	t.Helper()
	runtime.LockOSThread() // it is their tracer
	var all []*exec.Cmd
	end = func() {
		for _, cmd := range all {
			_ = cmd.Process.Kill()
			_ = cmd.Wait()
		}
		all = nil
	}
	t.Cleanup(end)
	for _, args := range commands {
		cmd := &exec.Cmd{Path: "/bin/true", Args: args, SysProcAttr: &syscall.SysProcAttr{Ptrace: true}}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		all, pids = append(all, cmd), append(pids, cmd.Process.Pid)
	}
	return pids, end
}

// talker starts a program that says when it is so far, line by line, and goes on
// when it is told.
func talker(t *testing.T, name string, args ...string) (pid int, next func()) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), name, args...)
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = in.Close(); _ = cmd.Wait() })
	heard := func() {
		if _, err := io.ReadFull(out, make([]byte, len("ready\n"))); err != nil {
			t.Fatal(err)
		}
	}
	heard()
	return cmd.Process.Pid, func() {
		if _, err := io.WriteString(in, "\n"); err != nil {
			t.Fatal(err)
		}
		heard()
	}
}

// answers are all the faces of one agent.
type answers struct {
	t      *testing.T
	url    string
	broker fleet.Source
	log    *output
}

func (a *answers) get(path string) string {
	a.t.Helper()
	resp, err := http.Get(a.url + path)
	if err != nil {
		a.t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		a.t.Fatal(err)
	}
	return string(body)
}

// until waits for an answer that has something.
func (a *answers) until(path, what string) {
	a.t.Helper()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(patience); !strings.Contains(a.get(path), what); <-tick.C {
		if time.Now().After(deadline) {
			a.t.Fatalf("%s never has %s:\n%.2000s", path, what, a.get(path))
		}
	}
}

// room is what the members of the room answer.
func (a *answers) room(exited bool) string {
	a.t.Helper()
	table, err := fleet.Ask(a.t.Context(), a.broker, query.Query{Exited: exited})
	if err != nil || len(table.Hosts) != 1 {
		a.t.Fatalf("over the broker: %+v, %v", table, err)
	}
	if table.Hosts[0].Status != fleet.StatusOK || !exited && len(table.Rows) == 0 {
		a.t.Fatalf("over the broker: %+v, %d rows", table.Hosts[0], len(table.Rows))
	}
	var text strings.Builder
	for _, row := range table.Rows {
		fmt.Fprintf(&text, "%+v\n", *row.Process)
	}
	return text.String()
}

// check looks for secrets everywhere, and that the mask is where they would be.
func (a *answers) check(secrets []string, pids ...int) {
	a.t.Helper()
	all := map[string]string{
		"REST": a.get("/v1/proc"), "REST, ended": a.get("/v1/proc?exited=true"), "host": a.get("/v1/host"),
		"threads": a.get("/v1/proc?threads=true&fields=all,demand"), "containers": a.get("/v1/containers"), "config": a.get("/v1/config"),
		"metrics": a.get("/metrics"), "room": a.room(false), "room, ended": a.room(true), "log": a.log.String(),
	}
	for _, pid := range pids {
		path := fmt.Sprint("/v1/proc/", pid)
		all[path] = a.get(path + "?detail=all")
	}
	for name, text := range all {
		for _, secret := range secrets {
			if strings.Contains(text, secret) {
				a.t.Errorf("%s shows %q", name, secret)
			}
		}
	}
	for _, face := range []string{"REST", "room"} {
		if !strings.Contains(all[face]+all[face+", ended"], "********") {
			a.t.Errorf("%s: nothing is masked", face)
		}
	}
}

// No secret of the corpus is in any answer of an agent, whichever road it reads
// by: of those that live, of those that ended, of those that were run by
// somebody who was known before, and of those that write themselves a title.
func TestNoFaceShowsASecret(t *testing.T) {
	commands, secrets := corpus(t)
	if len(secrets) < 200 {
		t.Fatalf("only %d secrets", len(secrets))
	}
	for _, mode := range []string{"bpf", "procfs"} {
		t.Run(mode, func(t *testing.T) {
			address := protocol.Address{Network: "unix", Where: filepath.Join(t.TempDir(), "m.sock")}
			started.At(t, address)
			log, _ := start(t, "serve", "--verbose", "--listen", "127.0.0.1:0", "--broker", address.String(), "--interval", "100ms", "--mode", mode)
			a := &answers{t: t, url: log.wait(t, `address=(http://127\.0\.0\.1:\d+)`)[1], broker: fleet.Broker(address.String(), patience, middlecon.Options{}), log: log}
			defer func() { _ = a.broker.(io.Closer).Close() }()
			log.wait(t, "joined the room")
			healthy(t, a.url)

			pids, end := frozen(t, commands)
			for i, pid := range pids {
				a.until(fmt.Sprint("/v1/proc/", pid), "********")
				if i == len(pids)-1 {
					a.check(secrets, pids...)
				}
			}
			end()
			a.until("/v1/proc?exited=true&pid="+fmt.Sprint(pids[len(pids)-1]), "********")
			a.check(secrets)
		})
	}
}

// A process that was harmless when it was first seen runs another program, or
// writes itself a title: it keeps its pid and its start.
func TestSecretsThatComeLater(t *testing.T) {
	address := protocol.Address{Network: "unix", Where: filepath.Join(t.TempDir(), "m.sock")}
	started.At(t, address)
	log, _ := start(t, "serve", "--verbose", "--listen", "127.0.0.1:0", "--broker", address.String(), "--interval", "100ms")
	broker := fleet.Broker(address.String(), patience, middlecon.Options{})
	defer func() { _ = broker.Close() }()
	a := &answers{t: t, url: log.wait(t, `address=(http://127\.0\.0\.1:\d+)`)[1], broker: broker, log: log}
	log.wait(t, "joined the room")
	healthy(t, a.url)

	t.Setenv("SECRET", "Zq9001LaterSecret")
	for name, script := range map[string][2]string{
		"exec": {"sh", `echo ready; read x
set -- mysql "-p$SECRET" --token "$SECRET" "x://u:$SECRET@h"
exec sh -c 'echo ready; read x' "$@"`},
		"title": {"perl", `$|=1; print "ready\n"; <STDIN>;
$0 = "worker --token $ENV{SECRET} x://u:$ENV{SECRET}\@h"; print "ready\n"; <STDIN>`},
	} {
		t.Run(name, func(t *testing.T) {
			a.t = t
			file := filepath.Join(t.TempDir(), "script")
			if err := os.WriteFile(file, []byte(script[1]), 0o600); err != nil {
				t.Fatal(err)
			}
			pid, next := talker(t, script[0], file, "room for a title, which is written over the arguments that were there before")
			path := fmt.Sprint("/v1/proc/", pid)
			a.until(path, `"pid"`)
			if strings.Contains(a.get(path), "********") {
				t.Fatal("masked before there is a secret")
			}
			next()
			a.until(path, "x://u:********@h")
			raw, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid))
			if err != nil || !strings.Contains(string(raw), "Zq9001LaterSecret") {
				t.Fatalf("nothing is planted: %q, %v", raw, err)
			}
			a.check([]string{"Zq9001LaterSecret"}, pid)
		})
	}
}
