// Package sshd makes hosts that are reached by ssh on one machine: each is a server of ssh with a
// process table and a name of its own, and as many other processes as are wanted.
//
// They end with Close, and with the process that made them, however that ends: the kernel kills
// the first process of each, and with it all of its PID namespace.
package sshd

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"time"
)

const (
	startWithin = time.Minute      // all servers listen
	restWithin  = 10 * time.Second // all whom they served have ended
	farewell    = 2 * time.Second  // the same, when they are about to be ended
	lookEvery   = time.Millisecond
)

// loopback is the address of the servers: no connection to another begins at a port of this one,
// so that a port that is free stays so.
const loopback = "127.0.0.2"

// Hosts are servers of ssh that listen.
type Hosts struct {
	Names  []string // host1 and so on, as ssh knows them
	Config string   // the file for ssh's -F; at every other name nobody answers

	dir     string // of that file and the keys
	servers []*server
}

// Start makes so many hosts, each with so many processes that sleep, and returns when all listen.
// The error of a machine that lacks what it takes is an [ErrMissing].
func Start(ctx context.Context, hosts, processes int) (*Hosts, error) {
	if err := Missing(); err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "sshd-")
	if err != nil {
		return nil, err
	}
	h := &Hosts{Config: filepath.Join(dir, "ssh_config"), dir: dir}
	if err := h.start(ctx, hosts, processes); err != nil {
		return nil, errors.Join(err, h.Close())
	}
	return h, nil
}

func (h *Hosts) start(ctx context.Context, hosts, processes int) error {
	ctx, cancel := context.WithTimeout(ctx, startWithin)
	defer cancel()
	if err := h.keys(ctx); err != nil {
		return err
	}
	ports, err := freePorts(hosts)
	if err != nil {
		return err
	}
	asking := fmt.Sprintf("Host *\n  HostName %s\n  Port 1\n  User root\n  IdentityFile %s/user\n  StrictHostKeyChecking no\n  UserKnownHostsFile /dev/null\n  LogLevel ERROR\n  BatchMode yes\n", loopback, h.dir)
	for i, port := range ports {
		name := fmt.Sprintf("host%d", i+1)
		asking = fmt.Sprintf("Host %s\n  Port %s\n", name, port) + asking // ssh takes what comes first
		s, err := serve(h.dir, name, port, processes)
		if err != nil {
			return err
		}
		h.Names, h.servers = append(h.Names, name), append(h.servers, s)
	}
	if err := os.WriteFile(h.Config, []byte(asking), 0o600); err != nil {
		return err
	}
	for _, s := range h.servers {
		if err := s.listens(ctx); err != nil {
			return err
		}
	}
	return nil
}

// keys makes those of all servers and of who asks them, and the servers' configuration.
func (h *Hosts) keys(ctx context.Context) error {
	for _, key := range []string{"host", "user"} {
		cmd := exec.CommandContext(ctx, "ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", filepath.Join(h.dir, key))
		if out, err := cmd.CombinedOutput(); err != nil {
			return fmt.Errorf("ssh-keygen: %w: %s", err, out)
		}
	}
	serving := fmt.Sprintf("HostKey %[1]s/host\nAuthorizedKeysFile %[1]s/user.pub\nStrictModes no\nPermitRootLogin yes\nUsePAM no\nPidFile none\nMaxStartups 100\n", h.dir)
	return os.WriteFile(filepath.Join(h.dir, serverConfig), []byte(serving), 0o600)
}

// freePorts are as many different ones.
func freePorts(n int) (ports []string, err error) {
	for range n {
		l, err := net.Listen("tcp", loopback+":0")
		if err != nil {
			return nil, err
		}
		defer func() { _ = l.Close() }() // not before all are found: it would be found again
		_, port, err := net.SplitHostPort(l.Addr().String())
		if err != nil {
			return nil, err
		}
		ports = append(ports, port)
	}
	return ports, nil
}

// Used is the CPU time of the servers and of all that they have waited for: after [Hosts.Rest],
// of all that they have ever started and that has ended.
func (h *Hosts) Used() (sum time.Duration, err error) {
	for _, s := range h.servers {
		used, err := s.used()
		if err != nil {
			return 0, fmt.Errorf("%s: %w", s.name, err)
		}
		sum += used
	}
	return sum, nil
}

// Rest waits until the servers serve nobody and have waited for all that they started meanwhile.
func (h *Hosts) Rest(ctx context.Context) error {
	ctx, cancel := context.WithTimeoutCause(ctx, restWithin, fmt.Errorf("it still serves somebody after %v", restWithin))
	defer cancel()
	for _, s := range h.servers {
		if err := s.rests(ctx); err != nil {
			return fmt.Errorf("%s: %w", s.name, err)
		}
	}
	return nil
}

// Close lets those end who are being served, because they may have files to remove, and ends all.
func (h *Hosts) Close() error {
	ctx, cancel := context.WithTimeout(context.Background(), farewell)
	defer cancel()
	_ = h.Rest(ctx) // who does not end by now is ended
	for _, s := range h.servers {
		s.stop()
	}
	h.servers = nil
	return os.RemoveAll(h.dir)
}
