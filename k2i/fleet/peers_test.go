package fleet

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"testing"

	"ddcos/k2i"
	"ddcos/k2i/wire"
)

// looked is a fleet whose hosts tell connections, over the wire.
type looked struct {
	names []string
	told  map[string]*wire.Connections // by the host's name
	down  []Reply
}

func (l *looked) Ask(_ context.Context, req wire.Request) ([]Reply, error) {
	replies := slices.Clone(l.down)
	for _, name := range l.names {
		head := wire.Head{Host: host(name).Host, BusyCPUs: k2i.NoRate()}
		r, err := Read(wire.EncodeBody(&wire.ConnectionsAnswer{Head: head, Connections: *l.told[name]}), req)
		if err != nil {
			r = Reply{Host: name, Status: StatusError, Err: err.Error()}
		}
		replies = append(replies, r)
	}
	return replies, nil
}

// tell adds a hold of a socket to what a host tells.
func (l *looked) tell(host string, c k2i.Connection) {
	if l.told == nil {
		l.told = map[string]*wire.Connections{}
	}
	if l.told[host] == nil {
		l.names, l.told[host] = append(l.names, host), &wire.Connections{Mode: k2i.ModeBPF}
	}
	l.told[host].Rows = append(l.told[host].Rows, c)
}

// row is a hold of a socket by process pid in a namespace.
func row(pid int32, netns uint64, local, remote string) k2i.Connection {
	c := k2i.Connection{PID: pid, StartTicks: uint64(pid), Comm: fmt.Sprint("c", pid), NetNS: netns, State: "established", RxBytes: k2i.Unread, TxBytes: k2i.Unread}
	at := netip.MustParseAddrPort(local)
	c.LocalAddr, c.LocalPort = at.Addr().String(), at.Port()
	if remote == "" {
		c.State = "listen"
		return c
	}
	at = netip.MustParseAddrPort(remote)
	c.RemoteAddr, c.RemotePort = at.Addr().String(), at.Port()
	return c
}

// said is a link in short: host/pids@address, which is * of one that is outside.
func said(l *Link) string {
	end := func(e *End) string {
		if e.Host == nil {
			return e.Addr.String()
		}
		text := e.Host.Name
		for _, h := range e.Holders {
			text += fmt.Sprint("/", h.PID)
		}
		return text
	}
	text := end(&l.From) + " > " + end(&l.To)
	if l.Ambiguous {
		text += " ?"
	}
	return text
}

func askLooked(t *testing.T, l *looked) (*Peers, []string) {
	t.Helper()
	peers, err := AskPeers(t.Context(), l)
	if err != nil {
		t.Fatal(err)
	}
	var links []string
	for i := range peers.Links {
		links = append(links, said(&peers.Links[i]))
	}
	return peers, links
}

func TestPeers(t *testing.T) {
	l := &looked{}
	// b took it: it listens there. The socket is shared by two processes.
	l.tell("a", row(1, 10, "10.0.0.1:40000", "10.0.0.2:80"))
	l.tell("b", row(5, 20, "[::ffff:10.0.0.2]:80", "[::ffff:10.0.0.1]:40000"))
	l.tell("b", row(4, 20, "10.0.0.2:80", "10.0.0.1:40000"))
	l.tell("b", row(4, 20, "[::]:80", ""))
	// Loopback of one host is not that of another, nor of another namespace.
	l.tell("a", row(2, 10, "127.0.0.1:41000", "127.0.0.1:90"))
	l.tell("b", row(6, 20, "127.0.0.1:90", "127.0.0.1:41000"))
	l.tell("a", row(3, 11, "127.0.0.1:90", "127.0.0.1:41000"))
	l.tell("a", row(8, 10, "[::1]:90", "[::1]:41000"))
	l.tell("a", row(9, 10, "[::1]:41000", "[::1]:90"))
	// A socket that is connected to itself.
	l.tell("b", row(7, 20, "127.0.0.1:50000", "127.0.0.1:50000"))
	// The same private addresses on two hosts, each with both ends.
	for _, host := range []string{"a", "b"} {
		l.tell(host, row(20, 30, "172.17.0.2:42000", "172.17.0.3:5432"))
		l.tell(host, row(21, 31, "172.17.0.3:5432", "172.17.0.2:42000"))
	}
	// Two hosts have an end like this, one the other.
	l.tell("a", row(30, 30, "172.17.0.2:43000", "10.0.0.2:80"))
	l.tell("b", row(31, 31, "172.17.0.2:43000", "10.0.0.2:80"))
	l.tell("c", row(32, 40, "10.0.0.2:80", "172.17.0.2:43000"))
	// Behind a translation: the ends do not know each other.
	l.tell("a", row(40, 30, "172.17.0.9:44000", "10.0.0.3:80"))
	l.tell("c", row(41, 40, "10.0.0.3:80", "10.0.0.1:61000"))
	l.tell("c", row(41, 40, "10.0.0.3:80", ""))
	l.down = []Reply{{Host: "d", Status: StatusTimeout, Err: "no answer in time"}}
	peers, links := askLooked(t, l)
	want := []string{
		"a/1 > b/4/5", "a/2 > 127.0.0.1:90", "a/9 > a/8", "a/20 > a/21", "a/30 > 10.0.0.2:80 ?", "a/40 > 10.0.0.3:80",
		"b/7 > b/7", "b/20 > b/21", "b/31 > 10.0.0.2:80 ?", "10.0.0.1:61000 > c/41", "127.0.0.1:41000 > a/3", "127.0.0.1:41000 > b/6", "172.17.0.2:43000 > c/32 ?",
	}
	slices.Sort(want)
	if slices.Sort(links); !slices.Equal(links, want) {
		t.Errorf("got\n%q\nwant\n%q", links, want)
	}
	if failed := peers.Failed(); len(failed) != 1 || failed[0].Name != "d" {
		t.Errorf("failed: %+v", failed)
	}
}

