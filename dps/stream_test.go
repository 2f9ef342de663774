package dps_test

import (
	"bufio"
	"context"
	"errors"
	"io"
	"strings"
	"testing"
	"time"

	"ddcos/dps"
	"ddcos/k2i/fleet"
	"ddcos/k2i/wire"
)

// late is a fleet whose last host answers when it is let.
type late struct {
	*scripted
	let <-chan struct{}
}

func (s late) Stream(ctx context.Context, req wire.Request, each func(fleet.Reply) fleet.Reply) ([]fleet.Reply, error) {
	replies, err := s.Ask(ctx, req)
	for i := range replies {
		if replies[i].Host == s.hosts[1].Host.Name {
			select {
			case <-s.let:
			case <-ctx.Done():
				return nil, ctx.Err()
			}
		}
		replies[i] = each(replies[i])
	}
	return replies, err
}

// follow runs dps over a fleet whose storage-02 is late, and gives what it wrote
// before that answered, and all.
func follow(t *testing.T, lines int, args ...string) (early, all string, status int) {
	t.Helper()
	c, err := dps.Parse(append([]string{"--broker", "unix:///nowhere"}, args...), dps.Env{})
	if err != nil {
		t.Fatal(err)
	}
	let := make(chan struct{})
	out, in := io.Pipe()
	ended := make(chan int)
	go func() {
		var problems strings.Builder
		l := dps.Listing{Command: c, Source: late{twoHosts(), let}, Location: time.UTC, Stdout: in, Stderr: &problems}
		status, err := l.Run(t.Context())
		if err != nil || strings.Count(problems.String(), "\n") != 2 {
			t.Errorf("%v: %s", err, &problems)
		}
		_ = in.Close()
		ended <- status
	}()
	r := bufio.NewReader(out)
	for range lines {
		line, err := r.ReadString('\n')
		if err != nil {
			t.Fatalf("after %q: %v", early, err)
		}
		early += line
	}
	close(let)
	rest, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	return early, early + string(rest), <-ended
}

// Rows of those who have answered are written while others are awaited: columns
// are as wide as the first of them want it.
func TestStream(t *testing.T) {
	early, all, status := follow(t, 3)
	want(t, early, `
HOST   PID TTY          TIME CMD
web1     1 ?        00:00:05 init
web1    40 ?        01:00:00 db
`)
	want(t, strings.TrimPrefix(all, early), `
storage-02 7 ?      00:00:00 kworker/0:1
storage-02 1234567 pts/3 00:01:40 big
`)
	if status != dps.ExitPartial {
		t.Errorf("status %d", status)
	}
	_, all, _ = follow(t, 2, "--csv", "-o", "pid,comm", "--where", "pid < 1000000")
	want(t, all, "host,pid,comm\nweb1,1,init\nweb1,40,db\nstorage-02,7,kworker/0:1\n")
	_, all, _ = follow(t, 2, "--ndjson")
	lines := strings.Split(strings.TrimSpace(all), "\n")
	if len(lines) != 4+4+1 || !strings.Contains(lines[2], `"host":"storage-02"`) || !strings.HasSuffix(lines[8], `"partial":true,"exit":3,"rows":4,"groups":0,"hosts":4}`) {
		t.Errorf("%s", all)
	}
	_, all, _ = follow(t, 0, "-d", "--no-headers", "-o", "pid") // leaders are left out here
	want(t, all, "storage-02       7\nstorage-02 1234567\n")
}

// What has an order is written when it is whole.
func TestStreamOrdered(t *testing.T) {
	for _, args := range []string{"--sort pid", "--limit 9", "--json", "--by host", "--fleet", "--exited", "-H", "-q 7", "--headers"} {
		c, err := dps.Parse(append([]string{"--broker", "unix:///nowhere"}, strings.Fields(args)...), dps.Env{})
		if err != nil {
			t.Fatal(err)
		}
		let := make(chan struct{})
		out := &watched{first: make(chan struct{})}
		ended := make(chan error)
		go func() {
			l := dps.Listing{Command: c, Source: late{twoHosts(), let}, Location: time.UTC, Stdout: out, Stderr: io.Discard}
			_, err := l.Run(t.Context())
			ended <- err
		}()
		select {
		case <-out.first:
			t.Errorf("%s: written before all have answered", args)
		case let <- struct{}{}:
		}
		if err := <-ended; err != nil {
			t.Errorf("%s: %v", args, err)
		}
	}
}

// watched tells that something was written.
type watched struct {
	first chan struct{}
	told  bool
}

func (w *watched) Write(b []byte) (int, error) {
	if !w.told {
		w.told = true
		close(w.first)
	}
	return len(b), nil
}

// broken is an output that cannot be written.
type broken struct{}

func (broken) Write([]byte) (int, error) { return 0, errors.New("no space left") }

func TestStreamBroken(t *testing.T) {
	c, err := dps.Parse([]string{"--broker", "unix:///nowhere"}, dps.Env{})
	if err != nil {
		t.Fatal(err)
	}
	l := dps.Listing{Command: c, Source: late{twoHosts(), make(chan struct{})}, Stdout: broken{}, Stderr: io.Discard}
	if status, err := l.Run(t.Context()); err == nil || status != dps.ExitFailed {
		t.Errorf("status %d, %v: nobody waits for hosts whose rows cannot be written", status, err)
	}
}

// Colour is for what somebody should look at, and for nobody who has not asked.
func TestTint(t *testing.T) {
	source := twoHosts()
	source.down = nil
	source.hosts[0].Processes[0].State = "Z"
	source.hosts[0].Processes[1].RCPU = 0.9
	c, err := dps.Parse([]string{"--broker", "unix:///nowhere", "-p", "1,40,7", "-o", "pid="}, dps.Env{})
	if err != nil {
		t.Fatal(err)
	}
	for color, text := range map[bool]string{
		false: "storage-02       7\nweb1             1\nweb1            40\n",
		true:  "storage-02       7\n\x1b[31mweb1             1\x1b[0m\n\x1b[33mweb1            40\x1b[0m\n",
	} {
		var out strings.Builder
		l := dps.Listing{Command: c, Source: lean{source}, Color: color, Stdout: &out, Stderr: io.Discard}
		if _, err := l.Run(t.Context()); err != nil {
			t.Fatal(err)
		}
		got := out.String()
		if i := strings.Index(got, "HOST"); i >= 0 { // the header, which has no other name
			got = got[strings.IndexByte(got, '\n')+1:]
		}
		want(t, got, text)
	}
}
