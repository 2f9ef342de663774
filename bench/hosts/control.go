package hosts

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"syscall"
	"time"
)

// maxMessage limits one line between us and a first process, in bytes.
const maxMessage = 64 << 10

// errMessageSize: a request or report is longer than maxMessage.
var errMessageSize = errors.New("control message too long")

// A first process reads requests as JSON lines from its standard input and answers each with one
// report on descriptor 3; the end of its input is the end of the host.
type request struct {
	ID     int      `json:"id"`
	Setup  *setup   `json:"setup,omitempty"`
	Start  *Command `json:"start,omitempty"`
	Signal *kill    `json:"signal,omitempty"`
}

// setup is the first request: what the host shall be.
type setup struct {
	Hostname string `json:"hostname,omitempty"`
	Bin      string `json:"bin,omitempty"`   // as the machine sees it
	Plain    bool   `json:"plain,omitempty"` // no namespaces
}

type kill struct {
	PID    int            `json:"pid"`
	Signal syscall.Signal `json:"signal"`
}

// report answers the request of the same id; one without an id tells of a command that ended.
type report struct {
	ID       int                `json:"id,omitempty"`
	Error    string             `json:"error,omitempty"`
	PID      int                `json:"pid,omitempty"`
	Status   syscall.WaitStatus `json:"status,omitempty"`
	Hostname string             `json:"hostname,omitempty"`
	Dir      string             `json:"dir,omitempty"`
	Bin      string             `json:"bin,omitempty"`
}

// pending is a request that waits for its report.
type pending struct {
	answer  chan report
	process *Process // for a start: running as soon as the report is read
}

// do sends a request and waits for its report.
func (h *Host) do(ctx context.Context, r request, process *Process) (report, error) {
	p := &pending{answer: make(chan report, 1), process: process}
	h.mu.Lock()
	h.lastID++
	r.ID = h.lastID
	h.waiting[r.ID] = p
	err := writeLine(h.control, r)
	h.mu.Unlock()
	defer func() {
		h.mu.Lock()
		delete(h.waiting, r.ID)
		h.mu.Unlock()
	}()
	switch {
	case errors.Is(err, syscall.EPIPE), errors.Is(err, os.ErrClosed):
		return report{}, ErrGone
	case err != nil:
		return report{}, err
	}
	select {
	case answer := <-p.answer:
		if answer.Error != "" {
			return report{}, errors.New(answer.Error)
		}
		return answer, nil
	case <-h.gone:
		if h.exit == nil {
			return report{}, ErrGone
		}
		return report{}, fmt.Errorf("%w: %w", ErrGone, h.exit)
	case <-ctx.Done():
		return report{}, ctx.Err()
	}
}

// readReports runs until the first process ends; then every running command has ended too.
func (h *Host) readReports(from *os.File) {
	defer func() { _ = from.Close() }()
	lines := bufio.NewScanner(from)
	lines.Buffer(nil, maxMessage)
	for lines.Scan() {
		var r report
		if json.Unmarshal(lines.Bytes(), &r) == nil {
			h.settle(r)
		}
	}
	<-h.gone
	h.mu.Lock()
	defer h.mu.Unlock()
	for pid, p := range h.running {
		delete(h.running, pid)
		p.end(syscall.WaitStatus(syscall.SIGKILL)) // the kernel ends what outlives its first process so
	}
}

func (h *Host) settle(r report) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if r.ID == 0 {
		if p, ok := h.running[r.PID]; ok {
			delete(h.running, r.PID)
			p.end(r.Status)
		}
		return
	}
	p, ok := h.waiting[r.ID]
	if !ok {
		return
	}
	if p.process != nil && r.Error == "" {
		p.process.PID = r.PID
		h.running[r.PID] = p.process
	}
	p.answer <- r
}

func writeLine(to io.Writer, message any) error {
	line, err := json.Marshal(message)
	if err != nil {
		return err
	}
	if len(line) >= maxMessage {
		return fmt.Errorf("%w: %d bytes, the limit is %d", errMessageSize, len(line), maxMessage)
	}
	if f, ok := to.(*os.File); ok {
		_ = f.SetWriteDeadline(time.Now().Add(endTime)) // a stopped first process must not hold us
	}
	_, err = to.Write(append(line, '\n'))
	return err
}
