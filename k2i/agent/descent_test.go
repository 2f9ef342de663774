package agent

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"ddcos/k2i"
	"ddcos/k2i/container"
)

// A world is a made process table, in which every process is told once what is
// to be made of it.
type world struct {
	t    *testing.T
	a    *Agent
	rows []*k2i.Process
	want map[int32]string
}

func newWorld(t *testing.T) *world {
	t.Helper()
	proc := t.TempDir()
	kept := filepath.Join(proc, "1/root/var/lib/containers/storage/overlay-containers/containers.json")
	if err := os.MkdirAll(filepath.Dir(kept), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(kept, []byte(`[{"id":"`+hexID+`","metadata":"{\"image-name\":\"`+hexImage+`\"}"}]`), 0o600); err != nil {
		t.Fatal(err)
	}
	return &world{t: t, a: &Agent{
		options: DefaultOptions(), placing: true, containers: container.New(), images: container.NewImages(proc), users: newNames(lookupUser), groups: newNames(lookupGroup),
	}, want: map[int32]string{}}
}

// add makes a process; inner are its numbers in PID namespaces below, mnt is its
// mount namespace; want is "ID runtime kind inner".
func (w *world) add(pid, ppid int32, line, cgroup string, mnt, ns k2i.Inode, inner []int32, want string) {
	args := strings.Split(line, " ")
	comm := args[0][strings.LastIndex(args[0], "/")+1:]
	w.rows = append(w.rows, &k2i.Process{
		PID: pid, PPID: ppid, StartTicks: uint64(pid), Comm: comm[:min(len(comm), 15)], Args: args, Cgroup: cgroup,
		NSMnt: mnt, NSPID: ns, InnerPIDs: inner, State: "S",
	})
	w.want[pid] = want
}

func (w *world) pass() {
	w.t.Helper()
	s := &k2i.Sample{At: time.Now(), Processes: w.rows}
	w.a.name(s)
	w.a.last = s
}

func (w *world) check(when string) {
	w.t.Helper()
	for _, p := range w.rows {
		if got := strings.TrimSpace(fmt.Sprint(p.ContainerID, " ", p.Runtime, " ", p.Kind, " ", p.InnerID)); got != w.want[p.PID] {
			w.t.Errorf("%s: %d %s: %q, want %q", when, p.PID, p.Args, got, w.want[p.PID])
		}
		if (p.Image == hexImage) != (p.ContainerID == hexID) {
			w.t.Errorf("%s: %d in %q: image %q", when, p.PID, p.ContainerID, p.Image)
		}
	}
}

// clone is the next sample: rows of its own, of which nothing is told yet.
func (w *world) clone() {
	next := make([]*k2i.Process, len(w.rows))
	for i, p := range w.rows {
		q := *p
		q.ContainerID, q.Runtime, q.Kind, q.InnerID, q.InnerRuntime, q.Pod, q.Unit, q.Image = "", "", "", "", "", "", "", ""
		next[i] = &q
	}
	w.rows = next
}

func (w *world) row(pid int32) *k2i.Process {
	for _, p := range w.rows {
		if p.PID == pid {
			return p
		}
	}
	w.t.Fatalf("no %d", pid)
	return nil
}

// hexImage is what the container hexID was made from.
const hexImage = "localhost/web:1"

const hexID = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

// rootless is a rootless container, whose cgroup is the host's, and what is about it.
func rootless(t *testing.T) *world {
	w := newWorld(t)
	pod := hexID + " podman container"
	w.add(1, 0, "init", "/", 1, 1, nil, "host")
	w.add(20, 30, "sleep 1000", "/", 5, 9, []int32{2}, pod) // its parent's pid is the higher one
	w.add(21, 20, "true", "/", 5, 9, []int32{3}, pod)
	w.add(25, 1, "conmon -c "+hexID+" -n web", "/", 2, 1, nil, "host")
	w.add(30, 25, "sh -c sleep", "/", 5, 9, []int32{1}, pod)
	w.add(31, 25, "podman container cleanup "+hexID, "/", 2, 1, nil, "host") // conmon's own child
	w.add(40, 1, "nsenter -t 30", "/", 1, 1, nil, "host")
	w.add(41, 40, "ps", "/", 5, 9, []int32{7}, pod) // entered
	w.add(50, 1, "unshare -pf sh", "/", 1, 1, nil, "host")
	w.add(51, 50, "sh", "/", 6, 8, []int32{1}, "host") // a PID namespace in a cgroup of everybody's
	w.add(52, 51, "ps", "/", 6, 8, []int32{2}, "host")
	return w
}

func TestDescentOfRootless(t *testing.T) {
	w := rootless(t)
	w.pass()
	w.check("first")
	w.clone()
	w.pass()
	w.check("again")

	w.clone() // conmon is killed: what it kept is the init's, and stays where it was
	w.rows = append(w.rows[:3:3], w.rows[4:]...)
	w.row(30).PPID, w.row(31).PPID = 1, 1
	w.pass()
	w.check("without conmon")

	w.clone() // and its zombies
	w.row(21).State, w.row(21).Args = "Z", []string{}
	w.pass()
	w.check("a zombie")
}

// A new agent, one that may not see namespaces, tells by the numbers inside alone.
func TestDescentWithoutNamespaces(t *testing.T) {
	w := rootless(t)
	for _, p := range w.rows {
		p.NSMnt, p.NSPID = 0, 0
	}
	w.want[41] = "host" // nothing tells where it is
	w.pass()
	w.check("unseen")
}

func TestDescent(t *testing.T) {
	w := newWorld(t)
	w.add(1, 0, "init", "/", 1, 1, nil, "host")
	// runc alone, and who was put into its container from outside.
	w.add(10, 1, "sh", "/mine/web", 5, 5, []int32{1}, "web  container")
	w.add(11, 10, "sleep", "/mine/web", 5, 5, []int32{2}, "web  container")
	w.add(12, 1, "sh", "/mine/web", 5, 5, []int32{3}, "web  container")
	w.add(13, 1, "runc --root x run fg", "/mine", 1, 1, nil, "host")
	w.add(14, 13, "sleep", "/mine/fg", 6, 6, []int32{1}, "fg  container")
	// Not one: a unit with a PID namespace of its own, and one in a session.
	w.add(15, 1, "sh", "/system.slice/private.service", 7, 7, []int32{1}, "host")
	w.add(16, 1, "bash", "/session", 1, 1, nil, "host")
	w.add(17, 1, "sh", "/session", 8, 8, []int32{1}, "host")
	// In docker: podman beside it, runc below it, and bubblewrap, which is none.
	w.add(20, 1, "containerd-shim-runc-v2 -namespace moby -id "+hexID, "/", 1, 1, nil, "host")
	w.add(21, 20, "sh", "/docker/"+hexID, 20, 20, []int32{1}, hexID+" docker container")
	w.add(22, 21, "conmon -c "+other, "/docker/"+hexID, 20, 20, []int32{2}, hexID+" docker container")
	w.add(23, 22, "sh", "/libpod_parent/libpod-"+other, 23, 23, []int32{3, 1}, hexID+" docker container "+other)
	w.add(24, 23, "sleep", "/libpod_parent/libpod-"+other, 23, 23, []int32{4, 2}, hexID+" docker container "+other)
	w.add(25, 21, "sh", "/docker/"+hexID+"/in", 25, 25, []int32{5, 1}, hexID+" docker container in")
	w.add(26, 21, "sh", "/docker/"+hexID, 26, 26, []int32{6, 1}, hexID+" docker container")
	// A container in the host's PID namespace, with a cgroup that names nothing.
	w.add(30, 20, "sh", "/mine/box", 30, 1, nil, hexID+" docker container")
	w.add(31, 30, "sleep", "/mine/box", 30, 1, nil, hexID+" docker container")
	// gVisor's stubs, and what a machine's monitor runs.
	w.add(40, 1, "runsc-sandbox --root=r boot gv1", "/gv1", 40, 1, nil, "gv1 gvisor sandbox")
	w.add(41, 40, "exe", "/gv1", 40, 1, nil, "gv1 gvisor sandbox")
	w.add(42, 1, "firecracker --id vm1", "/", 42, 1, nil, "vm1 firecracker microvm")
	w.add(43, 42, "sh", "/", 42, 1, nil, "host")
	w.pass()
	w.check("first")
}

const other = "fedcba9876543210fedcba9876543210fedcba9876543210fedcba9876543210"

// A chain of new processes, whatever their numbers, is all in its container.
func TestDescentOfChains(t *testing.T) {
	const long = 20_000
	w := newWorld(t)
	w.add(1, 0, "conmon -c "+hexID, "/", 1, 1, nil, "host")
	parent := int32(1)
	by := map[int32]int32{}
	for _, n := range rand.New(rand.NewPCG(1, 2)).Perm(long) {
		by[int32(n)+10] = parent
		parent = int32(n) + 10
	}
	for pid := int32(10); pid < 10+long; pid++ {
		w.add(pid, by[pid], "sh", "/", 5, 1, nil, hexID+" podman container")
	}
	w.pass()
	w.check("first")
}

// A table that lies does not hold the agent up: parents in a circle, who is its own
// parent or came from nobody, a PID namespace whose first process is in it twice.
func TestDescentOfLies(t *testing.T) {
	w := newWorld(t)
	w.add(2, 3, "sh", "/x", 5, 5, []int32{4}, "host")
	w.add(3, 2, "sh", "/x", 5, 5, []int32{1}, "host")
	w.add(4, 4, "sh", "/", 1, 1, []int32{}, "host")
	w.add(5, 99, "sh", "/y", 6, 6, []int32{1}, "host")
	w.add(6, 99, "sh", "/y", 6, 6, []int32{1}, "host")
	w.add(7, -1, "sh", "/y", 6, 6, []int32{0}, "host")
	w.pass()
	w.check("lies")
}

// What an event brings is in its parent's container until a sample has seen it.
func TestArrivedInContainer(t *testing.T) {
	w := rootless(t)
	w.pass()
	for from, want := range map[int32]string{30: hexID + " podman container", 25: "host"} {
		p := k2i.Process{PID: 99, PPID: from, StartTicks: 99, Cgroup: "/", Comm: "true", Args: []string{"true"}}
		w.a.arrived(&p, w.row(from))
		if got := strings.TrimSpace(fmt.Sprint(p.ContainerID, " ", p.Runtime, " ", p.Kind)); got != want {
			t.Errorf("a child of %d: %q, want %q", from, got, want)
		}
		if (p.Image == hexImage) != (from == 30) {
			t.Errorf("a child of %d: image %q", from, p.Image)
		}
	}
}

// Each field of what a process is in wants containers to be found, and no other does.
func TestFieldsOfContainers(t *testing.T) {
	found := strings.Fields("cgroup container_id runtime kind inner_id inner_runtime pod unit image ns_cgroup")
	for _, f := range k2i.Fields() {
		if got, want := wantsContainers([]string{"pid", f.Name}), slices.Contains(found, f.Name); got != want {
			t.Errorf("%s: %v, want %v", f.Name, got, want)
		}
	}
	if !wantsContainers(nil) || !wantsContainers([]string{"none of ours"}) {
		t.Error("all fields, or one that is not known, do without")
	}
}
