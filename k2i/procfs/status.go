package procfs

import (
	"bytes"
	"errors"
	"strconv"

	"ddcos/k2i"
)

// Status is what is used of /proc/PID/status: the ids that stat does not have.
type Status struct {
	UID [4]uint32 // real, effective, saved, for file access
	GID [4]uint32
}

// maxStatus is enough for the lines before Groups, which may be very long.
const maxStatus = 4 << 10

var errStatus = errors.New("status: no Uid or Gid")

// ParseStatus reads the beginning of /proc/PID/status. The kernel escapes
// newlines in the process's name there, so that lines can be trusted.
func ParseStatus(b []byte) (Status, error) {
	var s Status
	var uids, gids bool
	for line := range bytes.Lines(b) {
		if ids, found := bytes.CutPrefix(line, []byte("Uid:")); found && !uids {
			uids = fourIDs(ids, &s.UID)
		} else if ids, found := bytes.CutPrefix(line, []byte("Gid:")); found && !gids {
			gids = fourIDs(ids, &s.GID)
		}
		if uids && gids {
			return s, nil
		}
	}
	return Status{}, errStatus
}

// fourIDs reads exactly four ids.
func fourIDs(line []byte, ids *[4]uint32) bool {
	i := 0
	for word := range bytes.FieldsSeq(line) {
		n, err := strconv.ParseUint(string(word), 10, 32)
		if err != nil || i == len(ids) {
			return false
		}
		ids[i] = uint32(n)
		i++
	}
	return i == len(ids)
}

// status fills in what /proc/PID/status knows.
func (r *reader) status(p *k2i.Process) error {
	b, err := r.file("status", maxStatus)
	if err != nil {
		return err
	}
	s, err := ParseStatus(b)
	if err != nil {
		return err
	}
	p.RUID, p.EUID, p.SUID, p.FSUID = s.UID[0], s.UID[1], s.UID[2], s.UID[3]
	p.RGID, p.EGID, p.SGID, p.FSGID = s.GID[0], s.GID[1], s.GID[2], s.GID[3]
	return nil
}
