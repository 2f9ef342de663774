package container

import (
	"path"
	"slices"
	"strings"
)

// A Keeper is what a process of the host that stays with a container tells of it:
// a runtime's shim, or a runtime that waits. Its ID is "" for every other process.
type Keeper struct{ ID, Runtime string }

// KeeperOf reads a command line. The container is not the keeper's own but its
// children's: of those, who has namespaces that the keeper has not.
func KeeperOf(comm string, args []string) Keeper {
	if len(args) == 0 {
		return Keeper{}
	}
	program := path.Base(args[0])
	switch {
	case program == "conmon":
		return conmon(args)
	case strings.HasPrefix(program, "containerd-shim") && !strings.Contains(program, "kata"):
		return shim(args)
	case program == "systemd-nspawn":
		return Keeper{nspawnName(args), "nspawn"}.orNone()
	case comm == "lxc-start" || comm == "lxc-execute":
		_, rest, found := strings.Cut(strings.Join(args, " "), "[lxc monitor] ")
		if words := strings.Fields(rest); found && len(words) == 2 {
			return Keeper{words[1], "lxc"}.orNone()
		}
	case (program == "runc" || program == "crun") && slices.Contains(args, "run"):
		if last := args[len(args)-1]; !strings.HasPrefix(last, "-") {
			return Keeper{last, ""}.orNone()
		}
	}
	return Keeper{}
}

// orNone refuses an id that no container could have.
func (k Keeper) orNone() Keeper {
	if !isName(k.ID) || len(k.ID) > maxName || strings.Contains(k.ID, "/") {
		return Keeper{}
	}
	return k
}

// conmon is podman's, and CRI-O's.
func conmon(args []string) Keeper {
	id := option(args, "-c")
	if id == "" {
		id = option(args, "--cid")
	}
	if !isHex64(id) {
		return Keeper{}
	}
	if mentions(args, "/crio/") {
		return Keeper{id, "crio"}
	}
	return Keeper{id, "podman"}
}

// shim is containerd's. One of a pod has the id of the pod's first container, and
// keeps all of them: their cgroups tell more.
func shim(args []string) Keeper {
	id := option(args, "-id")
	if dir := option(args, "-workdir"); id == "" && dir != "" {
		id = path.Base(dir)
	}
	if option(args, "-namespace") == "moby" {
		return Keeper{id, "docker"}.orNone()
	}
	return Keeper{id, "containerd"}.orNone()
}

// nspawnName is the machine's, as systemd-nspawn makes it of its options; "" where
// the host's own name is in it. What it appends for --ephemeral is not told.
func nspawnName(args []string) string {
	var dir string
	for i := 1; i < len(args); i++ {
		name, value, given := strings.Cut(args[i], "=")
		if !strings.HasPrefix(name, "-") || name == "--" {
			break // what it runs
		}
		if !strings.HasPrefix(name, "--") { // letters, of which the last may want a value
			at := strings.IndexAny(name, "MDiupPESLUZ")
			if at < 0 {
				continue
			}
			value, given, name = args[i][at+1:], at+1 < len(args[i]), "-"+string(name[at])
		}
		if !given && takesValue(name) && i+1 < len(args) {
			i++
			value = args[i]
		}
		switch name {
		case "-M", "--machine":
			return value
		case "-D", "--directory", "-i", "--image":
			dir = strings.TrimSuffix(path.Base(value), ".raw")
		}
	}
	return dir
}

// takesValue tells the options whose value may be a word of its own. One that is
// not listed is written with = nearly always.
func takesValue(name string) bool {
	switch name {
	case "--machine", "--directory", "--image", "--user", "--setenv", "--bind", "--bind-ro", "--uuid", "--property", "--slice", "--capability":
		return true
	}
	return len(name) == 2
}

// Own is the container of a PID namespace's first process by the path of a cgroup
// that is for this namespace alone. Its runtime is not told. A unit of systemd is
// no container, but for the scopes that runc and crun ask systemd for.
func Own(cgroup string) Keeper {
	name := path.Base(cgroup)
	for _, prefix := range [...]string{"runc-", "crun-"} {
		if rest, found := between(name, prefix, ".scope"); found {
			return Keeper{ID: unescape(rest)}.orNone()
		}
	}
	if isUnit(name) || strings.HasSuffix(name, ".slice") {
		return Keeper{}
	}
	return Keeper{ID: name}.orNone()
}

// passesOn tells whether children are where their parent is: what a machine runs
// has no processes here, and its monitor's children are not in it.
func (id Identity) passesOn() bool {
	return id.ID != "" && (id.Kind == KindContainer || id.Kind == KindSandbox)
}

// Within completes what a process's own cgroup and command line tell by whom it
// came from: its parent, and the keeper where the process is a container's first.
// A cgroup is more exact than a parent, but need not lie below the cgroups of the
// containers around it.
func (id Identity) Within(parent Identity, kept Keeper) Identity {
	var around Identity
	if parent.passesOn() {
		around = parent
	}
	nested := around.ID != ""
	switch {
	case kept.ID == "" || kept.ID == around.ID:
	case !nested:
		around = Identity{ID: kept.ID, Runtime: kept.Runtime, Kind: KindContainer}
	default:
		around.InnerID, around.InnerRuntime = kept.ID, kept.Runtime
	}
	switch {
	case around.ID == "":
		return id
	case id.ID == "":
		if id.Kind == KindHost {
			id.Kind = around.Kind
		}
		if id.Pod == "" {
			id.Pod = around.Pod
		}
		if id.Unit == "" {
			id.Unit = around.Unit
		}
		id.ID, id.Runtime, id.InnerID, id.InnerRuntime = around.ID, around.Runtime, around.InnerID, around.InnerRuntime
	case id.ID == around.ID:
		if id.InnerID == "" {
			id.InnerID, id.InnerRuntime = around.InnerID, around.InnerRuntime
		}
		id.know(around.Runtime)
	case nested && (kept.ID != "" || id.ID == around.InnerID):
		inner, runtime := id.ID, id.Runtime
		if id.InnerID != "" {
			inner, runtime = id.InnerID, id.InnerRuntime
		}
		id.ID, id.Runtime, id.InnerID, id.InnerRuntime = around.ID, around.Runtime, inner, runtime
	default:
		id.know(kept.Runtime)
	}
	return id
}

// know takes a runtime where the cgroup told none, or only that a kubelet is above.
func (id *Identity) know(runtime string) {
	if runtime != "" && (id.Runtime == "" || id.Runtime == "kubernetes") {
		id.Runtime = runtime
	}
}
