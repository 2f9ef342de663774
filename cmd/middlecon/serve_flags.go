package main

import (
	"errors"
	"fmt"
	"slices"

	"github.com/spf13/pflag"

	"ddcos/middlecon/broker"
	"ddcos/middlecon/creds"
	"ddcos/protocol"
)

// maxDeliveries is what --deliveries and --delivery-burst may be at most.
const maxDeliveries = 1_000_000_000

// serveFlags are what 'serve' was told.
type serveFlags struct {
	options      broker.Options
	listens      []string
	tls          creds.ServerFiles
	beside       beside
	accountLog   string
	accountRooms []string
	policy       string
	tokens       string
	verbose      bool
}

func (s *serveFlags) add(f *pflag.FlagSet) {
	o := &s.options
	f.StringArrayVar(&s.listens, "listen", []string{protocol.DefaultAddress}, "`ADDRESS` to listen on: unix:///path, tls://host:port or tcp://host:port; may be repeated")
	f.StringVar(&s.tls.Cert, "tls-cert", "", "`FILE` with the broker's certificate ("+creds.BrokerCert+")")
	f.StringVar(&s.tls.Key, "tls-key", "", "`FILE` with its key, which nobody else may read ("+creds.BrokerKey+")")
	f.StringVar(&s.tls.ClientCA, "tls-client-ca", "", "`FILE` with the authorities whose certificates say who a client is ("+creds.CAFile+")")
	f.BoolVar(&o.Anonymous, "tls-anonymous", false, "let in who shows no credential by TLS, known by the address alone")
	f.BoolVar(&o.InsecurePlaintext, "insecure-plaintext", false, "allow plain TCP beyond loopback, where whoever is on the way can read, change and send; tls:// needs no such leave")
	f.StringVar(&o.Host, "host", o.Host, "`NAME` of this host in views and accounts")
	f.IntVar(&o.Sessions, "max-sessions", o.Sessions, "`N` sessions at most; never more than the file limit allows")
	f.IntVar(&o.QueueBytes, "queue-bytes", o.QueueBytes, "`BYTES` that may wait for one session")
	f.IntVar(&o.QueueBytesAll, "queue-bytes-all", o.QueueBytesAll, "`BYTES` that may wait for all sessions that read too slowly")
	f.IntVar(&o.BegunBytesAll, "begun-bytes-all", o.BegunBytesAll, "`BYTES` that all sessions may have sent of frames that are not whole")
	f.IntVar(&o.Limits.HeldBytes, "reply-bytes-all", o.Limits.HeldBytes, "`BYTES` of replies of all calls in flight, and as many of accounts that are not read")
	f.IntVar(&o.Limits.SessionCalls, "session-calls", o.Limits.SessionCalls, "`N` calls of one session that may be in flight or not read")
	f.IntVar(&o.Limits.Deliveries, "deliveries", o.Limits.Deliveries, "`N` deliveries a second that one user of this host, or one other host, may cause; 0: any number")
	f.IntVar(&o.Limits.DeliveryBurst, "delivery-burst", o.Limits.DeliveryBurst, "`N` deliveries that it may cause at once beside those")
	f.DurationVar(&o.PingEvery, "ping-every", o.PingEvery, "`DURATION` of silence after which a TCP session is pinged, and after twice which it is ended; 0: never")
	f.DurationVar(&o.ResumeWindow, "resume-window", o.ResumeWindow, "`DURATION` for which a session that asks for it outlives its connection, and may be resumed; 0: none does")
	f.DurationVar(&o.Grace, "grace", o.Grace, "`DURATION` that calls and offers may go on when the broker is told to end")
	f.StringVar(&s.beside.metrics, "metrics", "", "`ADDRESS` to serve /metrics on by HTTP, for Prometheus: tcp://host:port or unix:///path")
	f.StringVar((*string)(&s.beside.config), "web.config.file", "", "`FILE` with the TLS and the users of /metrics, as every exporter of Prometheus has it")
	f.StringVar(&s.beside.profiles, "profiles", "", "`PATH` of a Unix socket to serve /debug/pprof on, which shows what is in memory; off without it")
	f.StringVar(&s.accountLog, "account-log", "", "`PATH` of a file to append a line of JSON to for every call, send and offer that is over, without payloads; SIGHUP opens it anew")
	f.StringArrayVar(&s.accountRooms, "account-log-room", nil, "`PATTERN` of rooms that --account-log is about, such as 'prod-*'; may be repeated; all rooms without it")
	f.StringVar(&s.tokens, "tokens", "", "`FILE` of tokens by which sessions over TLS are known, hashed, as 'middlecon token' keeps it")
	f.StringVar(&s.policy, "policy", "", "`FILE` of who may do what: see 'middlecon policy'; SIGHUP reads it anew")
	f.BoolVarP(&s.verbose, "verbose", "v", false, "log more")
}

