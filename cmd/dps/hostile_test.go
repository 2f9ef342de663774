package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
	"unicode"

	"ddcos/dps"
	"ddcos/k2i"
	"ddcos/k2i/query"
	"ddcos/k2i/wire"
	"ddcos/middlecon"
	"ddcos/middlecon/broker/started"
	"ddcos/protocol"
)

// liarPID is the first pid of what a hostile agent tells of; the other's are less.
const liarPID = 777

// told is an honest answer of a host with three processes, from pid on.
func told(req wire.Request, name string, pid int32, comm string) []byte {
	snap := &k2i.Snapshot{
		Host: k2i.Host{ID: k2i.HostID(name + ".1"), Name: name, CPUs: 1, TicksPerSecond: 100, PageBytes: 4096},
		At:   time.Now(), Mode: k2i.ModeBPF, Visibility: k2i.VisibilityFull, BusyCPUs: k2i.NoRate(),
	}
	for i := range int32(3) {
		p := k2i.Blank()
		p.PID, p.Comm, p.State = pid+i, comm, "S"
		snap.Processes = append(snap.Processes, &p)
	}
	body, err := wire.Reply(snap, req, time.Now())
	if err != nil {
		panic(err)
	}
	return body
}

// withRows is an answer with n rows declared, and what stands for them; what comes
// before them is an honest one's.
func withRows(req wire.Request, n uint32, rows []byte) []byte {
	a := wire.Answer{Total: int(n)}
	a.Host.Name, a.Host.CPUs, a.Host.TicksPerSecond, a.Host.PageBytes = "liar", 1, 100, 4096
	b := protocol.Encode(&a)
	return append(append(b[:len(b)-1], 0xdd, byte(n>>24), byte(n>>16), byte(n>>8), byte(n)), rows...)
}

// attack is what an agent does instead of answering: what begins its answer, and
// what follows without end where the way has none; or what it refuses with.
type attack struct {
	begin func(req wire.Request) []byte
	more  []byte
	err   error
	named bool // on standard error
}

const escape = "\x1b[2J\x1b]0;x\a\u202e\u009b\n"

var attacks = map[string]attack{
	"a million rows": {begin: func(req wire.Request) []byte {
		one := told(req, "liar", liarPID, "x")
		row := one[bytes.LastIndex(one, []byte("\xa9processes"))+len("\xa9processes")+1:]
		return withRows(req, 1_000_000, bytes.Repeat(row[:len(row)/3], wire.MaxAnswer/len(row)*2))
	}, more: bytes.Repeat([]byte("x"), 1<<20), named: true},
	"a row of 1 GiB": {begin: func(req wire.Request) []byte {
		return withRows(req, 1, []byte("\x81\xa4comm\xdb\x40\x00\x00\x00"+strings.Repeat("x", 1<<20)))
	}, more: bytes.Repeat([]byte("x"), 1<<20), named: true},
	"another's name": {begin: func(req wire.Request) []byte { return told(req, "good", liarPID, "x") }},
	"escape codes":   {begin: func(req wire.Request) []byte { return told(req, "li"+escape+"ar", liarPID, "co"+escape+"mm") }},
	"a wrong version": {
		err:   errors.New("a question of version 2, this agent answers version 1: dps and k2i are of different" + escape + " releases"),
		named: true,
	},
}

// ServeHTTP is the agent's face over HTTP: it writes a gigabyte and more, or as long
// as anybody reads.
func (a attack) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	q, err := query.FromValues(r.URL.Query())
	if err == nil {
		err = a.err
	}
	if err != nil {
		w.WriteHeader(http.StatusBadRequest)
		_ = json.NewEncoder(w).Encode(map[string]string{"detail": err.Error()})
		return
	}
	w.Header().Set("Content-Type", wire.ContentType)
	_, err = w.Write(a.begin(wire.Request{Query: q}))
	for n := 0; err == nil && n < 1<<30 && a.more != nil; n += len(a.more) {
		_, err = w.Write(a.more)
	}
}

