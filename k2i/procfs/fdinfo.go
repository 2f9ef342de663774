package procfs

import (
	"bytes"
	"math"
	"strconv"
	"strings"

	"ddcos/k2i"
)

// Bounds of what is taken from one fdinfo of a GPU's open file.
const (
	maxFdinfo = 16 << 10
	maxGPUs   = 64 // engines, and kinds of memory
)

// parseFdinfo reads what a GPU's driver says in /proc/PID/fdinfo/FD of its client;
// false for any other file. Lines are KEY: VALUE, numbers may have a unit. Of the
// kinds of memory, drm-total- is newer than drm-memory-, and the same but for
// being shared.
func parseFdinfo(text []byte) (k2i.GPUClient, bool) {
	c := k2i.GPUClient{Engines: []k2i.GPUEngine{}, Memory: []k2i.GPUMemory{}}
	for line := range bytes.Lines(text) {
		key, value, _ := strings.Cut(strings.TrimSuffix(string(line), "\n"), ":")
		key, found := strings.CutPrefix(key, "drm-")
		if !found {
			continue
		}
		value = strings.TrimSpace(value)
		switch key {
		case "driver":
			c.Driver = value
		case "pdev":
			c.PCI = value
		case "client-id":
			c.Client = value
		default:
			setNumber(&c, key, value)
		}
	}
	return c, c.Driver != ""
}

// setNumber takes one of the keys that end in the name of an engine or of a kind
// of memory.
func setNumber(c *k2i.GPUClient, key, value string) {
	n := quantity(value)
	if n < 0 {
		return
	}
	if name, ok := strings.CutPrefix(key, "engine-capacity-"); ok {
		if e := engine(c, name); e != nil {
			e.Capacity = n
		}
		return
	}
	kind, name, _ := strings.Cut(key, "-")
	switch kind {
	case "engine":
		if e := engine(c, name); e != nil {
			e.BusyNS = n
		}
	case "total":
		if m := region(c, name); m != nil {
			m.TotalBytes = n
		}
	case "memory":
		if m := region(c, name); m != nil && m.TotalBytes < 0 {
			m.TotalBytes = n
		}
	case "resident":
		if m := region(c, name); m != nil {
			m.ResidentBytes = n
		}
	}
}

// engine finds an engine by its name, or makes it; nil for one too many.
func engine(c *k2i.GPUClient, name string) *k2i.GPUEngine {
	for i := range c.Engines {
		if c.Engines[i].Name == name {
			return &c.Engines[i]
		}
	}
	if name == "" || len(c.Engines) == maxGPUs {
		return nil
	}
	c.Engines = append(c.Engines, k2i.GPUEngine{Name: name, BusyNS: k2i.Unread, Capacity: 1})
	return &c.Engines[len(c.Engines)-1]
}

// region is the same for a kind of memory.
func region(c *k2i.GPUClient, name string) *k2i.GPUMemory {
	for i := range c.Memory {
		if c.Memory[i].Region == name {
			return &c.Memory[i]
		}
	}
	if name == "" || len(c.Memory) == maxGPUs {
		return nil
	}
	c.Memory = append(c.Memory, k2i.GPUMemory{Region: name, TotalBytes: k2i.Unread, ResidentBytes: k2i.Unread})
	return &c.Memory[len(c.Memory)-1]
}

// quantity is a number with the unit ns, KiB, MiB or none; Unread where it is none.
func quantity(s string) k2i.Count {
	number, unit, _ := strings.Cut(s, " ")
	n, err := strconv.ParseUint(number, 10, 63)
	if err != nil {
		return k2i.Unread
	}
	shift := 0
	switch strings.TrimSpace(unit) {
	case "", "ns":
	case "KiB":
		shift = 10
	case "MiB":
		shift = 20
	default:
		return k2i.Unread
	}
	if n > math.MaxInt64>>shift {
		return k2i.Unread
	}
	return k2i.Count(n << shift)
}
