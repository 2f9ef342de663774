package procfs

import (
	"bytes"
	"errors"
	"math"
	"slices"
	"strconv"

	"ddcos/k2i"
)

// Status is what is used of /proc/PID/status: what stat does not have.
type Status struct {
	UID [4]uint32 // real, effective, saved, for file access
	GID [4]uint32

	RSSAnon, RSSFile, RSSShmem, Swap k2i.Count // bytes; Unread of what has no memory of its own
	NoNewPrivs, Seccomp              k2i.Count
	Voluntary, Involuntary           k2i.Count // context switches of the first thread

	Masks     [maskCount]k2i.Bits // in the order of maskNames
	HaveMasks bool                // all of them

	PIDs   [maxLevels]int32 // in each PID namespace, from the reader's on
	Levels int              // so many of them
}

// maxLevels is how deep PID namespaces may be, the first one included.
const maxLevels = 33

// The masks of status, in the order of the fields of a Process.
const maskCount = 10

var maskNames = [maskCount]string{"SigPnd", "ShdPnd", "SigBlk", "SigIgn", "SigCgt", "CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"}

// maxStatus is enough for all lines of a process in some thousand groups, which
// stand in the middle; of one in more the lines behind them are not known.
const maxStatus = MaxFile

var errStatus = errors.New("status: no Uid or Gid")

// statusReader reads one line after another.
type statusReader struct {
	Status
	uids, gids bool
	masks      int // that were read
}

// ParseStatus reads the text of /proc/PID/status. The kernel escapes newlines in
// the process's name there, so that lines can be trusted. What has no line is
// Unread; of two lines of ids the first one counts.
func ParseStatus(b []byte) (Status, error) {
	s := statusReader{Status: Status{
		RSSAnon: k2i.Unread, RSSFile: k2i.Unread, RSSShmem: k2i.Unread, Swap: k2i.Unread,
		NoNewPrivs: k2i.Unread, Seccomp: k2i.Unread, Voluntary: k2i.Unread, Involuntary: k2i.Unread,
	}}
	for line := range bytes.Lines(b) {
		if name, value, found := bytes.Cut(line, []byte(":")); found {
			s.line(string(name), value)
		}
	}
	if !s.uids || !s.gids {
		return Status{}, errStatus
	}
	s.HaveMasks = s.masks == maskCount
	return s.Status, nil
}

func (s *statusReader) line(name string, value []byte) {
	switch name {
	case "Uid":
		s.uids = s.uids || fourIDs(value, &s.UID)
	case "Gid":
		s.gids = s.gids || fourIDs(value, &s.GID)
	case "NSpid":
		s.Levels = pidLevels(value, &s.PIDs)
	case "RssAnon":
		s.RSSAnon = kibibytes(value)
	case "RssFile":
		s.RSSFile = kibibytes(value)
	case "RssShmem":
		s.RSSShmem = kibibytes(value)
	case "VmSwap":
		s.Swap = kibibytes(value)
	case "NoNewPrivs":
		s.NoNewPrivs = parseCount(bytes.TrimSpace(value))
	case "Seccomp":
		s.Seccomp = parseCount(bytes.TrimSpace(value))
	case "voluntary_ctxt_switches":
		s.Voluntary = parseCount(bytes.TrimSpace(value))
	case "nonvoluntary_ctxt_switches":
		s.Involuntary = parseCount(bytes.TrimSpace(value))
	default:
		s.mask(name, value)
	}
}

// mask reads the next one: they stand in one order on every kernel.
func (s *statusReader) mask(name string, value []byte) {
	if s.masks == maskCount || maskNames[s.masks] != name {
		return
	}
	n, err := strconv.ParseUint(string(bytes.TrimSpace(value)), 16, 64)
	if err != nil {
		return
	}
	s.Masks[s.masks] = k2i.Bits(n)
	s.masks++
}

// kibibytes reads a number of KiB, "112 kB", as bytes.
func kibibytes(value []byte) k2i.Count {
	number, found := bytes.CutSuffix(bytes.TrimSpace(value), []byte(" kB"))
	n := parseCount(number)
	if !found || n < 0 || n > math.MaxInt64/1024 {
		return k2i.Unread
	}
	return n * 1024
}

// pidLevels reads process ids, and how many; 0 where one is none.
func pidLevels(value []byte, pids *[maxLevels]int32) int {
	i := 0
	for word := range bytes.FieldsSeq(value) {
		n, err := strconv.ParseInt(string(word), 10, 32)
		if err != nil || n < 0 || i == len(pids) {
			return 0
		}
		pids[i] = int32(n)
		i++
	}
	return i
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
	p.RSSAnonBytes, p.RSSFileBytes, p.RSSShmemBytes, p.SwapBytes = s.RSSAnon, s.RSSFile, s.RSSShmem, s.Swap
	p.NoNewPrivs, p.Seccomp = s.NoNewPrivs, s.Seccomp
	if p.Threads == 1 {
		p.VoluntarySwitches, p.InvoluntarySwitches = s.Voluntary, s.Involuntary
	}
	if s.Levels > 1 {
		p.InnerPIDs = slices.Clone(s.PIDs[1:s.Levels])
	}
	if s.HaveMasks {
		m := r.shared(s.Masks)
		p.SigPending, p.SigSharedPending, p.SigBlocked, p.SigIgnored, p.SigCaught = &m[0], &m[1], &m[2], &m[3], &m[4]
		p.CapInheritable, p.CapPermitted, p.CapEffective, p.CapBounding, p.CapAmbient = &m[5], &m[6], &m[7], &m[8], &m[9]
	}
	return nil
}

// shared keeps equal masks once: most processes have the same as many others.
func (r *reader) shared(masks [maskCount]k2i.Bits) *[maskCount]k2i.Bits {
	if r.masks == nil {
		r.masks = map[[maskCount]k2i.Bits]*[maskCount]k2i.Bits{}
	}
	m := r.masks[masks]
	if m == nil {
		m = &masks
		r.masks[masks] = m
	}
	return m
}