// What a host may say that is wrong costs its own connections only.
func TestPeersHostile(t *testing.T) {
	for name, spoil := range map[string]func(*wire.Connections){
		"no address":     func(c *wire.Connections) { c.Rows[0].RemoteAddr = "\x1b[2J" },
		"no local one":   func(c *wire.Connections) { c.Rows[0].LocalAddr = "" },
		"no process":     func(c *wire.Connections) { c.Rows[0].PID = -1 },
		"cut short":      func(c *wire.Connections) { c.Truncated = true },
		"a row too many": func(c *wire.Connections) { c.Rows = make(wire.ConnectionRows, k2i.MaxConnections+1) },
	} {
		l := &looked{}
		l.tell("a", row(1, 10, "10.0.0.1:40000", "10.0.0.2:80"))
		l.tell("b", row(5, 20, "10.0.0.2:80", "10.0.0.1:40000"))
		l.tell("m", row(6, 20, "10.0.0.9:80", "10.0.0.1:40000"))
		spoil(l.told["m"])
		peers, links := askLooked(t, l)
		failed := peers.Failed()
		if len(failed) != 1 || failed[0].Name != "m" || failed[0].Err == "" || !slices.Contains(links, "a/1 > b/5") {
			t.Errorf("%s: %q, failed %+v", name, links, failed)
		}
		if cut := slices.Contains(links, "10.0.0.1:40000 > m/6"); cut != (name == "cut short") && name != "cut short" {
			t.Errorf("%s: %q", name, links)
		}
	}
	var all sockets
	h := &Host{Name: "m", Status: StatusOK}
	all.list = make([]*socket, MaxPeers)
	all.add(h, &wire.Connections{Rows: wire.ConnectionRows{row(1, 1, "10.0.0.1:1", "10.0.0.2:2")}})
	if h.Status != StatusError || len(all.list) != MaxPeers {
		t.Errorf("beyond all ends: %+v, %d", h, len(all.list))
	}
}

// By chance: what is told of a fleet in which no two networks share an address is
// joined as it was made, whoever is not seen.
func TestPeersByChance(t *testing.T) {
	for seed := range uint64(1000) {
		r := rand.New(rand.NewPCG(seed, 1)) //nolint:gosec // not a secret
		l := &looked{}
		var want []string
		for i := range r.IntN(40) {
			from, to := randomPlace(r), randomPlace(r)
			a, b := from.addr(fmt.Sprint(40000+i)), to.addr(fmt.Sprint(1+r.IntN(2)))
			if r.IntN(4) == 0 {
				to = from
				a, b = fmt.Sprintf("127.0.0.1:%d", 40000+i), fmt.Sprintf("127.0.0.1:%d", 1+r.IntN(2))
			}
			seen := r.IntN(4) // both twice as often
			left, right := a, b
			if seen != 1 {
				l.tell(from.host, row(int32(i+1), from.netns, a, b))
				left = fmt.Sprint(from.host, "/", i+1)
			}
			if seen != 2 {
				l.tell(to.host, row(int32(1000+i), to.netns, b, a))
				right = fmt.Sprint(to.host, "/", 1000+i)
			}
			want = append(want, left+" > "+right)
		}
		_, got := askLooked(t, l)
		slices.Sort(got)
		if slices.Sort(want); !slices.Equal(got, want) {
			t.Fatalf("seed %d: got\n%q\nwant\n%q", seed, got, want)
		}
	}
}

