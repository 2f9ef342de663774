package procfs

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"ddcos/k2i"
)

// GPUs lists the cards, and who uses them. Where there is no card nobody's files
// are looked at. leftOut counts the clients beyond k2i.MaxListed.
func (m *Machine) GPUs() (cards []k2i.GPU, clients []k2i.GPUClient, leftOut int, err error) {
	cards, clients = []k2i.GPU{}, []k2i.GPUClient{}
	entries, err := os.ReadDir(filepath.Join(m.sys, "class/drm"))
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return cards, clients, 0, nil
	case err != nil:
		return cards, clients, 0, fmt.Errorf("GPUs: %w", err)
	}
	for _, e := range entries {
		if number, found := strings.CutPrefix(e.Name(), "card"); found && isNumber(number) && len(cards) < k2i.MaxListed {
			cards = append(cards, m.card(e.Name()))
		}
	}
	if len(cards) == 0 { // connectors and the like
		return cards, clients, 0, nil
	}
	pids, err := m.fs.PIDs()
	if err != nil {
		return cards, clients, 0, err
	}
	for _, pid := range pids {
		of := m.clients(pid)
		room := min(len(of), k2i.MaxListed-len(clients))
		clients = append(clients, of[:room]...)
		leftOut += len(of) - room
	}
	return cards, clients, leftOut, nil
}

// card reads /sys/class/drm/cardN/device.
func (m *Machine) card(name string) k2i.GPU {
	device := "class/drm/" + name + "/device/"
	g := k2i.GPU{Card: name, Vendor: m.sysFile(device + "vendor"), Device: m.sysFile(device + "device")}
	for line := range strings.Lines(m.sysFile(device + "uevent")) {
		key, value, _ := strings.Cut(strings.TrimSpace(line), "=")
		switch key {
		case "DRIVER":
			g.Driver = value
		case "PCI_SLOT_NAME":
			g.PCI = value
		}
	}
	return g
}

// clients are a process's uses of any GPU, each told once though it may have
// several descriptors. A process that ended has none.
func (m *Machine) clients(pid int32) []k2i.GPUClient {
	dir := filepath.Join(m.fs.root, strconv.Itoa(int(pid)))
	fds, err := os.Open(filepath.Join(dir, "fd"))
	if err != nil {
		return nil
	}
	defer func() { _ = fds.Close() }() // it was only read
	names, err := fds.Readdirnames(maxGPUFiles)
	if err != nil {
		return nil
	}
	slices.Sort(names)
	var list []k2i.GPUClient
	for _, fd := range names {
		if target, err := os.Readlink(filepath.Join(dir, "fd", fd)); err != nil || !strings.HasPrefix(target, "/dev/dri/") {
			continue
		}
		text, err := readBounded(filepath.Join(dir, "fdinfo", fd), maxFdinfo)
		if err != nil {
			continue
		}
		c, ok := parseFdinfo(text)
		same := func(other k2i.GPUClient) bool {
			return c.Client != "" && other.Client == c.Client && other.PCI == c.PCI && other.Driver == c.Driver
		}
		if ok && !slices.ContainsFunc(list, same) {
			c.PID = pid
			list = append(list, c)
		}
	}
	return list
}

// maxGPUFiles is how many of a process's open files are looked at for a GPU's.
const maxGPUFiles = 4096

func isNumber(s string) bool {
	_, err := strconv.ParseUint(s, 10, 32)
	return err == nil
}

// readBounded is the beginning of a file.
func readBounded(path string, limit int) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }() // it was only read
	b := make([]byte, limit)
	n, err := f.Read(b)
	return b[:n], err
}
