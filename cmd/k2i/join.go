package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"ddcos/middlecon/authority"
	"ddcos/middlecon/creds"
	"ddcos/middlecon/enrol"
	"ddcos/middlecon/files"
	"ddcos/protocol"
)

// joinPort is the broker's where the address has none.
const joinPort = "7411"

// joinFlags are what k2i join was told.
type joinFlags struct {
	serve     serveFlags
	token     string
	tokenFile string
	pin       string
	role      string
	dir       string
	enrolOnly bool
	json      bool
}

func joinCommand() *cobra.Command {
	var f joinFlags
	cmd := &cobra.Command{
		Use:   "join ADDRESS",
		Short: "Get a certificate for this host from a broker, and serve as its agent",
		Long: `Get a certificate for this host from the broker at ADDRESS, which 'middlecon up' or
'middlecon token new' printed with a token and the hash of the authority's key, and
then serve as an agent in that broker's room; --enrol-only leaves that to 'k2i serve',
which needs no flags then. The token is sent when the broker has shown that it belongs
to the authority of the hash, and not before.

It writes, and installs nothing else, into DIR (/etc/ddcos/tls): host.key, which is
made here and never leaves this host; host.crt, the certificate, which is renewed after
two thirds of its life; ca.crt, whom to trust; joined.json, the broker and this host's
name. A host.key that is there is used again. 'k2i leave' removes them.

With --role client, admin or broker it is the certificate of somebody else, which is
kept renewed where --enrol-only is not given. It has a directory of its own beside an
agent's; DDCOS_TLS_CERT and DDCOS_TLS_KEY tell dps and dtop which.`,
		Example: `  k2i join 10.0.0.1:7411 --token ddcos_... --ca-hash sha256:...
  k2i join 10.0.0.1 --token-file - --ca-hash sha256:... --enrol-only < token
  k2i join 10.0.0.1 --token-file t --ca-hash sha256:... --role client --dir ~/.ddcos`,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) != 1 {
				return misuse{fmt.Errorf("usage: %s", cmd.UseLine())}
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error { return f.run(cmd, args[0]) },
	}
	flags := cmd.Flags()
	flags.StringVar(&f.token, "token", "", "the `TOKEN`; other users of this host can see it while the command runs, unless --token-file is used")
	flags.StringVar(&f.tokenFile, "token-file", "", "`FILE` with the token; - for standard input")
	flags.StringVar(&f.pin, "ca-hash", "", "`HASH` of the authority's public key: sha256:HEX")
	flags.StringVar(&f.role, "role", protocol.RoleAgent, "`ROLE` that the token is for: agent, client, admin or broker")
	flags.StringVar(&f.dir, "dir", creds.Dir, "`DIRECTORY` to write to")
	flags.BoolVar(&f.enrolOnly, "enrol-only", false, "get the certificate, and serve nothing")
	flags.BoolVar(&f.json, "json", false, "machine-readable output")
	f.serve.add(flags)
	return cmd
}

// joinJSON is what join prints with --json.
type joinJSON struct {
	Name   string    `json:"name"`
	Broker string    `json:"broker"`
	Until  time.Time `json:"until"`
	Wrote  []string  `json:"wrote"`
	Kept   []string  `json:"kept"`
}

func (f *joinFlags) run(cmd *cobra.Command, address string) error {
	joining, err := f.check(address)
	if err != nil {
		return err
	}
	if joining.Token, err = f.secret(cmd.InOrStdin()); err != nil {
		return err
	}
	keys := filesIn(f.dir)
	key, made, err := keys.EnsureKey()
	if err != nil {
		return fmt.Errorf("this host's key: %w", err)
	}
	joining.Key = key
	answer, err := enrol.Join(cmd.Context(), joining)
	if err != nil {
		return fmt.Errorf("cannot join at %s: %w", joining.Address, err)
	}
	if err := keys.Save(answer); err != nil {
		return err
	}
	f.serve.joined = joined{Address: joining.Address, Role: f.role, Name: joining.Name.Host, dir: f.dir}
	if err := f.serve.joined.save(); err != nil {
		return err
	}
	if err := f.tell(cmd.OutOrStdout(), answer, made); err != nil || f.enrolOnly {
		return err
	}
	log := logTo(cmd.ErrOrStderr(), f.serve.verbose)
	if f.role != protocol.RoleAgent {
		f.serve.joined.keep(cmd.Context(), log)
		return nil
	}
	f.serve.broker, f.serve.creds = f.serve.joined.broker(), clientIn(f.dir)
	return serve(cmd.Context(), f.serve, log)
}

