package broker

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// Limits of the account log.
const (
	accountLogBytes  = 1 << 20     // of lines that wait to be written; what is beyond is dropped
	accountLogMode   = 0o640       // of the file, where it is made: lines name processes
	accountLogWithin = time.Second // that Close waits for what is left to be written
	accountLogRetry  = time.Second // after which a file that could not be opened is tried again
	accountLogTell   = time.Minute // within which dropped lines are told of once
	accountLogRooms  = 64          // patterns
	accountLogNames  = 16          // of members that are not ok, in one line; the others are counted
)

var errAccountLogFull = errors.New("lines come faster than they can be written")

// AccountLog is a file with a line of JSON for every call and offer of some rooms
// that is over. Whoever gives a line never waits: a goroutine writes, and what it
// cannot keep up with is dropped and counted.
type AccountLog struct {
	path  string
	rooms []string // patterns as of path.Match; none: all rooms
	log   *slog.Logger
	wake  chan struct{}
	done  chan struct{}

	mu      sync.Mutex // guards the fields below; nobody who holds it waits for a file
	pending []byte     // whole lines
	file    *os.File   // nil where it could not be opened; only the writer sets it
	reopen  bool       // the writer is to open the path anew
	ending  bool
	written uint64 // lines
	dropped uint64
	told    time.Time // when lines that are dropped were told of

	// The rest is the writer's.
	torn  bool      // the file ends within a line
	tried time.Time // when opening failed
}

// OpenAccountLog appends to the file at that path, which it makes where there is
// none (mode 0640), the accounts of rooms that fit one of the patterns of
// path.Match, of all where there are none. A FIFO may be without a reader.
func OpenAccountLog(file string, rooms []string, log *slog.Logger) (*AccountLog, error) {
	if len(rooms) > accountLogRooms {
		return nil, fmt.Errorf("%d patterns of rooms; %d are allowed", len(rooms), accountLogRooms)
	}
	for _, pattern := range rooms {
		if _, err := path.Match(pattern, ""); err != nil {
			return nil, fmt.Errorf("%q: %w", pattern, err)
		}
	}
	l := &AccountLog{path: file, rooms: rooms, log: log, wake: make(chan struct{}, 1), done: make(chan struct{})}
	f, err := openAppending(file)
	if err != nil && !errors.Is(err, unix.ENXIO) { // a FIFO that nobody reads yet
		return nil, err
	}
	l.file = f
	go l.run()
	return l, nil
}

// openAppending does not wait for a FIFO's reader.
func openAppending(file string) (*os.File, error) {
	return os.OpenFile(file, os.O_WRONLY|os.O_APPEND|os.O_CREATE|unix.O_NONBLOCK, accountLogMode)
}

// Reopen opens the path anew, where the file there was renamed; until that
// succeeds the old one is written to.
func (l *AccountLog) Reopen() {
	l.mu.Lock()
	l.reopen = true
	l.interrupt()
	l.mu.Unlock()
	l.ring()
}

// Close writes what is left, within a second, and closes the file.
func (l *AccountLog) Close() {
	l.mu.Lock()
	l.ending = true
	l.mu.Unlock()
	l.ring()
	late := time.AfterFunc(accountLogWithin, func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		l.interrupt()
	})
	defer late.Stop()
	select {
	case <-l.done:
	case <-time.After(2 * accountLogWithin): // a disk that hangs cannot be interrupted
	}
}

// interrupt ends a write that waits for a FIFO's reader.
func (l *AccountLog) interrupt() {
	if l.file != nil {
		_ = l.file.SetWriteDeadline(time.Unix(1, 0)) // an error: it is no file that one waits for
	}
}

func (l *AccountLog) ring() {
	select {
	case l.wake <- struct{}{}:
	default:
	}
}

// wants tells whether a room's accounts are to be logged.
func (l *AccountLog) wants(room string) bool {
	for _, pattern := range l.rooms {
		if fits, err := path.Match(pattern, room); err == nil && fits {
			return true
		}
	}
	return len(l.rooms) == 0
}

// add leaves a line, its end included, for the writer, or drops it.
func (l *AccountLog) add(line []byte) {
	l.mu.Lock()
	fits := len(l.pending)+len(line) <= accountLogBytes
	if fits {
		l.pending = append(l.pending, line...)
	}
	l.mu.Unlock()
	if !fits {
		l.drop(1, errAccountLogFull)
	}
	l.ring()
}

// counts tells how many lines were written, and how many were not.
func (l *AccountLog) counts() (written, dropped uint64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.written, l.dropped
}

// drop counts lines that are not written and tells of it, but not in vain again
// and again, and not on the caller's time.
func (l *AccountLog) drop(lines int, why error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.dropped += uint64(lines)
	if now := time.Now(); l.told.IsZero() || now.Sub(l.told) >= accountLogTell {
		l.told = now
		dropped := l.dropped
		go l.log.Warn("lines of the account log are dropped", "path", l.path, "error", why, "dropped", dropped)
	}
}

// run is the writer.
func (l *AccountLog) run() {
	defer close(l.done)
	var batch []byte
	for range l.wake {
		l.mu.Lock()
		batch, l.pending = l.pending, batch[:0]
		ending := l.ending
		l.mu.Unlock()
		l.write(batch)
		if ending {
			l.use(nil)
			return
		}
	}
}

// write writes lines, and drops what the file does not take.
func (l *AccountLog) write(lines []byte) {
	for {
		l.renew()
		if len(lines) == 0 {
			return
		}
		n, err := l.append(lines)
		end := bytes.LastIndexByte(lines[:n], '\n') + 1
		l.mu.Lock()
		l.written += uint64(bytes.Count(lines[:end], []byte{'\n'}))
		again := l.reopen
		l.mu.Unlock()
		if n > 0 {
			l.torn = n > end
		}
		if err == nil {
			return
		}
		lines = lines[end:]
		if errors.Is(err, os.ErrDeadlineExceeded) && again {
			if n > end { // the rest of that line would begin the next file
				lines = lines[bytes.IndexByte(lines, '\n')+1:]
				l.drop(1, err)
			}
			continue
		}
		l.drop(bytes.Count(lines, []byte{'\n'}), err)
		if errors.Is(err, unix.EPIPE) { // the next reader's is another
			l.use(nil)
		}
		return
	}
}

// append gives lines to the file, behind the end of a line.
func (l *AccountLog) append(lines []byte) (int, error) {
	if l.file == nil {
		return 0, unix.ENXIO
	}
	if l.torn {
		if _, err := l.file.Write([]byte{'\n'}); err != nil {
			return 0, err
		}
		l.torn = false
	}
	return l.file.Write(lines)
}

// renew opens the path where that was asked for, or where there is no file.
func (l *AccountLog) renew() {
	l.mu.Lock()
	asked := l.reopen
	l.reopen = false
	l.mu.Unlock()
	if !asked && (l.file != nil || time.Since(l.tried) < accountLogRetry) {
		return
	}
	f, err := openAppending(l.path)
	if err == nil {
		l.use(f)
		return
	}
	l.tried = time.Now()
	if !asked {
		return
	}
	if l.file != nil {
		_ = l.file.SetWriteDeadline(time.Time{})
	}
	l.log.Warn("the account log cannot be opened anew", "path", l.path, "error", err)
}

// use takes another file, or none.
func (l *AccountLog) use(f *os.File) {
	l.mu.Lock()
	old := l.file
	l.file = f
	l.mu.Unlock()
	l.torn = false
	if old != nil {
		_ = old.Close()
	}
}
