package container

import "strings"

// A form is how a runtime writes an id of 64 hex digits into the name of a
// cgroup: behind a prefix, and with .scope where systemd makes the cgroup. What
// else stands between prefix and id, such as conmon-, is no container.
type form struct{ prefix, runtime string }

func forms() [8]form {
	return [...]form{
		{"docker-", "docker"},
		{"cri-containerd-", "containerd"},
		{"cri-containerd:", "containerd"},
		{"nerdctl-", "containerd"},
		{"crio-", "crio"},
		{"libpod-payload-", "podman"}, // --cgroups=split
		{"libpod-", "podman"},
		{"kata_", "kata"},
	}
}

// container reads one element of a path, by what stands above it.
func (o above) container(element string) (id, runtime string, ok bool) {
	if len(element) > maxName {
		return "", "", false
	}
	bare := strings.TrimSuffix(element, ".scope")
	for _, f := range forms() {
		if id, found := strings.CutPrefix(bare, f.prefix); found && isHex64(id) {
			return id, f.runtime, true
		}
	}
	if id, runtime, ok := unresolved(element); ok {
		return id, runtime, true
	}
	if id, runtime, ok := named(element); ok {
		return id, runtime, true
	}
	return o.below(element)
}

// unresolved is SLICE:PREFIX:ID, as it stands where a runtime was told to use
// systemd's names and did not: in a cgroup of that very name.
func unresolved(element string) (id, runtime string, ok bool) {
	slice, rest, found := strings.Cut(element, ":")
	prefix, id, found2 := strings.Cut(rest, ":")
	if !found || !found2 || !strings.HasSuffix(slice, ".slice") && slice != "" || !isHex64(id) {
		return "", "", false
	}
	switch prefix {
	case "cri-containerd", "nerdctl":
		return id, "containerd", true
	case "libpod":
		return id, "podman", true
	case "docker", "crio":
		return id, prefix, true
	}
	return "", "", false
}

// named reads the elements that carry a name instead of digits.
func named(element string) (id, runtime string, ok bool) {
	if name, found := strings.CutPrefix(element, "lxc.payload."); found && name != "" {
		return name, "lxc", true
	}
	if name, found := between(element, "systemd-nspawn@", ".service"); found {
		return unescape(name), "nspawn", true
	}
	name, found := between(element, "machine-", ".scope")
	if !found {
		return "", "", false
	}
	name = unescape(name)
	if rest, found := strings.CutPrefix(name, "lxc-"); found { // libvirt's: lxc-NUMBER-NAME
		if number, guest, found := strings.Cut(rest, "-"); found && isNumber(number) && guest != "" {
			return guest, "libvirt", true
		}
	}
	// libvirt's qemu-NUMBER-NAME is a monitor's: the command line tells more.
	return name, "nspawn", !strings.HasPrefix(name, "qemu-")
}

// below reads an element that is a container by its parent alone.
func (o above) below(element string) (id, runtime string, ok bool) {
	hex := isHex64(element)
	switch o.parent {
	case "docker":
		return element, "docker", hex
	case "lxc", "lxc.payload":
		return element, "lxc", isName(element)
	case "garden":
		return element, "garden", isName(element)
	case "buildkit":
		return element, "buildkit", isName(element)
	case "kata_overhead":
		return element, "kata", isName(element)
	case "default":
		if o.depth == 1 { // containerd's own namespace; ctr takes any name
			return element, "containerd", isName(element)
		}
	case "k8s.io", "moby":
		return element, "containerd", hex
	}
	switch {
	case hex && o.inPod:
		return element, "kubernetes", true
	case hex && o.inContainerd:
		return element, "containerd", true
	case hex && o.parent == "..":
		// A neighbour, as an agent in a container of its own sees it.
		return element, "", true
	}
	return "", "", false
}

// podOf reads podUID below kubepods, kubepods-CLASS-podUID.slice and podman's
// machine-libpod_pod_ID.slice.
func podOf(element string, over above) (string, bool) {
	if id, found := between(element, "machine-libpod_pod_", ".slice"); found {
		return id, isHex64(id)
	}
	if over.parent == "libpod_parent" && isHex64(element) {
		return element, true
	}
	if uid, found := strings.CutPrefix(element, "pod"); found && over.inPod {
		return uid, isPodUID(uid)
	}
	slice, _, _ := strings.Cut(element, ":")
	slice = strings.TrimSuffix(slice, ".slice")
	if !strings.HasPrefix(slice, "kube") { // kubepods, and kind's kubelet-kubepods
		return "", false
	}
	at := strings.LastIndex(slice, "-pod")
	if at < 0 {
		return "", false
	}
	uid := strings.ReplaceAll(slice[at+len("-pod"):], "_", "-")
	return uid, isPodUID(uid)
}

// isPodUID takes a uuid, and the 32 digits of a pod from a file.
func isPodUID(s string) bool {
	if len(s) != 36 {
		return len(s) == 32 && isHex(s)
	}
	return s[8] == '-' && s[13] == '-' && s[18] == '-' && s[23] == '-' && isHex(strings.ReplaceAll(s, "-", "")) && strings.Count(s, "-") == 4
}

// isName refuses what is no directory's name and what runtimes keep beside
// their containers.
func isName(s string) bool { return s != "" && s != "." && s != ".." && s != "conmon" }

func isHex64(s string) bool { return len(s) == 64 && isHex(s) }

// isHex takes digits as the runtimes write them: small.
func isHex(s string) bool {
	for i := range len(s) {
		if (s[i] < '0' || s[i] > '9') && (s[i] < 'a' || s[i] > 'f') {
			return false
		}
	}
	return true
}

func isNumber(s string) bool { return s != "" && strings.Trim(s, "0123456789") == "" }

func between(s, prefix, suffix string) (string, bool) {
	if len(s) <= len(prefix)+len(suffix) || !strings.HasPrefix(s, prefix) || !strings.HasSuffix(s, suffix) {
		return "", false
	}
	return s[len(prefix) : len(s)-len(suffix)], true
}

// unescape undoes systemd's \x2d for a dash in the names of units. What would
// become a control character, or is none of its escapes, stays as it is.
func unescape(name string) string {
	if !strings.Contains(name, `\x`) {
		return name
	}
	var b strings.Builder
	for i := 0; i < len(name); i++ {
		if i+3 < len(name) && name[i] == '\\' && name[i+1] == 'x' && isHex(name[i+2:i+4]) {
			if c := digit(name[i+2])<<4 | digit(name[i+3]); c > ' ' && c < 0x7f {
				b.WriteByte(c)
				i += 3
				continue
			}
		}
		b.WriteByte(name[i])
	}
	return b.String()
}

func digit(c byte) byte {
	if c >= 'a' {
		return c - 'a' + 10
	}
	return c - '0'
}
