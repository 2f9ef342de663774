package probe

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"ddcos/k2i"
	"ddcos/k2i/procfs"
)

// ends is what both roads have to tell of a connection, in one line.
func ends(c *k2i.Connection) string {
	return fmt.Sprint(c.PID, c.StartTicks, c.Comm, c.FD, c.NetNS, c.State, c.LocalAddr, c.LocalPort, c.RemoteAddr, c.RemotePort, c.UID, c.Inode)
}

// holdSockets makes a listening socket and both ends of a connection, tells
// them in the file WITH and keeps them.
func holdSockets(with string) error {
	if err := loopbackUp(); err != nil {
		return err
	}
	x, y, err := connect(unix.AF_INET, unix.SOCK_STREAM)
	if err != nil {
		return err
	}
	var b strings.Builder
	for _, fd := range []int{x, y} {
		fmt.Fprintln(&b, spelled(fd))
	}
	return os.WriteFile(with, []byte(b.String()), 0o600)
}

// spelled is what the kernel tells of a connected socket's ends.
func spelled(fd int) string {
	local, err := unix.Getsockname(fd)
	remote, err2 := unix.Getpeername(fd)
	if err != nil || err2 != nil {
		return fmt.Sprint(err, err2)
	}
	return port(local) + " " + port(remote)
}

func port(address unix.Sockaddr) string {
	switch a := address.(type) {
	case *unix.SockaddrInet4:
		return netip.AddrPortFrom(netip.AddrFrom4(a.Addr), uint16(a.Port)).String()
	case *unix.SockaddrInet6:
		return netip.AddrPortFrom(netip.AddrFrom16(a.Addr).Unmap(), uint16(a.Port)).String()
	}
	return "?"
}

// Both roads tell the same of the sockets of this process and of one in another
// network namespace, and it is what the sockets themselves tell.
func TestConnections(t *testing.T) {
	c, err := OpenConnections()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	fs, err := procfs.New(t.Context(), procfs.DefaultRoot)
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "[::]:0") // both families, where there are two
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	mapped, err := net.Dial("tcp4", fmt.Sprintf("127.0.0.1:%d", l.Addr().(*net.TCPAddr).Port))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = mapped.Close() }()
	accepted, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = accepted.Close() }()
	x, y := socketPair(t, unix.AF_INET6, unix.SOCK_STREAM)
	path := t.TempDir() + "/told"
	other := stopped(t, "hold", path, unix.CLONE_NEWNET)
	own := int32(os.Getpid())
	filter := k2i.ConnectionFilter{PIDs: []int32{own, int32(other)}}
	rows, truncated, err := c.Read(t.Context(), &filter)
	if err != nil || truncated {
		t.Fatal(truncated, err)
	}
	again, _, truncated, err := fs.Connections(t.Context(), &filter)
	if err != nil || truncated {
		t.Fatal(truncated, err)
	}
	compareRoads(t, rows, again)
	want := []string{spelled(x), spelled(y), mapped.LocalAddr().String() + " " + mapped.RemoteAddr().String(), mapped.RemoteAddr().String() + " " + mapped.LocalAddr().String()}
	inside, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	want = append(want, strings.Split(strings.TrimSpace(string(inside)), "\n")...)
	spaces, listening := map[uint64]bool{}, 0
	for i := range rows {
		r := &rows[i]
		spaces[r.NetNS] = true
		if r.State == "listen" && r.PID == own && int(r.LocalPort) == l.Addr().(*net.TCPAddr).Port && r.RemoteAddr == "" && r.RemotePort == 0 {
			listening++
		}
		local, remote := netip.MustParseAddr(r.LocalAddr), netip.Addr{}
		if r.RemoteAddr != "" {
			remote = netip.MustParseAddr(r.RemoteAddr)
		}
		both := netip.AddrPortFrom(local, r.LocalPort).String() + " " + netip.AddrPortFrom(remote, r.RemotePort).String()
		if at := slices.Index(want, both); at >= 0 && r.State == "established" {
			want = slices.Delete(want, at, at+1)
		}
	}
	if len(want) != 0 || listening != 1 || len(spaces) != 2 {
		t.Errorf("not found: %q; %d listening, namespaces %v\n%+v", want, listening, spaces, rows)
	}
}

