package procfs

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"ddcos/k2i"
)

// MaxHostFile is what is read of one of the host's files: in stat the lines of
// some thousand CPUs, after which nothing is wanted.
const MaxHostFile = 256 << 10

// OwnLink is a link that is read of a proc file system.
const OwnLink = "self/ns/pid"

// HostFiles are the files that New and Host read beside, by anybody; first the one
// that is measured by the clock.
func HostFiles() []string {
	return []string{"stat", "meminfo", "loadavg", "sys/kernel/random/boot_id", "sys/kernel/pid_max", "self/cgroup", "self/io"}
}

// errUnexpected is a text that the kernel has not written so far.
var errUnexpected = errors.New("unexpected text")

// text is a file of the host, cut at MaxHostFile.
func (fs *FS) text(name string) ([]byte, error) {
	fd, err := fs.system.Openat(unix.AT_FDCWD, filepath.Join(fs.root, name), unix.O_RDONLY)
	if err != nil {
		return nil, err
	}
	defer fs.system.Close(fd)
	text := bytes.NewBuffer(make([]byte, 0, usualHostFile))
	_, err = text.ReadFrom(io.LimitReader(descriptor{fs.system, fd}, MaxHostFile))
	return text.Bytes(), err
}

// usualHostFile is room for most of them, so that one read brings all and one tells that
// there is no more.
const usualHostFile = 4 << 10

// readCPU sums the first line of stat, in ticks, but for idle and iowait. Time of
// guests is within user and nice already.
func (fs *FS) readCPU(host *k2i.Host) error {
	text, err := fs.text("stat")
	if err != nil {
		return fmt.Errorf("CPU times: %w", err)
	}
	var ticks uint64
	host.CPUs = -1 // the first line is of all
	for line := range bytes.Lines(text) {
		name, rest, _ := bytes.Cut(line, []byte(" "))
		if !bytes.HasPrefix(name, []byte("cpu")) {
			break
		}
		if host.CPUs++; host.CPUs > 0 {
			continue
		}
		for i, word := range bytes.Fields(rest) { // user nice system idle iowait irq softirq steal guest ...
			n, err := strconv.ParseUint(string(word), 10, 64)
			if err != nil {
				return fmt.Errorf("CPU times: %w: %.64q", errUnexpected, line)
			}
			if i != 3 && i != 4 && i < 8 {
				ticks += n
			}
		}
	}
	if host.CPUs < 0 {
		host.CPUs = 0
		return fmt.Errorf("CPU times: %w: %.64q", errUnexpected, text)
	}
	host.CPUBusyNS = ticks * nsPerTick
	return nil
}

// readMemory reads meminfo, in kB. What a kernel does not tell is zero.
func (fs *FS) readMemory(host *k2i.Host) error {
	text, err := fs.text("meminfo")
	if err != nil {
		return fmt.Errorf("memory: %w", err)
	}
	for line := range bytes.Lines(text) {
		var to *uint64
		name, rest, _ := bytes.Cut(line, []byte(":"))
		switch string(name) {
		case "MemTotal":
			to = &host.MemTotalBytes
		case "MemAvailable":
			to = &host.MemAvailableBytes
		default:
			continue
		}
		number, _, _ := bytes.Cut(bytes.TrimSpace(rest), []byte(" "))
		kB, err := strconv.ParseUint(string(number), 10, 54)
		if err != nil {
			return fmt.Errorf("memory: %w: %.64q", errUnexpected, line)
		}
		*to = kB << 10
	}
	return nil
}

// readLoad reads the three averages of loadavg.
func (fs *FS) readLoad(host *k2i.Host) error {
	text, err := fs.text("loadavg")
	if err != nil {
		return fmt.Errorf("load: %w", err)
	}
	words := strings.Fields(string(text))
	if len(words) < len(host.Load) {
		return fmt.Errorf("load: %w: %.64q", errUnexpected, text)
	}
	var load [3]float64
	for i := range load {
		if load[i], err = strconv.ParseFloat(words[i], 64); err != nil || math.IsNaN(load[i]) || math.IsInf(load[i], 0) {
			return fmt.Errorf("load: %w: %.64q", errUnexpected, text)
		}
	}
	host.Load = load
	return nil
}
