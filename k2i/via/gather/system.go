package gather

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"io/fs"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"ddcos/k2i/procfs"
)

var _ procfs.System = (*Dump)(nil)

// rootFD stands for the proc file system itself; others are places in records.
const rootFD = MaxBytes

func (d *Dump) sample() *sample { return &d.samples[d.now] }

// Self implements procfs.System.
func (d *Dump) Self() (procfs.Self, error) { return d.sample().self, nil }

// Now implements procfs.System: it is when the sample was begun.
func (d *Dump) Now() (time.Time, time.Duration, error) {
	return d.sample().wall, d.sample().sinceBoot, nil
}

// Pause implements procfs.System: time goes on to the next sample.
func (d *Dump) Pause(context.Context, time.Duration) error {
	if d.now+1 == len(d.samples) {
		return errors.New("no other sample was gathered")
	}
	d.now++
	return nil
}

// PIDs implements procfs.System.
func (d *Dump) PIDs(string) ([]int32, error) {
	if s := d.sample(); s.err != 0 {
		return nil, s.err
	}
	return slices.Collect(maps.Keys(d.sample().processes)), nil
}

// Openat implements procfs.System.
func (d *Dump) Openat(dir int, path string, _ int) (int, error) {
	var fd int
	var found bool
	switch {
	case path == procfs.DefaultRoot:
		return rootFD, nil
	case dir == unix.AT_FDCWD:
		fd, found = d.find(path)
	default:
		fd, found = d.file(dir, path)
	}
	if !found {
		return -1, unix.ENOENT
	}
	rec := &d.records[fd]
	if rec.err != 0 {
		return -1, unix.Errno(rec.err)
	}
	rec.at = rec.start
	return fd, nil
}

// find is the record of a path from the root.
func (d *Dump) find(path string) (int, bool) {
	if rest, inside := strings.CutPrefix(path, procfs.DefaultRoot+"/"); inside {
		number, name, more := strings.Cut(rest, "/")
		if pid, err := strconv.ParseInt(number, 10, 32); err == nil {
			at, found := d.sample().processes[int32(pid)]
			if !found || !more {
				return at, found
			}
			return d.file(at, name)
		}
	}
	for i, w := range d.plan.words {
		if w.kind != 'p' && w.path == path {
			at, found := d.sample().host[int32(i)]
			return at, found
		}
	}
	return 0, false
}

// file is the record of a file of the process whose records begin at a place.
func (d *Dump) file(at int, name string) (int, bool) {
	for at++; d.records[at].word >= 0; at++ { // the last one is of no word
		if w := d.plan.words[d.records[at].word]; w.kind == 'p' && w.path == name {
			return at, true
		}
	}
	return 0, false
}

// Read implements procfs.System.
func (d *Dump) Read(fd int, b []byte) (int, error) {
	rec := &d.records[fd]
	n := copy(b, d.text[rec.at:rec.end])
	rec.at += uint32(n)
	return n, nil
}

// Close implements procfs.System.
func (d *Dump) Close(int) {}

// Owner implements procfs.System.
func (d *Dump) Owner(fd int) (uid, gid uint32, err error) {
	b := d.bytes(fd)
	if len(b) != ownerBytes {
		return 0, 0, unix.EBADF
	}
	return binary.LittleEndian.Uint32(b), binary.LittleEndian.Uint32(b[4:]), nil
}

// Readlink implements procfs.System.
func (d *Dump) Readlink(path string) (string, error) {
	fd, err := d.Openat(unix.AT_FDCWD, path, 0)
	if err != nil {
		return "", err
	}
	return string(d.bytes(fd)), nil
}

func (d *Dump) bytes(fd int) []byte { return d.text[d.records[fd].start:d.records[fd].end] }

// User is the name of a user of the host, by the file that tells of its own ones.
func (d *Dump) User(id string) (string, error) { return known(d.users(), id) }

// Group is likewise the name of a group.
func (d *Dump) Group(id string) (string, error) { return known(d.groups(), id) }

func known(names map[string]string, id string) (string, error) {
	if name, found := names[id]; found {
		return name, nil
	}
	return "", fs.ErrNotExist
}

// names are the first fields of the lines of a file, by the third: of two the first line
// counts. All are read at once, since a host may have as many users as processes.
func (d *Dump) names(file string) map[string]string {
	names := map[string]string{}
	fd, err := d.Openat(unix.AT_FDCWD, file, 0)
	if err != nil {
		return names
	}
	for line := range bytes.Lines(d.bytes(fd)) {
		fields := bytes.SplitN(line, []byte(":"), 4)
		if len(fields) < 4 || len(fields[0]) == 0 || fields[0][0] == '#' {
			continue
		}
		if id := string(fields[2]); names[id] == "" {
			names[id] = string(fields[0])
		}
	}
	return names
}
