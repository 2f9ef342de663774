package main

import (
	"io"
	"log/slog"
	"math"
	"os"
	"path/filepath"
	"runtime/debug"
	"strconv"
	"strings"
)

// memoryShare is how many tenths of its control group's memory the runtime is told to
// keep to: the rest is for stacks, and for what the kernel holds for sockets.
const memoryShare = 7

// cgroupFile bounds what is read of a file about control groups, in bytes.
const cgroupFile = 64 << 10

// keepMemory tells the runtime the memory limit of the control groups that this
// process is in, unless GOMEMLIMIT has told it one.
func keepMemory(log *slog.Logger) {
	if _, told := os.LookupEnv("GOMEMLIMIT"); told {
		return
	}
	if limit := cgroupMemory("/"); limit < math.MaxInt64 {
		keep := limit / 10 * memoryShare
		debug.SetMemoryLimit(keep)
		log.Info("memory is limited", "cgroup_bytes", limit, "kept_to_bytes", keep)
	}
}

// cgroupMemory is the least memory limit, in bytes, of the control groups of
// version 1 or 2 that this process is in, and of those around them, as far as they
// are seen below root; math.MaxInt64 for none.
func cgroupMemory(root string) int64 {
	least := int64(math.MaxInt64)
	for line := range strings.Lines(readSmall(filepath.Join(root, "proc/self/cgroup"))) {
		parts := strings.SplitN(strings.TrimSuffix(line, "\n"), ":", 3)
		switch {
		case len(parts) < 3:
		case parts[0] == "0" && parts[1] == "":
			least = min(least, leastAbove(filepath.Join(root, "sys/fs/cgroup"), parts[2], "memory.max"),
				leastAbove(filepath.Join(root, "sys/fs/cgroup/unified"), parts[2], "memory.max"))
		case strings.Contains(","+parts[1]+",", ",memory,"):
			least = min(least, leastAbove(filepath.Join(root, "sys/fs/cgroup/memory"), parts[2], "memory.limit_in_bytes"))
		}
	}
	return least
}

// leastAbove is the least limit of a group and of all that it is in. A container may be
// told a path that it does not see: its own group is then what it sees as the first.
func leastAbove(mount, group, file string) int64 {
	least := int64(math.MaxInt64)
	for at := filepath.Clean("/" + group); ; at = filepath.Dir(at) {
		n, err := strconv.ParseInt(strings.TrimSpace(readSmall(filepath.Join(mount, at, file))), 10, 64)
		if err == nil && n > 0 && n < 1<<62 { // version 1 has a number for none, version 2 a word
			least = min(least, n)
		}
		if at == "/" {
			return least
		}
	}
}

// readSmall is empty where there is no such file.
func readSmall(path string) string {
	f, err := os.Open(path)
	if err != nil {
		return ""
	}
	defer func() { _ = f.Close() }()
	b, err := io.ReadAll(io.LimitReader(f, cgroupFile))
	if err != nil {
		return ""
	}
	return string(b)
}
