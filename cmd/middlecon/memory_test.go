package main

import (
	"math"
	"os"
	"path/filepath"
	"testing"
)

func TestCgroupMemory(t *testing.T) {
	const none1 = "9223372036854771712\n"
	for name, c := range map[string]struct {
		files map[string]string
		want  int64
	}{
		"nothing": {nil, math.MaxInt64},
		"v2":      {map[string]string{"proc/self/cgroup": "0::/a/b\n", "sys/fs/cgroup/a/b/memory.max": "1000\n", "sys/fs/cgroup/a/memory.max": "max\n"}, 1000},
		"v2, the one around is less": {map[string]string{
			"proc/self/cgroup": "0::/a/b\n", "sys/fs/cgroup/a/b/memory.max": "1000\n", "sys/fs/cgroup/a/memory.max": "900\n",
		}, 900},
		"v2, none": {map[string]string{"proc/self/cgroup": "0::/a\n", "sys/fs/cgroup/a/memory.max": "max\n"}, math.MaxInt64},
		"v1": {map[string]string{
			"proc/self/cgroup": "5:cpu,memory:/a\n4:pids:/b\n", "sys/fs/cgroup/memory/a/memory.limit_in_bytes": "77\n",
			"sys/fs/cgroup/memory/memory.limit_in_bytes": none1, "sys/fs/cgroup/memory/b/memory.limit_in_bytes": "1\n",
		}, 77},
		"v1, none": {map[string]string{"proc/self/cgroup": "4:memory:/a\n", "sys/fs/cgroup/memory/a/memory.limit_in_bytes": none1}, math.MaxInt64},
		"v1 of a container": {map[string]string{
			"proc/self/cgroup": "4:memory:/docker/1\n", "sys/fs/cgroup/memory/memory.limit_in_bytes": "88\n",
		}, 88},
		"hybrid": {map[string]string{
			"proc/self/cgroup": "4:memory:/a\n0::/a\n", "sys/fs/cgroup/memory/a/memory.limit_in_bytes": "99\n", "sys/fs/cgroup/unified/a/cgroup.procs": "",
		}, 99},
		"hybrid, memory in v2": {map[string]string{"proc/self/cgroup": "0::/a\n", "sys/fs/cgroup/unified/a/memory.max": "66\n"}, 66},
		"out of its namespace": {map[string]string{"proc/self/cgroup": "0::/../../x\n", "sys/fs/cgroup/memory.max": "55\n"}, 55},
		"garbage":              {map[string]string{"proc/self/cgroup": "0::/a\nx\n\n1:memory\n", "sys/fs/cgroup/a/memory.max": "-5\n", "sys/fs/cgroup/memory.max": "0"}, math.MaxInt64},
	} {
		root := t.TempDir()
		for file, text := range c.files {
			path := filepath.Join(root, file)
			if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		if got := cgroupMemory(root); got != c.want {
			t.Errorf("%s: %d, want %d", name, got, c.want)
		}
	}
}