// Handle is its face in the room.
func (a attack) Handle(_ context.Context, m *middlecon.Message) ([]byte, error) {
	req, err := wire.DecodeRequest(m.Payload)
	if err == nil {
		err = a.err
	}
	if err != nil {
		return nil, err
	}
	b := a.begin(req)
	return b[:min(len(b), protocol.MaxReply)], nil
}

// honest tells of three processes.
var honest = attack{begin: func(req wire.Request) []byte { return told(req, "good", 1, "fine") }}

// overHTTP serves two agents, and gives the options that ask them.
func overHTTP(t *testing.T, a attack) []string {
	t.Helper()
	var urls []string
	for _, h := range []http.Handler{honest, a} {
		s := httptest.NewServer(h)
		t.Cleanup(s.Close)
		urls = append(urls, s.URL)
	}
	return []string{"--agents", strings.Join(urls, ",")}
}

// overBroker is the same in the room of a broker.
func overBroker(t *testing.T, a attack) []string {
	t.Helper()
	_, address := started.Unix(t)
	for name, one := range map[string]attack{"good": honest, "liar": a} {
		conn, err := middlecon.Dial(t.Context(), address, middlecon.Options{})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = conn.Close() })
		if _, err := conn.Join(t.Context(), wire.Room, middlecon.Member{Name: name}, one.Handle); err != nil {
			t.Fatal(err)
		}
	}
	return []string{"--broker", address}
}

// TestHostileAgent runs the command, a process of its own, over a good agent and one
// that does its worst: the good one's rows are there as they are without it, what is
// printed cannot steer a terminal, and memory is not the attacker's to take.
func TestHostileAgent(t *testing.T) {
	for way, serve := range map[string]func(*testing.T, attack) []string{"agents": overHTTP, "broker": overBroker} {
		for name, a := range attacks {
			t.Run(way+"/"+name, func(t *testing.T) {
				ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
				defer cancel()
				cmd := exec.CommandContext(ctx, "dps", append(serve(t, a), "--deadline", "20s", "-e", "--sort=host,pid", "-o", "host=,pid=,comm=")...)
				cmd.Env = append(os.Environ(), "DDCOS_CONFIG=")
				var out, said bytes.Buffer
				cmd.Stdout, cmd.Stderr = &out, &said
				var exit *exec.ExitError
				if err := cmd.Run(); err != nil && !errors.As(err, &exit) {
					t.Fatal(err)
				}
				if want := map[bool]int{true: dps.ExitPartial, false: dps.ExitOK}[a.named]; cmd.ProcessState.ExitCode() != want || (said.Len() > 0) != a.named {
					t.Errorf("status %d, want %d: %.300s", cmd.ProcessState.ExitCode(), want, &said)
				}
				judgeHostile(t, way, a, out.String(), said.String())
				if used, ok := cmd.ProcessState.SysUsage().(*syscall.Rusage); ok && used.Maxrss > 1<<20 { // kB
					t.Errorf("it took %d MiB", used.Maxrss>>10)
				}
			})
		}
	}
}

func judgeHostile(t *testing.T, way string, a attack, out, said string) {
	t.Helper()
	var good []string
	rows := 0
	for line := range strings.Lines(out) {
		words := strings.Fields(line)
		rows++
		if len(words) == 3 && slices.Contains([]string{"1", "2", "3"}, words[1]) {
			good = append(good, strings.Join(words, " "))
		} else if way == "broker" && words[0] != "liar" {
			t.Errorf("under another's name: %q", line)
		}
	}
	if got := strings.Join(good, ", "); got != "good 1 fine, good 2 fine, good 3 fine" {
		t.Errorf("the other's rows are %q", got)
	}
	if want := map[bool]int{true: 3, false: 6}[a.named]; rows != want {
		t.Errorf("%d rows, want %d", rows, want)
	}
	steers := func(r rune) bool { return r != '\n' && (unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r)) }
	if strings.ContainsFunc(out+said, steers) {
		t.Errorf("what steers a terminal: %q %q", out, said)
	}
	if a.named && (strings.Count(said, "\n") != 1 || way == "broker" && !strings.HasPrefix(said, "dps: liar: ")) {
		t.Errorf("it is named so: %q", said)
	}
}
