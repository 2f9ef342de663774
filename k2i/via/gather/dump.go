package gather

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"ddcos/k2i/procfs"
)

// Limits of a dump, every byte of which may be an attacker's.
const (
	MaxBytes     = 64 << 20 // a process has some 2 KB, with all of its files
	MaxProcesses = 1 << 16  // of a sample
)

// ErrTooLarge is a dump beyond its limits.
var ErrTooLarge = errors.New("too much was gathered")

// Numbers of records that are of no word of the plan.
const (
	isSample  = -1
	isProcess = -2
	isList    = -3
	isEnd     = -4
)

// Sizes of what the program writes.
const (
	headerBytes = 16
	recordBytes = 64 // what a record counts beside its text: what it takes in memory, at most
	sampleBytes = 414
	ownerBytes  = 8
	nameBytes   = 65 // of each name in struct utsname
)

// record is one thing that was gathered, or why not. Who reads it has it alone.
type record struct {
	word, pid  int32
	err        uint32 // the kernel's number; 0 for none
	start, end uint32 // of its bytes in the dump's text
	at         uint32 // how far it was read
}

// sample is what was gathered at once.
type sample struct {
	self      procfs.Self
	wall      time.Time
	sinceBoot time.Duration
	err       unix.Errno    // of the list of processes
	host      map[int32]int // records of the host, by word
	processes map[int32]int // where a process's records begin, by pid
}

// Dump is what a host has gathered. It is a procfs.System: of its first sample, and
// after a Pause of its second.
type Dump struct {
	plan    Plan
	text    []byte
	records []record
	samples []sample
	now     int // the sample that is read

	users, groups func() map[string]string // names by id
}

// Read reads what the program has written by this plan. It takes memory for what
// comes, not for what is claimed, and no more than MaxBytes.
func (p Plan) Read(r io.Reader) (*Dump, error) {
	d := &Dump{plan: p}
	d.users = sync.OnceValue(func() map[string]string { return d.names(userFile) })
	d.groups = sync.OnceValue(func() map[string]string { return d.names(groupFile) })
	var text bytes.Buffer
	for {
		var b [headerBytes]byte
		if _, err := io.ReadFull(r, b[:]); err != nil {
			return nil, cut(err)
		}
		rec := record{
			word: int32(binary.LittleEndian.Uint32(b[0:])), pid: int32(binary.LittleEndian.Uint32(b[4:])),
			err: binary.LittleEndian.Uint32(b[8:]), start: uint32(text.Len()),
		}
		length := int64(binary.LittleEndian.Uint32(b[12:]))
		limit, err := d.limit(rec.word)
		switch {
		case err != nil:
			return nil, err
		case length > int64(limit):
			return nil, fmt.Errorf("%d bytes of word %d, %d were asked for", length, rec.word, limit)
		case text.Len()+(len(d.records)+1)*recordBytes+int(length) > MaxBytes:
			return nil, fmt.Errorf("%w: more than %d bytes; ask for fewer fields", ErrTooLarge, MaxBytes)
		}
		if _, err := io.CopyN(&text, r, length); err != nil {
			return nil, cut(err)
		}
		rec.end = uint32(text.Len())
		d.records = append(d.records, rec)
		if rec.word == isEnd {
			break
		}
		if err := d.add(text.Bytes()[rec.start:]); err != nil {
			return nil, err
		}
	}
	d.text = text.Bytes()
	if len(d.samples) != p.samples {
		return nil, fmt.Errorf("%d samples, %d were asked for", len(d.samples), p.samples)
	}
	return d, nil
}

// cut is the error of a dump that ends early.
func cut(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return fmt.Errorf("what was gathered ended early: %w", io.ErrUnexpectedEOF)
	}
	return err
}

// limit is how many bytes a record may have.
func (d *Dump) limit(word int32) (int, error) {
	switch {
	case word == isSample:
		return sampleBytes, nil
	case word == isProcess:
		return ownerBytes, nil
	case word == isList || word == isEnd:
		return 0, nil
	case word >= 0 && int(word) < len(d.plan.words):
		return d.plan.words[word].limit, nil
	}
	return 0, fmt.Errorf("word %d, which was not asked for", word)
}

// add finds the last record its place; b are its bytes.
func (d *Dump) add(b []byte) error {
	at := len(d.records) - 1
	rec := d.records[at]
	if rec.word == isSample {
		return d.begin(rec, b)
	}
	if len(d.samples) == 0 {
		return fmt.Errorf("word %d before any sample", rec.word)
	}
	s := &d.samples[len(d.samples)-1]
	switch {
	case rec.word == isList:
		s.err = unix.Errno(rec.err)
	case rec.word == isProcess:
		if rec.pid <= 0 || rec.err == 0 && len(b) != ownerBytes {
			return fmt.Errorf("process %d with %d bytes", rec.pid, len(b))
		}
		if len(s.processes) == MaxProcesses {
			return fmt.Errorf("%w: more than %d processes", ErrTooLarge, MaxProcesses)
		}
		s.processes[rec.pid] = at
	case d.plan.words[rec.word].kind != 'p':
		s.host[rec.word] = at
	case d.records[at-1].pid != rec.pid:
		return fmt.Errorf("a file of process %d without the process", rec.pid)
	}
	return nil
}

// begin begins a sample.
func (d *Dump) begin(rec record, b []byte) error {
	if rec.err != 0 {
		return fmt.Errorf("uname: %w", unix.Errno(rec.err))
	}
	if len(b) != sampleBytes || len(d.samples) == d.plan.samples {
		return fmt.Errorf("sample %d with %d bytes", len(d.samples)+1, len(b))
	}
	s := sample{
		sinceBoot: time.Duration(binary.LittleEndian.Uint64(b)),
		wall:      time.Unix(0, int64(binary.LittleEndian.Uint64(b[8:]))),
		self:      procfs.Self{EUID: binary.LittleEndian.Uint32(b[16:]), PageBytes: int64(binary.LittleEndian.Uint32(b[20:]))},
		host:      map[int32]int{}, processes: map[int32]int{},
	}
	names := b[24:]
	s.self.Host, s.self.Release = unix.ByteSliceToString(names[nameBytes:2*nameBytes]), unix.ByteSliceToString(names[2*nameBytes:3*nameBytes])
	if s.sinceBoot < 0 || s.self.PageBytes <= 0 || s.self.PageBytes > 1<<20 {
		return fmt.Errorf("a host that is up for %s and has pages of %d bytes", s.sinceBoot, s.self.PageBytes)
	}
	d.samples = append(d.samples, s)
	return nil
}
