package main

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"ddcos/middlecon/authority"
	"ddcos/middlecon/broker"
	"ddcos/middlecon/creds"
	"ddcos/middlecon/enrol"
	"ddcos/middlecon/tokens"
	"ddcos/protocol"
)

// upListen is where 'up' listens for other hosts when it is told nothing.
const upListen = "tls://0.0.0.0:7411"

// upFlags are what 'up' was told.
type upFlags struct {
	place
	serve     serveFlags
	advertise string
	life      time.Duration
	token     tokenWish
	noToken   bool
	json      bool
}

func upCommand() *cobra.Command {
	f := upFlags{serve: serveFlags{options: broker.DefaultOptions()}}
	cmd := &cobra.Command{
		Use:   "up",
		Short: "Make an authority and a broker's certificate where they are missing, and run a broker",
		Long: `Make a certificate authority and a certificate for this host's broker where they are
missing, run the broker, and print one line to run on each other host: k2i join
ADDRESS --token TOKEN --ca-hash HASH. What is there is used again, so that it can be
stopped and started at will. The broker listens on its Unix socket and for other hosts
by TLS, where hosts that have a token fetch their certificate, and renew it.

It writes DIR/ca/ca.key, ca.crt and names.json, DIR/tokens.json, DIR/up.json, and of the
broker broker.key, broker.crt and ca.crt in --tls-dir; keys and tokens (hashed) are for
their owner alone. All belong to the owner of their directory.`,
		Example: `  middlecon up
  middlecon up --listen tls://10.0.0.1:7411 --token-ttl 15m
  middlecon up --advertise broker.example.org --no-token
  middlecon up --json`,
		Args: exactly(0),
		RunE: func(cmd *cobra.Command, _ []string) error { return f.run(cmd) },
	}
	flags := cmd.Flags()
	f.serve.add(flags)
	listen := flags.Lookup("listen")
	listen.DefValue = "[" + protocol.DefaultAddress + "," + upListen + "]"
	listen.Usage = "`ADDRESS` to listen on for other hosts, tls://host:port; may be repeated. The Unix socket is listened on beside it, unless another is named"
	f.serve.listens = []string{protocol.DefaultAddress, upListen}
	for _, ours := range []string{"tls-cert", "tls-key", "tls-client-ca", "tls-anonymous", "tokens"} {
		_ = flags.MarkHidden(ours) // they are serve's, and refused here
	}
	f.add(flags)
	f.addTLS(flags)
	flags.StringVar(&f.advertise, "advertise", "", "`HOST[:PORT]` by which other hosts reach this one; found out without it")
	flags.DurationVar(&f.life, "cert-life", authority.DefaultLife, "`DURATION` of a certificate's life; hosts renew after two thirds of it")
	flags.DurationVar(&f.token.ttl, "token-ttl", time.Hour, "`DURATION` that the printed line is good for")
	flags.IntVar(&f.token.uses, "token-uses", 0, "`N` hosts that may join with the printed line; 0: any number")
	flags.BoolVar(&f.noToken, "no-token", false, "make no token and print no line; 'middlecon token new' does")
	flags.BoolVar(&f.json, "json", false, "print a JSON object instead of the line")
	return cmd
}

// check completes the flags, and gives the address that hosts join at.
func (f *upFlags) check() (protocol.Address, error) {
	if f.serve.tls != (creds.ServerFiles{}) || f.serve.options.Anonymous || f.serve.tokens != "" {
		return protocol.Address{}, misuse{errors.New("certificates and tokens of your own, and sessions without any, are for 'middlecon serve'")}
	}
	if f.life < authority.LeastLife || f.life > authority.MostLife {
		return protocol.Address{}, misuse{fmt.Errorf("--cert-life %v: want %v to %v", f.life, authority.LeastLife, authority.MostLife)}
	}
	f.token.role, f.token.use = protocol.RoleAgent, string(tokens.Join)
	if err := f.token.check(); err != nil {
		return protocol.Address{}, err
	}
	if !slices.ContainsFunc(f.serve.listens, func(l string) bool { return strings.HasPrefix(l, "unix://") }) {
		f.serve.listens = append([]string{protocol.DefaultAddress}, f.serve.listens...)
	}
	for _, l := range f.serve.listens {
		if a, err := protocol.ParseAddress(l); err == nil && a.Network == "tls" {
			return a, nil
		}
	}
	return protocol.Address{}, misuse{errors.New("--listen: want at least one tls://host:port, where hosts join")}
}

