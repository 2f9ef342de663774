package dps

import (
	"os"
	"syscall"

	"golang.org/x/sys/unix"

	"ddcos/k2i"
)

// terminalNumber is the device number of a terminal, by a path or by what stands
// behind /dev/pts/, /dev/, /dev/tty or /dev/pty: as ps looks for it. 0, no
// terminal, is - and ?, and any file of one letter, as a shell may have made
// one of a question mark.
func terminalNumber(name string) (uint32, error) {
	paths := []string{name}
	if name == "" || name[0] != '/' {
		paths = []string{"/dev/pts/" + name, "/dev/" + name, "/dev/tty" + name, "/dev/pty" + name, "/dev/" + name + "nsole"}
	}
	for _, path := range paths {
		info, err := os.Stat(path)
		if err != nil {
			continue
		}
		stat, ok := info.Sys().(*syscall.Stat_t)
		if !ok || info.Mode()&os.ModeCharDevice == 0 {
			return 0, usage("list member was not a TTY")
		}
		return k2i.EncodeDev(unix.Major(stat.Rdev), unix.Minor(stat.Rdev)), nil
	}
	if _, err := os.Stat(name); name == "-" || name == "?" || len(name) == 1 && err == nil {
		return 0, nil
	}
	return 0, usage("TTY could not be found")
}
