package faults

import (
	"bytes"
	"errors"
	"fmt"
	"hash/fnv"
	"os"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// Now is CLOCK_MONOTONIC.
func Now() time.Duration {
	var t unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &t); err != nil {
		panic("faults: no monotonic clock: " + err.Error())
	}
	return time.Duration(t.Nano())
}

// Journal is the file that the members of one process write to. A line is one
// write to a file that only grows, so that it survives a kill: it is the
// kernel's when Write returns.
type Journal struct{ file *os.File }

// OpenJournal makes the file, or goes on where it ends.
func OpenJournal(path string) (*Journal, error) {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		return nil, err
	}
	return &Journal{file: f}, nil
}

// Write adds a line.
func (j *Journal) Write(l Line) error {
	_, err := fmt.Fprintf(j.file, "%d %s %d %s %s %d %016x\n", l.At, l.Member, l.Life, l.Step, l.Key.Caller, l.Key.Number, l.Digest)
	return err
}

// Close closes the file.
func (j *Journal) Close() error { return j.file.Close() }

// ErrJournal is wrapped by the error of ParseJournal.
var ErrJournal = errors.New("not a line of a journal")

// ParseJournal reads a journal. A last line without its end was torn by a kill
// and does not count.
func ParseJournal(text []byte) ([]Line, error) {
	var lines []Line
	for {
		line, rest, whole := bytes.Cut(text, []byte("\n"))
		if !whole {
			return lines, nil
		}
		text = rest
		var l Line
		n, err := fmt.Sscanf(string(line), "%d %s %d %s %s %d %x", &l.At, &l.Member, &l.Life, &l.Step, &l.Key.Caller, &l.Key.Number, &l.Digest)
		if err != nil || n != 7 {
			return lines, fmt.Errorf("%w: %q: %w", ErrJournal, line, err)
		}
		lines = append(lines, l)
	}
}

// Digest is what is compared of a payload.
func Digest(payload []byte) uint64 {
	h := fnv.New64a()
	_, _ = h.Write(payload)
	return h.Sum64()
}

// Payload is a message: its key, what is ordered of single members (name=action,
// or *=action for everyone), and so many bytes of filling.
func Payload(key Key, orders []string, fill int) []byte {
	head := fmt.Sprintf("%s %d %s\n", key.Caller, key.Number, strings.Join(orders, " "))
	return append([]byte(head), bytes.Repeat([]byte{'.'}, fill)...)
}

// ParsePayload reads a message, with what is ordered of that member.
func ParsePayload(payload []byte, member string) (key Key, orders []string, err error) {
	head, _, ok := bytes.Cut(payload, []byte("\n"))
	words := strings.Fields(string(head))
	if !ok || len(words) < 2 {
		return Key{}, nil, fmt.Errorf("not a message of a caller: %.40q", payload)
	}
	key.Caller = words[0]
	if _, err := fmt.Sscanf(words[1], "%d", &key.Number); err != nil {
		return Key{}, nil, fmt.Errorf("the number of a message: %w", err)
	}
	for _, word := range words[2:] {
		if whom, action, _ := strings.Cut(word, "="); whom == "*" || whom == member {
			orders = append(orders, action)
		}
	}
	return key, orders, nil
}

// Reply is what a member answers: who it is, what it answers to, and filling.
func Reply(member string, key Key, digest uint64, fill int) []byte {
	head := fmt.Sprintf("%s %s %d %016x\n", member, key.Caller, key.Number, digest)
	return append([]byte(head), bytes.Repeat([]byte{'.'}, fill)...)
}
