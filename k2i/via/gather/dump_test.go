package gather

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"ddcos/k2i/procfs"
)

// made is a dump as the program writes it.
type made struct{ bytes.Buffer }

func (m *made) record(word, pid int, err unix.Errno, text string) {
	for _, n := range []uint32{uint32(word), uint32(pid), uint32(err), uint32(len(text))} {
		m.Write(binary.LittleEndian.AppendUint32(nil, n))
	}
	m.WriteString(text)
}

// sample begins one of a host with pages of 4 KiB, read by root.
func (m *made) sample() {
	b := binary.LittleEndian.AppendUint64(nil, 5e9)
	b = binary.LittleEndian.AppendUint64(b, 1700000000e9)
	b = binary.LittleEndian.AppendUint32(b, 0)
	b = binary.LittleEndian.AppendUint32(b, 4096)
	for _, name := range []string{"Linux", "a-host", "6.1.0", "#1", "x86_64", ""} {
		b = append(b, name+strings.Repeat("\x00", nameBytes-len(name))...)
	}
	m.record(isSample, 0, 0, string(b))
}

// whole is a dump with all that a look wants and one process, and its plan.
func whole() (Plan, *made) {
	plan := NewPlan([]string{"args"}, 0)
	texts := map[string]string{
		"stat":       "7 (cat) S 1 7 7 0 -1 4194304 1 0 0 0 2 3 0 0 20 0 1 0 500 4096000 10 18446744073709551615 0 0 0 0 0 0 0 0 0 0 0 0 17 1 0 0 0 0 0\n",
		"cmdline":    "cat\x00-n\x00",
		"/proc/stat": "cpu  10 20 30 1000 500 1 2 3 7 8\ncpu0 10 20 30 1000 500 1 2 3 7 8\n", "/proc/meminfo": "MemTotal: 2048 kB\nMemAvailable: 1024 kB\n",
		"/proc/loadavg": "0.25 1.50 3.00 1/100 4242\n", "/proc/sys/kernel/random/boot_id": "7f3c0a52-90f7-4b5a-9a11-1f2c3d4e5f60\n",
		"/proc/sys/kernel/pid_max": "4194304\n", "/proc/self/cgroup": "0::/\n", "/proc/self/io": "", "/proc/self/ns/pid": "pid:[4026531836]",
		"/etc/passwd": "#x:x:3:\nroot:x:0:0::/:/bin/sh\n:x:3:\nbad\na:x:3:3:\nb:x:3:3:\n", "/etc/group": "g:x:4:\n",
	}
	m := &made{}
	m.sample()
	for i, w := range plan.words {
		if text, there := texts[w.path]; there && w.kind != 'p' {
			m.record(i, 0, 0, text)
		}
	}
	m.record(isProcess, 7, 0, "\x03\x00\x00\x00\x04\x00\x00\x00")
	for i, w := range plan.words {
		if w.kind == 'p' {
			m.record(i, 7, 0, texts[w.path])
		}
	}
	m.record(isEnd, 0, 0, "")
	return plan, m
}

func TestMadeDump(t *testing.T) {
	plan, m := whole()
	dump := read(t, plan, m.Bytes())
	sample := look(t, dump, []string{"args"})
	p := rowOf(t, sample, 7)
	if p.Comm != "cat" || p.EUID != 3 || p.EGID != 4 || strings.Join(p.Args, " ") != "cat -n" || p.RSSBytes != 40960 {
		t.Errorf("%+v", p)
	}
	if h := sample.Host; h.Name != "a-host" || h.Kernel != "6.1.0" || h.CPUs != 1 || h.PageBytes != 4096 || h.UptimeNS != 5e9 || h.BootUnixNS != 1699999995e9 {
		t.Errorf("%+v", h)
	}
	for id, want := range map[string]string{"0": "root", "3": "a", "4": ""} {
		if name, err := dump.User(id); name != want || (err == nil) != (want != "") {
			t.Errorf("user %s: %q, %v", id, name, err)
		}
	}
	if name, err := dump.Group("4"); err != nil || name != "g" {
		t.Errorf("group: %q, %v", name, err)
	}
	for path, want := range map[string]error{"/proc/8": unix.ENOENT, "/proc/8/stat": unix.ENOENT, "/proc/7/io": unix.ENOENT, "/proc/9999999999": unix.ENOENT, "/etc/shadow": unix.ENOENT, "/proc/7": nil, "/proc/7/stat": nil} {
		if _, err := dump.Openat(unix.AT_FDCWD, path, 0); !errors.Is(err, want) {
			t.Errorf("%s: %v", path, err)
		}
	}
}