// place is a network namespace of a host.
type place struct {
	host  string
	netns uint64
}

func randomPlace(r *rand.Rand) place {
	return place{fmt.Sprint("h", r.IntN(5)), r.Uint64N(3) + 1}
}

func (p place) addr(port string) string {
	return fmt.Sprintf("10.%s.0.%d:%s", p.host[1:], p.netns, port)
}

// By chance, with addresses that are in use everywhere: each socket is in one link,
// with the other end that is nearest, or with none where that is not one alone.
func TestPeersShareAddresses(t *testing.T) {
	for seed := range uint64(3000) {
		r := rand.New(rand.NewPCG(seed, 2)) //nolint:gosec // not a secret
		l := &looked{}
		all := map[string]chanced{}
		for i := range r.IntN(30) {
			c := chanced{place: randomPlace(r), name: fmt.Sprint(i + 1)}
			address := func() string {
				return fmt.Sprintf("%s:%d", []string{"127.0.0.1", "172.17.0.2", "172.17.0.3"}[r.IntN(3)], 1+r.IntN(2))
			}
			c.local, c.remote = address(), address()
			key := fmt.Sprint(c.place, c.local, c.remote)
			if _, taken := all[key]; taken {
				continue
			}
			all[key] = c
			l.tell(c.host, row(int32(i+1), c.netns, c.local, c.remote))
		}
		want := nearest(all)
		peers, _ := askLooked(t, l)
		got := map[string]string{}
		note := func(e, other *End, ambiguous bool) {
			if e.Host == nil {
				return
			}
			name := fmt.Sprint(e.Holders[0].PID)
			if before, twice := got[name]; twice && (before != name || e.Addr != other.Addr) {
				t.Fatalf("seed %d: %s is in two links", seed, name)
			}
			switch {
			case ambiguous:
				got[name] = "?"
			case other.Host == nil:
				got[name] = ""
			default:
				got[name] = fmt.Sprint(other.Holders[0].PID)
			}
		}
		for i := range peers.Links {
			link := &peers.Links[i]
			note(&link.From, &link.To, link.Ambiguous)
			note(&link.To, &link.From, link.Ambiguous)
		}
		for name, other := range want {
			if had, ok := got[name]; !ok || had != other {
				t.Fatalf("seed %d: %s is joined with %q, want %q; all %+v", seed, name, had, other, all)
			}
		}
		if len(got) != len(want) {
			t.Fatalf("seed %d: %d sockets, want %d", seed, len(got), len(want))
		}
	}
}

// chanced is a socket by chance.
type chanced struct {
	place
	name, local, remote string
}

// nearest is brute force: in ever wider circles, everyone looks at everyone.
func nearest(all map[string]chanced) map[string]string {
	verdict := map[string]string{}
	for circle := range 3 {
		round := map[string]string{}
		for _, s := range all {
			if _, settled := verdict[s.name]; settled {
				continue
			}
			loopback := s.local[0] == '1' && s.local[1] == '2' || s.remote[1] == '2'
			var mates, twins []string
			for _, c := range all {
				near := circle == 2 || s.host == c.host && (circle == 1 || s.netns == c.netns)
				if _, settled := verdict[c.name]; settled || !near {
					continue
				}
				if c.local == s.remote && c.remote == s.local {
					mates = append(mates, c.name)
				}
				if c.local == s.local && c.remote == s.remote && c.name != s.name {
					twins = append(twins, c.name)
				}
			}
			switch {
			case s.local == s.remote:
				round[s.name] = s.name
			case len(mates) == 1 && len(twins) == 0:
				round[s.name] = mates[0]
			case len(mates) > 0:
				round[s.name] = "?"
			case loopback:
				round[s.name] = ""
			}
		}
		for name, other := range round {
			verdict[name] = other
		}
	}
	for _, s := range all {
		if _, settled := verdict[s.name]; !settled {
			verdict[s.name] = ""
		}
	}
	return verdict
}
