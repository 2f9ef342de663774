package k2i

import (
	"encoding/json"
	"math"
	"testing"
)

func TestIdentity(t *testing.T) {
	p := Process{PID: 4711, StartTicks: 99}
	id := p.Identity(NewHostID("0ab1-2", 4026531836))
	if got := id.String(); got != "0ab1-2.4026531836:4711:99" {
		t.Errorf("printed %s", got)
	}
	back, err := ParseIdentity(id.String())
	if err != nil || back != id {
		t.Errorf("read back %+v, %v", back, err)
	}
	for _, bad := range []string{"", "::", "h:1", ":1:2", "h:0:1", "h:-1:1", "h:x:1", "h:1:x", "h:1:-1", "h:99999999999:1", "h:1:1:1", "h: 1:1"} {
		if got, err := ParseIdentity(bad); err == nil {
			t.Errorf("%q was read as %+v", bad, got)
		}
	}
}

// What could not be read, or derived, is null: never zero.
func TestNullsInJSON(t *testing.T) {
	for _, c := range []struct {
		p    Process
		want string
	}{
		{Process{ReadBytes: Unread, PidfdInode: 7, RCPU: NoRate()}, `{"pidfd_inode":7,"rcpu":null,"read_bytes":null}`},
		{Process{ReadBytes: 0, PidfdInode: Unread, RCPU: 0.25}, `{"pidfd_inode":null,"rcpu":0.25,"read_bytes":0}`},
	} {
		b, err := json.Marshal(&c.p)
		if err != nil {
			t.Fatal(err)
		}
		var back Process
		if err := json.Unmarshal(b, &back); err != nil {
			t.Fatal(err)
		}
		if back.ReadBytes != c.p.ReadBytes || back.PidfdInode != c.p.PidfdInode || back.RCPU.Known() != c.p.RCPU.Known() || back.RCPU.Known() && back.RCPU != c.p.RCPU {
			t.Errorf("read back %+v", back)
		}
		var some map[string]any
		if err := json.Unmarshal(b, &some); err != nil {
			t.Fatal(err)
		}
		picked, err := json.Marshal(map[string]any{"rcpu": some["rcpu"], "read_bytes": some["read_bytes"], "pidfd_inode": some["pidfd_inode"]})
		if err != nil || string(picked) != c.want {
			t.Errorf("%s, want %s", picked, c.want)
		}
	}
	var c Count
	var r Rate
	if c.UnmarshalJSON([]byte(`"x"`)) == nil || r.UnmarshalJSON([]byte(`{}`)) == nil {
		t.Error("words were read as numbers")
	}
}

func TestSplitArgs(t *testing.T) {
	long := make([]byte, MaxArgs+100)
	for i := range long {
		long[i] = 'a'
	}
	for _, c := range []struct {
		raw  string
		want []string
	}{
		{"", []string{}},
		{"\x00\x00", []string{}},
		{"sleep\x001000\x00", []string{"sleep", "1000"}},
		{"sleep\x001000", []string{"sleep", "1000"}},
		{"a\x00\x00b\x00", []string{"a", "", "b"}},
		{"title: set by itself\x00\x00\x00\x00", []string{"title: set by itself"}},
		{"\xff\x1b[2J\x00", []string{"\xff\x1b[2J"}},
		{string(long), []string{string(long[:MaxArgs])}},
	} {
		got := SplitArgs([]byte(c.raw))
		if got == nil || len(got) != len(c.want) {
			t.Errorf("%.40q: %d arguments, want %d", c.raw, len(got), len(c.want))
			continue
		}
		for i := range got {
			if got[i] != c.want[i] {
				t.Errorf("%.40q: argument %d is %.40q", c.raw, i, got[i])
			}
		}
	}
}

func TestTTYs(t *testing.T) {
	for name, dev := range map[string]uint32{
		"?": 0, "pts/0": EncodeDev(136, 0), "pts/3": 0x8803, "pts/300": EncodeDev(136, 300), "pts/1048575": EncodeDev(136, 1<<20-1),
		"tty1": EncodeDev(4, 1), "tty63": EncodeDev(4, 63), "ttyS0": EncodeDev(4, 64), "ttyS3": EncodeDev(4, 67),
		"console": EncodeDev(5, 1), "hvc0": EncodeDev(229, 0), "ttyUSB2": EncodeDev(188, 2), "9:7": EncodeDev(9, 7),
	} {
		if got := TTYName(dev); got != name {
			t.Errorf("%#x: %s, want %s", dev, got, name)
		}
		if got, ok := TTYNumber(name); !ok || got != dev {
			t.Errorf("%s: %#x, %v, want %#x", name, got, ok, dev)
		}
	}
	if got, ok := TTYNumber("/dev/pts/3"); !ok || got != 0x8803 {
		t.Errorf("/dev/pts/3: %#x, %v", got, ok)
	}
	for _, bad := range []string{"", "pts", "pts/", "pts/-1", "pts/01", "pts/1048576", "tty64", "ttyS", "ttyS192", "tty1x", "1:", ":1", "4096:1", "../etc/passwd"} {
		if got, ok := TTYNumber(bad); ok {
			t.Errorf("%q: %#x", bad, got)
		}
	}
	for dev := range uint32(math.MaxUint16) {
		if back, ok := TTYNumber(TTYName(dev)); !ok || back != dev {
			t.Fatalf("%#x is %s is %#x", dev, TTYName(dev), back)
		}
	}
}
