package bench

import (
	"errors"
	"io"
	"os"
	"strings"
	"testing"
	"time"
)

func TestTableByMemory(t *testing.T) {
	const head = "HOST  USER PID %CPU %MEM VSZ RSS TTY STAT START TIME COMMAND\n"
	row := func(host, rss string) string {
		return host + " root 1 0.0 0.0 2464 " + rss + " ? S 10:02 0:00 sleep infinity\n"
	}
	hosts := []string{"host1", "host2"}
	for name, tc := range map[string]struct {
		text      string
		processes int
		want      string // none: it is a table
	}{
		"sorted":            {head + row("host2", "900") + row("host1", "900") + row("host2", "9") + row("host1", "0"), 2, ""},
		"none wanted":       {head + row("host2", "900") + row("host1", "90"), 0, ""},
		"nothing":           {"", 0, "begins with HOST"},
		"ps's own":          {strings.TrimPrefix(head, "HOST"), 0, "begins with HOST"},
		"no memory":         {"HOST PID\nhost1 1\nhost2 1\n", 0, "has RSS"},
		"a host's missing":  {head + row("host1", "1"), 0, "0 processes of host2"},
		"too few":           {head + row("host1", "2") + row("host1", "2") + row("host2", "1"), 2, "1 processes of host2, which has 2 at least"},
		"not sorted":        {head + row("host1", "90") + row("host2", "900"), 1, "below a row with 90"},
		"two tables":        {head + row("host1", "90") + head + row("host2", "9"), 1, "no row of any of the hosts"},
		"a stranger":        {head + row("host3", "90"), 0, "no row of any of the hosts"},
		"a row that breaks": {head + row("host1", "90") + "host2 root\n", 0, "no row of any of the hosts"},
		"no number":         {head + row("host1", "-"), 0, "no memory in"},
	} {
		err := tableByMemory(tc.text, hosts, tc.processes)
		if tc.want == "" && err != nil || tc.want != "" && (!errors.Is(err, ErrWrong) || !strings.Contains(err.Error(), tc.want)) {
			t.Errorf("%s: %v, want %q", name, err, tc.want)
		}
	}
}

func TestViaFigures(t *testing.T) {
	ours := &viaCommand{took: []float64{5, 1, 3}, cpu: 30 * time.Millisecond}
	loop := &viaCommand{took: []float64{4, 6, 100}, cpu: 40 * time.Millisecond}
	figures := viaFigures(ours, loop)
	for i, want := range []Figure{{Name: "via", Value: 3, PeerValue: 6, Ratio: 0.5}, {Name: "via-cpu", Value: 30, PeerValue: 40, Ratio: 0.75}} {
		want.Unit, want.Peer, want.Note = "ms", "ssh-loop", figures[i].Note
		if figures[i] != want || want.Note == "" {
			t.Errorf("%+v, want %+v", figures[i], want)
		}
	}
}

// TestViaWhole: a shell's wait says nothing of a host that did not answer.
func TestViaWhole(t *testing.T) {
	o := ViaOptions{Hosts: 2, Processes: 3}
	c := &viaCommand{name: "the loop"}
	c.out.WriteString(strings.Repeat("a row\n", 6))
	if err := o.whole(c); err != nil {
		t.Error(err)
	}
	c.out.Truncate(30)
	_, _ = c.said.Write([]byte("host2 is gone\n"))
	if err := o.whole(c); !errors.Is(err, ErrWrong) || !strings.Contains(err.Error(), "printed 5 lines") || !strings.Contains(err.Error(), "host2 is gone") {
		t.Error(err)
	}
}

func TestViaRefuses(t *testing.T) {
	for name, tc := range map[string]struct {
		change func(*ViaOptions)
		want   error
		says   string
	}{
		"no hosts":           {func(o *ViaOptions) { o.Hosts = 0 }, ErrOptions, "0 hosts; 1 to"},
		"too many":           {func(o *ViaOptions) { o.Hosts = 33 }, ErrOptions, "33 hosts; 1 to"},
		"less than none":     {func(o *ViaOptions) { o.Processes = -1 }, ErrOptions, "-1 processes"},
		"too many processes": {func(o *ViaOptions) { o.Processes = 50_000 }, ErrOptions, "0 to 6250"},
		"never asked":        {func(o *ViaOptions) { o.Asked = 0 }, ErrOptions, "asked 0 times"},
		"no programs":        {func(o *ViaOptions) { o.Bin = "/nowhere" }, os.ErrNotExist, "make build"},
		"no runs":            {func(o *ViaOptions) { o.Runs = 0 }, ErrOptions, "0 runs"},
	} {
		o := DefaultViaOptions()
		o.Out, o.Progress = io.Discard, io.Discard
		tc.change(&o)
		if err := Via(t.Context(), o); !errors.Is(err, tc.want) || !strings.Contains(err.Error(), tc.says) {
			t.Errorf("%s: %v, want %v that says %q", name, err, tc.want, tc.says)
		}
	}
}
