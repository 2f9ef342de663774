package procfs

import (
	"net/netip"
	"testing"
)

func TestParseSocket(t *testing.T) {
	const heading = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n"
	const four = "   0: 0100007F:1F90 0200007F:D431 01 00000000:00000000 00:00000000 00000000  1000        0 12345 1 0000000000000000 100 0 0 10 0\n"
	const six = "   1: 0000000000000000FFFF00000100007F:0050 00000000000000000000000001000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 77 1 0000 100 0 0 10 0\n"
	for line, want := range map[string]socketEnds{
		four: {netip.MustParseAddrPort("127.0.0.1:8080"), netip.MustParseAddrPort("127.0.0.2:54321"), 1, 1000, 12345, 0},
		six:  {netip.MustParseAddrPort("[::ffff:127.0.0.1]:80"), netip.MustParseAddrPort("[::1]:0"), 10, 0, 77, 0},
	} {
		if got, ok := parseSocket([]byte(line)); !ok || got != want {
			t.Errorf("%q: %+v, want %+v", line, got, want)
		}
	}
	for _, line := range []string{heading, "", "\n", four[:60], "0: 0100007F 0200007F:D431 01 a b c 1 0 5", "0: 0100007:1F90 0200007F:D431 01 a b c 1 0 5", "0: 0100007F:1F90 0200007F:D431 xx a b c 1 0 5", "0: 0100007F:1F90 0200007F:D431 01 a b c -1 0 5"} {
		if got, ok := parseSocket([]byte(line)); ok {
			t.Errorf("%q: %+v", line, got)
		}
	}
}

func TestBracketed(t *testing.T) {
	for link, want := range map[string]uint64{"socket:[123]": 123, "socket:[0]": 0} {
		if n, ok := bracketed(link, "socket:["); !ok || n != want {
			t.Errorf("%s: %d %v", link, n, ok)
		}
	}
	for _, link := range []string{"", "socket:[]", "socket:[1", "pipe:[1]", "/a", "socket:[-1]", "socket:[99999999999999999999999]"} {
		if n, ok := bracketed(link, "socket:["); ok {
			t.Errorf("%s: %d", link, n)
		}
	}
}

func FuzzParseSocket(f *testing.F) {
	f.Add([]byte("   0: 0100007F:1F90 0200007F:D431 01 00000000:00000000 00:00000000 00000000  1000        0 12345 1"))
	f.Add([]byte("   1: 0000000000000000FFFF00000100007F:0050 00000000000000000000000001000000:0000 0A a b c 0 0 7"))
	f.Fuzz(func(t *testing.T, line []byte) {
		if s, ok := parseSocket(line); ok && (!s.local.IsValid() || !s.remote.IsValid()) {
			t.Errorf("%q: %+v", line, s)
		}
	})
}
