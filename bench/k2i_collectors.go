package bench

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"time"
)

// collector is a peer of the agent: a program that reads all processes.
type collector struct {
	name    string
	program string
	args    []string
	debian  string // the package that has it; else make peers builds it
	note    string

	listen func(address, dir string) ([]string, error) // arguments of one that serves /metrics; nil: it makes a pass for each line that it reads
	plain  bool                                        // a command that ends: a pass is a run of it
}

// psFields are ps's names of what k2i tells.
const psFields = "pid,ppid,pgid,sid,tpgid,tty,ruid,euid,suid,fsuid,rgid,egid,sgid,fsgid,stat,f,cputimes,nlwp,min_flt,maj_flt,vsz,rss,ni,pri,rtprio,policy,psr,lstart,comm,cgroup,args"

func collectors() []collector {
	return []collector{
		{name: "procfs", program: "bench-collect", args: []string{"--by", "procfs"}, note: "procfs: prometheus/procfs, the files stat, status, io, cmdline, cgroup and exe of each process"},
		{name: "gopsutil", program: "bench-collect", args: []string{"--by", "gopsutil"}, note: "gopsutil: its getters that come closest to the same fields"},
		{name: "ps", program: "ps", debian: "procps", plain: true, args: []string{"-ewwo", psFields}, note: "ps: the command, started for each look, with the same fields but I/O"},
		{
			name: "process-exporter", program: "prometheus-process-exporter", debian: "prometheus-process-exporter", listen: listenProcessExporter,
			note: "process-exporter: all processes grouped by their names; it reads them when it is scraped",
		},
		{
			name: "node-exporter", program: "prometheus-node-exporter", debian: "prometheus-node-exporter", listen: listenNodeExporter,
			note: "node-exporter: its collector of processes alone, which counts them and tells nothing of any",
		},
	}
}

// CollectorNames are the peers that [K2iOptions] may name.
func CollectorNames() []string {
	var names []string
	for _, c := range collectors() {
		names = append(names, c.name)
	}
	return names
}

func listenProcessExporter(address, dir string) ([]string, error) {
	file := filepath.Join(dir, "process-exporter.yml")
	return []string{"-web.listen-address", address, "-config.path", file},
		os.WriteFile(file, []byte("process_names:\n  - name: '{{.Comm}}'\n    cmdline: ['.+']\n"), 0o644)
}

func listenNodeExporter(address, _ string) ([]string, error) {
	return []string{"--web.listen-address", address, "--collector.disable-defaults", "--collector.processes"}, nil
}

// find is the path of its program.
func (c collector) find(bin string) (string, error) {
	path := filepath.Join(bin, c.program)
	if c.debian == "" {
		if _, err := os.Stat(path); err != nil {
			return "", fmt.Errorf("%s: %w: run 'make peers'", path, os.ErrNotExist)
		}
		return path, nil
	}
	path, err := exec.LookPath(c.program)
	if err != nil {
		return "", fmt.Errorf("%s: %w: Debian's package %s has it", c.program, os.ErrNotExist, c.debian)
	}
	return path, nil
}

// collectors are the peers that were asked for, that are there and that wanted takes.
func (o K2iOptions) collectors(wanted func(collector) bool) []collector {
	var all []collector
	for _, c := range collectors() {
		if !slices.Contains(o.Peers, c.name) || !wanted(c) {
			continue
		}
		if _, err := c.find(o.Bin); err != nil {
			o.progress("the peer %s is left out: %v", c.name, err)
			continue
		}
		all = append(all, c)
	}
	return all
}

// looker is a program that looks at all processes whenever it is told to.
type looker struct {
	collector
	path    string
	program *program // nil for a plain command
	tell    io.WriteCloser
	lines   *bufio.Scanner
}

// look is what one pass said.
type look struct {
	processes   int
	took        time.Duration
	allocations uint64
}

// openLooker starts it.
func (o K2iOptions) openLooker(c collector) (*looker, error) {
	path, err := c.find(o.Bin)
	if err != nil || c.plain {
		return &looker{collector: c, path: path}, err
	}
	return launchLooker(c, path)
}

func launchLooker(c collector, path string) (*looker, error) {
	asked, tell, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	defer func() { _ = asked.Close() }() // the program has its own
	said, say, err := os.Pipe()
	if err != nil {
		_ = tell.Close()
		return nil, err
	}
	defer func() { _ = say.Close() }()
	p, err := launchWith(asked, say, nil, path, c.args...)
	if err != nil {
		return nil, errors.Join(err, tell.Close(), said.Close())
	}
	return &looker{collector: c, path: path, program: p, tell: tell, lines: bufio.NewScanner(said)}, nil
}

// look makes one pass.
func (l *looker) look(ctx context.Context) (look, error) {
	if l.plain {
		began := time.Now()
		cmd := exec.CommandContext(ctx, l.path, l.args...) // what it prints goes to /dev/null
		err := cmd.Run()
		return look{took: time.Since(began)}, err
	}
	if _, err := fmt.Fprintln(l.tell, "pass"); err != nil {
		return look{}, errors.Join(err, l.program.ended())
	}
	if !l.lines.Scan() {
		return look{}, errors.Join(fmt.Errorf("%s says no more", l.name), l.lines.Err(), l.program.ended())
	}
	var said look
	if _, err := fmt.Sscan(l.lines.Text(), &said.processes, &said.took, &said.allocations); err != nil {
		return look{}, fmt.Errorf("%s says %q: %w", l.name, l.lines.Text(), err)
	}
	return said, ctx.Err()
}

// close ends it.
func (l *looker) close() error {
	if l.program == nil {
		return nil
	}
	_ = l.tell.Close()
	return l.program.stop()
}