// The bytes are those that the programs wrote, whichever end began the connection, and
// whoever says that it sends no more.
func TestConnectionBytes(t *testing.T) {
	c, err := OpenConnections()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	for _, closed := range []string{"neither", "who began", "who was asked"} {
		x, y := socketPair(t, unix.AF_INET, unix.SOCK_STREAM)
		states := map[int]string{x: "established", y: "established"}
		for _, fd := range []int{x, y} {
			if _, err := unix.Write(fd, make([]byte, 700+fd)); err != nil {
				t.Fatal(err)
			}
		}
		if closed != "neither" {
			first, then := x, y
			if closed == "who was asked" {
				first, then = y, x
			}
			states[first], states[then] = "fin_wait2", "close_wait"
			if err := unix.Shutdown(first, unix.SHUT_WR); err != nil {
				t.Fatal(err)
			}
		}
		await(t, "all is acknowledged", func() bool { return quiet(t, x, states[x]) && quiet(t, y, states[y]) })
		rows, _, err := c.Read(t.Context(), &k2i.ConnectionFilter{PIDs: []int32{int32(os.Getpid())}})
		if err != nil {
			t.Fatal(err)
		}
		for _, end := range [][2]int{{x, y}, {y, x}} {
			i := slices.IndexFunc(rows, func(r k2i.Connection) bool { return int(r.FD) == end[0] })
			if i < 0 || rows[i].State != states[end[0]] || rows[i].TxBytes != k2i.Count(700+end[0]) || rows[i].RxBytes != k2i.Count(700+end[1]) {
				t.Errorf("%s closed, of descriptors %v: %d of\n%+v", closed, end, i, rows)
			}
		}
	}
}

// quiet tells whether a socket is in a state, and nothing of it is under way.
func quiet(t *testing.T, fd int, state string) bool {
	t.Helper()
	info, err := unix.GetsockoptTCPInfo(fd, unix.IPPROTO_TCP, unix.TCP_INFO)
	if err != nil {
		t.Fatal(err)
	}
	return k2i.TCPState(info.State) == state && info.Unacked == 0 && info.Bytes_received >= 700
}

// compareRoads holds the two roads to each other.
func compareRoads(t *testing.T, rows, again []k2i.Connection) {
	t.Helper()
	lines := func(rows []k2i.Connection) []string {
		var all []string
		for i := range rows {
			all = append(all, ends(&rows[i]))
		}
		slices.Sort(all)
		return all
	}
	if a, b := lines(rows), lines(again); !slices.Equal(a, b) {
		t.Errorf("by BPF\n%s\nby procfs\n%s", strings.Join(a, "\n"), strings.Join(b, "\n"))
	}
}

// A limit is kept and told, states are chosen from, and a context ends the look.
func TestConnectionsBounds(t *testing.T) {
	c, err := OpenConnections()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	x, _ := socketPair(t, unix.AF_INET, unix.SOCK_STREAM)
	again, err := unix.Dup(x) // one more descriptor, no more connections
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = unix.Close(again) }()
	own := []int32{int32(os.Getpid())}
	for _, f := range []struct {
		filter    k2i.ConnectionFilter
		rows      int
		truncated bool
	}{
		{k2i.ConnectionFilter{PIDs: own}, 2, false},
		{k2i.ConnectionFilter{PIDs: own, Limit: 1}, 1, true},
		{k2i.ConnectionFilter{PIDs: own, Limit: 2}, 2, false},
		{k2i.ConnectionFilter{PIDs: own, States: []string{"listen"}}, 0, false},
	} {
		rows, truncated, err := c.Read(t.Context(), &f.filter)
		if err != nil || len(rows) != f.rows || truncated != f.truncated {
			t.Errorf("%+v: %d rows, truncated %v, %v", f.filter, len(rows), truncated, err)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, _, err := c.Read(ctx, &k2i.ConnectionFilter{}); !errors.Is(err, context.Canceled) {
		t.Errorf("after the end: %v", err)
	}
}

// BenchmarkConnections is one look at all sockets of this host, by each road.
func BenchmarkConnections(b *testing.B) {
	c, err := OpenConnections()
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = c.Close() }()
	fs, err := procfs.New(b.Context(), procfs.DefaultRoot)
	if err != nil {
		b.Fatal(err)
	}
	for range 1000 {
		socketPair(b, unix.AF_INET, unix.SOCK_STREAM)
	}
	b.Run("probe", func(b *testing.B) {
		for b.Loop() {
			if rows, _, err := c.Read(b.Context(), &k2i.ConnectionFilter{}); err != nil || len(rows) < 2000 {
				b.Fatal(len(rows), err)
			}
		}
	})
	b.Run("procfs", func(b *testing.B) {
		for b.Loop() {
			if rows, _, _, err := fs.Connections(b.Context(), &k2i.ConnectionFilter{}); err != nil || len(rows) < 2000 {
				b.Fatal(len(rows), err)
			}
		}
	})
}
