package procfs

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"ddcos/k2i"
)

// maxHostFile is what is read of one of the host's files: in stat the lines of
// some thousand CPUs, after which nothing is wanted.
const maxHostFile = 256 << 10

// errUnexpected is a text that the kernel has not written so far.
var errUnexpected = errors.New("unexpected text")

// text is a file of the host, cut at maxHostFile.
func (fs *FS) text(name string) ([]byte, error) {
	f, err := os.Open(filepath.Join(fs.root, name))
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }() // it was only read
	return io.ReadAll(io.LimitReader(f, maxHostFile))
}

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
		to := map[string]*uint64{"MemTotal:": &host.MemTotalBytes, "MemAvailable:": &host.MemAvailableBytes}
		words := bytes.Fields(line)
		if len(words) == 0 || to[string(words[0])] == nil {
			continue
		}
		kB := uint64(0)
		if len(words) > 1 {
			kB, err = strconv.ParseUint(string(words[1]), 10, 54)
		}
		if err != nil || len(words) < 2 {
			return fmt.Errorf("memory: %w: %.64q", errUnexpected, line)
		}
		*to[string(words[0])] = kB << 10
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

// hidesPIDs looks for hidepid among the options of the mount, in mountinfo; root is
// exempt from it. Where nothing is known of the mount it may hide some.
func (fs *FS) hidesPIDs() bool {
	text, err := fs.text("self/mountinfo")
	if err != nil {
		return true
	}
	for line := range strings.Lines(string(text)) {
		mount, super, found := strings.Cut(line, " - ") // what is between has no end of its own
		words, options := strings.Fields(mount), strings.Fields(super)
		if !found || len(words) < 6 || len(options) < 3 || options[0] != "proc" || words[4] != filepath.Clean(fs.root) {
			continue
		}
		for option := range strings.SplitSeq(options[2], ",") {
			if mode, ok := strings.CutPrefix(option, "hidepid="); ok && mode != "0" && mode != "off" {
				return true
			}
		}
	}
	return false
}
