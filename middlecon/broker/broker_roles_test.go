package broker

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"runtime/debug"

	"golang.org/x/sys/unix"

	"ddcos/middlecon/creds"
	"ddcos/protocol"
)

// This test binary plays the broker under attack and the attacker as well, in
// processes of their own: the role and its options come by the environment.
const (
	roleVariable    = "MIDDLECON_TEST_ROLE"
	optionsVariable = "MIDDLECON_TEST_OPTIONS"
	roleBesieged    = "besieged"
	roleAttacker    = "attacker"
	roleWatch       = "watch"
)

// playRole does not come back where there is a role to play.
func playRole() {
	var err error
	switch role := os.Getenv(roleVariable); role {
	case "":
		return
	case roleBesieged:
		err = serveBesieged()
	case roleAttacker:
		err = attack()
	case roleWatch:
		err = watch()
	default:
		err = fmt.Errorf("no role %q", role)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(0)
}

// besiegedOptions are what a test may change of a broker.
type besiegedOptions struct {
	Dir        string
	Files      uint64 // the process's limit of open files; 0: as it is
	TLS        creds.ServerFiles
	TLSWhere   string // "": no TLS
	Deliveries int    // of one principal, a second and at once; 0: the default
	Waits      bool   // the loop's are measured
}

type besiegedReady struct{ Unix, TCP, TLS string }

// untilInputEnds is how a role knows that its test is over.
func untilInputEnds() context.Context {
	ctx, cancel := context.WithCancel(context.Background())
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin)
		cancel()
	}()
	return ctx
}

// serveBesieged is a broker with its metrics on another socket.
func serveBesieged() error {
	var o besiegedOptions
	if err := json.Unmarshal([]byte(os.Getenv(optionsVariable)), &o); err != nil {
		return err
	}
	if o.Files > 0 {
		if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &unix.Rlimit{Cur: o.Files, Max: o.Files}); err != nil {
			return err
		}
	}
	options := DefaultOptions()
	options.Listen = []protocol.Address{
		{Network: "unix", Where: filepath.Join(o.Dir, "m.sock")},
		{Network: "tcp", Where: "127.0.0.1:0"},
	}
	if o.Deliveries > 0 {
		options.Limits.Deliveries, options.Limits.DeliveryBurst = o.Deliveries, o.Deliveries
	}
	if o.TLSWhere != "" {
		files, err := creds.NewServer(o.TLS)
		if err != nil {
			return err
		}
		options.Listen, options.TLS = append(options.Listen, protocol.Address{Network: "tls", Where: o.TLSWhere}), files
	}
	b, err := New(options)
	if err != nil {
		return err
	}
	l, err := net.Listen("unix", filepath.Join(o.Dir, "metrics.sock"))
	if err != nil {
		return err
	}
	serve := http.NewServeMux()
	serve.Handle("/metrics", b.Metrics())
	serve.HandleFunc("/settle", func(http.ResponseWriter, *http.Request) { debug.FreeOSMemory() })
	ends := untilInputEnds()
	if o.Waits {
		loop := &waits{}
		serve.Handle("/waits", loop)
		go loop.measure(ends, b)
	}
	go func() { _ = http.Serve(l, serve) }()
	ready := besiegedReady{Unix: b.Addresses()[0].Where, TCP: b.Addresses()[1].Where}
	if o.TLSWhere != "" {
		ready.TLS = b.Addresses()[2].Where
	}
	if err := json.NewEncoder(os.Stdout).Encode(ready); err != nil {
		return err
	}
	return b.Serve(ends)
}
