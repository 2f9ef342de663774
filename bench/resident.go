package bench

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"strconv"
	"time"
)

// resident is how much of the program is in memory, bytes: VmRSS of /proc/PID/status.
func (p *program) resident() (int64, error) {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.cmd.Process.Pid))
	if err != nil {
		return 0, fmt.Errorf("%s: %w", p.name, err)
	}
	return parseResident(status)
}

func parseResident(status []byte) (int64, error) {
	_, after, found := bytes.Cut(status, []byte("\nVmRSS:"))
	line, _, _ := bytes.Cut(after, []byte("\n"))
	kib, unit := bytes.CutSuffix(bytes.TrimSpace(line), []byte(" kB"))
	n, err := strconv.ParseInt(string(bytes.TrimSpace(kib)), 10, 53)
	if !found || !unit || err != nil {
		return 0, fmt.Errorf("no VmRSS in a process status: %.100q", line)
	}
	return n << 10, nil
}

// settled is the least that the program has been resident with, once it has not become less for
// quiet, or after most.
func (p *program) settled(ctx context.Context, quiet, most time.Duration) (least int64, err error) {
	end := time.Now().Add(most)
	var since time.Time
	for now := time.Now(); now.Before(end) && (least == 0 || now.Sub(since) < quiet); now = time.Now() {
		n, err := p.resident()
		if err != nil {
			return 0, err
		}
		if least == 0 || n < least {
			least, since = n, now
		}
		if err := pause(ctx, now.Add(quiet/10)); err != nil {
			return 0, err
		}
	}
	return least, nil
}