func (f *upFlags) run(cmd *cobra.Command) error {
	at, err := f.check()
	if err != nil {
		return err
	}
	log := f.serve.log(cmd)
	ca, made, err := authority.Ensure(f.options(f.life))
	if err != nil {
		return fmt.Errorf("the authority in %s: %w", f.dir, readable(err))
	}
	if made {
		log.Info("made a certificate authority", "dir", f.options(0).Dir)
	}
	cert := &brokerCert{place: f.place, ca: ca, name: authority.Name{Role: protocol.RoleBroker, Host: f.serve.options.Host}, find: func() (reach, error) {
		own, err := ownAddresses()
		if err != nil {
			return reach{}, err
		}
		return reachOf(at, f.advertise, f.serve.options.Host, own)
	}}
	if err := cert.ensure(log); err != nil {
		return fmt.Errorf("the broker's certificate in %s: %w", f.tls, readable(err))
	}
	f.serve.tokens = f.tokens()
	files := f.files()
	f.serve.tls = creds.ServerFiles{Cert: files.Cert, Key: files.Key, ClientCA: files.CA}
	f.serve.options.Enrol = enrol.NewHandler(enrol.Options{Authority: ca, Tokens: f.tokens(), Log: log})
	ctx, cancel := context.WithCancel(cmd.Context())
	var keeping sync.WaitGroup
	defer keeping.Wait()
	defer cancel()
	return f.serve.run(cmd, func(b *broker.Broker) error {
		keeping.Go(func() { cert.keeper(log).Run(ctx) })
		return f.tell(cmd, b, cert, ca)
	})
}

// upJSON is what up prints with --json.
type upJSON struct {
	Address string     `json:"address"`
	Hash    string     `json:"ca_hash"`
	Join    string     `json:"join,omitempty"`
	Token   string     `json:"token,omitempty"`
	Name    string     `json:"token_name,omitempty"`
	Expires *time.Time `json:"expires,omitempty"`
}

// tell says how to join, to whoever is there and to the commands beside this one.
func (f *upFlags) tell(cmd *cobra.Command, b *broker.Broker, cert *brokerCert, ca *authority.Authority) error {
	told := upJSON{Address: cert.reach.at(b)}
	if err := f.save(about{told.Address}); err != nil {
		return err
	}
	var err error
	if told.Hash, err = ca.Pin(); err != nil {
		return err
	}
	if f.noToken {
		if f.json {
			printJSON(cmd.OutOrStdout(), told)
		}
		return nil
	}
	one, secret, err := f.newToken(f.token)
	if err != nil {
		return err
	}
	told.Token, told.Name, told.Expires = secret, one.Name, &one.Expires
	told.Join = joinLine(told.Address, secret, told.Hash, one.Role)
	s := shared{json: f.json}
	s.say(cmd.OutOrStdout(), told.Join, told)
	if !f.json {
		fmt.Fprintf(cmd.ErrOrStderr(), "The line above is good until %s, on any host; 'middlecon token new' makes others.\n", one.Expires.Local().Format("15:04"))
	}
	return nil
}

// at is where hosts join: the port is the one that is listened on.
func (r *reach) at(b *broker.Broker) string {
	host, port, found := strings.Cut(r.address, ":0")
	if !found || port != "" {
		return r.address
	}
	for _, a := range b.Addresses() {
		if a.Network == "tls" {
			if at, err := netip.ParseAddrPort(a.Where); err == nil {
				return fmt.Sprintf("%s:%d", host, at.Port())
			}
		}
	}
	return r.address
}