// What a host may not say is refused, whatever it claims, and what it may is taken as
// a kernel's refusal would be.
func TestHostileDumps(t *testing.T) {
	plan, good := whole()
	host, file := 0, len(plan.words)-1
	tests := map[string]struct {
		say  func(m *made)
		want string
	}{
		"nothing":                 {func(*made) {}, "EOF"},
		"no end":                  {func(m *made) { m.sample() }, "EOF"},
		"half a header":           {func(m *made) { m.sample(); m.WriteString("abc") }, "EOF"},
		"less than it said":       {func(m *made) { m.Write(good.Bytes()[:sampleBytes]) }, "EOF"},
		"no sample":               {func(m *made) { m.record(isEnd, 0, 0, "") }, "0 samples, 1 were asked for"},
		"two samples":             {func(m *made) { m.sample(); m.sample() }, "sample 2"},
		"before any sample":       {func(m *made) { m.record(host, 0, 0, "x") }, "before any sample"},
		"a short sample":          {func(m *made) { m.record(isSample, 0, 0, "x") }, "with 1 bytes"},
		"no sample for a reason":  {func(m *made) { m.record(isSample, 0, unix.EPERM, "") }, "not permitted"},
		"a word beyond the plan":  {func(m *made) { m.sample(); m.record(len(plan.words), 0, 0, "") }, "was not asked for"},
		"a word that is none":     {func(m *made) { m.sample(); m.record(-5, 0, 0, "") }, "was not asked for"},
		"more than was asked for": {func(m *made) { m.sample(); m.record(file, 7, 0, strings.Repeat("x", procfs.MaxFile+1)) }, "were asked for"},
		"a claim of 4 GiB": {func(m *made) {
			m.sample()
			m.Write([]byte("\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\xff\xff\xff\xff"))
		}, "were asked for"},
		"process 0":                {func(m *made) { m.sample(); m.record(isProcess, 0, 0, "12345678") }, "process 0"},
		"a process of nobody":      {func(m *made) { m.sample(); m.record(isProcess, 7, 0, "1234") }, "with 4 bytes"},
		"a file without a process": {func(m *made) { m.sample(); m.record(file, 7, 0, "") }, "without the process"},
		"another process's file": {func(m *made) {
			m.sample()
			m.record(isProcess, 7, 0, "12345678")
			m.record(file, 8, 0, "")
		}, "without the process"},
		"too many processes": {func(m *made) {
			m.sample()
			for pid := range MaxProcesses + 1 {
				m.record(isProcess, pid+1, unix.ENOENT, "")
			}
		}, "more than 65536 processes"},
		"too much": {func(m *made) {
			m.sample()
			text := strings.Repeat("x", plan.words[host].limit)
			for range MaxBytes/len(text) + 1 {
				m.record(host, 0, 0, text)
			}
		}, "more than 67108864 bytes"},
	}
	for name, test := range tests {
		m := &made{}
		test.say(m)
		dump, err := plan.Read(m)
		if dump != nil || err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: got %v, want %s", name, err, test.want)
		}
		if cut := errors.Is(err, io.ErrUnexpectedEOF); cut != (test.want == "EOF") {
			t.Errorf("%s: ended early %v, %v", name, cut, err)
		}
	}
}

// FuzzDump reads any bytes as a dump, and makes rows of what is one.
func FuzzDump(f *testing.F) {
	plan, good := whole()
	f.Add(good.Bytes())
	f.Add(good.Bytes()[:good.Len()-headerBytes])
	f.Add(bytes.ReplaceAll(good.Bytes(), []byte("\x07\x00\x00\x00"), []byte("\x08\x00\x00\x00")))
	f.Fuzz(func(t *testing.T, b []byte) {
		dump, err := plan.Read(bytes.NewReader(b))
		if err != nil {
			return
		}
		if len(dump.text) > len(b) || len(dump.records)*headerBytes > len(b) {
			t.Errorf("%d bytes in %d records of %d", len(dump.text), len(dump.records), len(b))
		}
		fs, err := procfs.Of(t.Context(), dump, procfs.DefaultRoot)
		if err != nil {
			return
		}
		if sample, err := fs.Look(t.Context(), nil); err == nil && len(sample.Processes) > len(dump.records) {
			t.Errorf("%d rows of %d records", len(sample.Processes), len(dump.records))
		}
		_, _ = dump.User("0")
		_ = dump.Pause(t.Context(), 0)
	})
}