// check completes the options, or says which flag is wrong.
func (s *serveFlags) check() error {
	o := &s.options
	switch {
	case o.Sessions < 1:
		return misuse{fmt.Errorf("--max-sessions %d: want 1 or more", o.Sessions)}
	case o.QueueBytes < protocol.MaxFrame:
		return misuse{fmt.Errorf("--queue-bytes %d: want %d or more, which one frame may take", o.QueueBytes, protocol.MaxFrame)}
	case o.QueueBytesAll < o.QueueBytes:
		return misuse{fmt.Errorf("--queue-bytes-all %d: want %d or more, which one session may have", o.QueueBytesAll, o.QueueBytes)}
	case o.BegunBytesAll < protocol.MaxFrame:
		return misuse{fmt.Errorf("--begun-bytes-all %d: want %d or more, which one frame may take", o.BegunBytesAll, protocol.MaxFrame)}
	case o.Limits.HeldBytes < protocol.MaxReply:
		return misuse{fmt.Errorf("--reply-bytes-all %d: want %d or more, which one reply may take", o.Limits.HeldBytes, protocol.MaxReply)}
	case o.Limits.SessionCalls < 1:
		return misuse{fmt.Errorf("--session-calls %d: want 1 or more", o.Limits.SessionCalls)}
	case o.Limits.Deliveries < 0 || o.Limits.Deliveries > maxDeliveries:
		return misuse{fmt.Errorf("--deliveries %d: want 0 to %d", o.Limits.Deliveries, maxDeliveries)}
	case o.Limits.DeliveryBurst < 1 || o.Limits.DeliveryBurst > maxDeliveries:
		return misuse{fmt.Errorf("--delivery-burst %d: want 1 to %d", o.Limits.DeliveryBurst, maxDeliveries)}
	case o.PingEvery < 0:
		return misuse{fmt.Errorf("--ping-every %v: want 0 or more", o.PingEvery)}
	case o.ResumeWindow < 0 || o.ResumeWindow > protocol.MaxDeadline:
		return misuse{fmt.Errorf("--resume-window %v: want 0 to %v", o.ResumeWindow, protocol.MaxDeadline)}
	case o.Grace < 0 || o.Grace > protocol.MaxDeadline:
		return misuse{fmt.Errorf("--grace %v: want 0 to %v, after which no call runs", o.Grace, protocol.MaxDeadline)}
	}
	if s.accountLog == "" && len(s.accountRooms) > 0 {
		return misuse{errors.New("--account-log-room: there is no --account-log")}
	}
	if err := checked("--host", o.Host); err != nil {
		return err
	}
	o.Listen = nil
	for _, l := range s.listens {
		a, err := protocol.ParseAddress(l)
		if err != nil {
			return misuse{err}
		}
		o.Listen = append(o.Listen, a)
	}
	if err := s.secure(); err != nil {
		return err
	}
	if s.beside.metrics != "" {
		if _, err := protocol.ParseAddress(s.beside.metrics); err != nil {
			return misuse{fmt.Errorf("--metrics: %w", err)}
		}
	}
	return nil
}

// secure reads the files of TLS, if it is spoken at any address.
func (s *serveFlags) secure() error {
	spoken := slices.ContainsFunc(s.options.Listen, func(a protocol.Address) bool { return a.Network == "tls" })
	if !spoken {
		if s.tls != (creds.ServerFiles{}) || s.options.Anonymous {
			return misuse{errors.New("--tls-cert, --tls-key, --tls-client-ca and --tls-anonymous are for TLS: --listen tls://host:port")}
		}
		return nil
	}
	if (s.tls.Cert == "") != (s.tls.Key == "") {
		return misuse{errors.New("--tls-cert and --tls-key belong together: give both, or none")}
	}
	files, err := creds.NewServer(s.tls.OrHost())
	if err != nil {
		return fmt.Errorf("cannot serve: TLS: %w", err)
	}
	s.options.TLS = files
	return nil
}