// check says what is wrong with the flags before anything is made.
func (f *joinFlags) check(address string) (j enrol.Joining, err error) {
	address = strings.TrimPrefix(address, "tls://")
	if _, _, err := net.SplitHostPort(address); err != nil {
		address = net.JoinHostPort(strings.Trim(address, "[]"), joinPort)
	}
	if _, err := protocol.ParseAddress("tls://" + address); err != nil {
		return j, misuse{err}
	}
	switch {
	case (f.token == "") == (f.tokenFile == ""):
		return j, misuse{errors.New("want either --token or --token-file: 'middlecon token new' on the broker's host prints the whole line")}
	case f.pin == "":
		return j, misuse{errors.New("want --ca-hash: 'middlecon token new' on the broker's host prints the whole line")}
	}
	if err := authority.CheckPin(f.pin); err != nil {
		return j, misuse{fmt.Errorf("--ca-hash: %w", err)}
	}
	name := authority.Name{Role: f.role, Host: f.serve.agent.name}
	if err := name.Check(); err != nil {
		return j, misuse{fmt.Errorf("--role, --name: %w", err)}
	}
	if _, err := f.serve.check(); err != nil {
		return j, err
	}
	if had, err := readJoined(f.dir); err != nil || had.Role != "" && had.Role != f.role {
		if err == nil {
			err = misuse{fmt.Errorf("%s has the certificate of %s/%s, which this one would replace: give another directory, as --dir ~/.ddcos, or 'k2i leave' first", f.dir, had.Role, had.Name)}
		}
		return j, err
	}
	return enrol.Joining{Address: address, Pin: f.pin, Name: name}, nil
}

// secret is the token.
func (f *joinFlags) secret(stdin io.Reader) (string, error) {
	text := []byte(f.token)
	var err error
	switch f.tokenFile {
	case "":
	case "-":
		text, err = io.ReadAll(io.LimitReader(stdin, 4<<10))
	default:
		text, err = files.ReadSecret(f.tokenFile, 4<<10)
	}
	token := strings.TrimSpace(string(text))
	if err == nil && (token == "" || len(token) > protocol.MaxToken) {
		err = fmt.Errorf("want one token of at most %d bytes", protocol.MaxToken)
	}
	if err != nil {
		return "", fmt.Errorf("the token: %w", err)
	}
	return token, nil
}

// tell says what was written.
func (f *joinFlags) tell(w io.Writer, answer *enrol.Answer, made bool) error {
	keys := filesIn(f.dir)
	leaf, err := keys.Leaf()
	if err != nil {
		return err
	}
	j := joinJSON{Name: answer.Name, Broker: f.serve.joined.broker(), Until: leaf.NotAfter, Wrote: []string{keys.Cert, keys.CA, joinedFile(f.dir)}, Kept: []string{}}
	verb := "kept "
	if made {
		verb = "wrote"
		j.Wrote = append([]string{keys.Key}, j.Wrote...)
	} else {
		j.Kept = []string{keys.Key}
	}
	if f.json {
		return json.NewEncoder(w).Encode(j)
	}
	_, err = fmt.Fprintf(w, `%s %s  this host's key, for its owner alone
wrote %s  the certificate of %s, until %s
wrote %s  whom to trust
wrote %s  the broker, %s
`, verb, keys.Key, keys.Cert, j.Name, leaf.NotAfter.Local().Format("2006-01-02 15:04"), keys.CA, joinedFile(f.dir), j.Broker)
	return err
}
