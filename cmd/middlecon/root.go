package main

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"ddcos"
	"ddcos/cli"
	"ddcos/middlecon"
	"ddcos/middlecon/creds"
	"ddcos/middlecon/tokens"
	"ddcos/protocol"
)

// shared is what every subcommand that speaks to a broker takes.
type shared struct {
	broker string // an address, or several with commas
	creds  creds.Client
	json   bool
}

// statusError ends the command with a status and without a word: all has been said.
type statusError int

func (s statusError) Error() string { return fmt.Sprintf("exit status %d", int(s)) }

// errInterrupted is what is left of a command that was told to stop before it had a result.
var errInterrupted = errors.New("interrupted")

func interrupted(cmd *cobra.Command) bool { return cmd.Context().Err() != nil }

// misuse marks an error as wrong use of the command.
type misuse struct{ error }

func statusOf(err error) int {
	var m misuse
	switch {
	case errors.As(err, &m):
		return exitMisuse
	case errors.Is(err, middlecon.ErrUnreachable):
		return exitUnreachable
	}
	return exitNotMet
}

func newRoot(stdin io.Reader, stdout, stderr io.Writer) *cobra.Command {
	var s shared
	root := &cobra.Command{
		Use:   "middlecon",
		Short: "One call reaches every process in a room and accounts for each of them",
		Long: `middlecon is a synchronous IPC broker. Processes join rooms; one call goes to
every member of a room and comes back with exactly one outcome for each.

Exit status: 0 the rule is met, 1 it is not or something failed, 2 wrong use,
3 the broker cannot be reached.

Environment: DDCOS_BROKER is the broker's address where --broker is not given, and
DDCOS_TLS_CA, DDCOS_TLS_CERT, DDCOS_TLS_KEY and DDCOS_TOKEN_FILE stand for the flags
of these names.

Of several addresses, with commas between, the nearest that answers is taken: a Unix socket
before all, else the first that does, with 200 ms before the next one is asked. When
it is lost, drains or goes away, 'join' and 'watch' go on at another one. Brokers do
not know of each other: who calls a room reaches those that are at the same one.`,
		Example: `  middlecon up
  middlecon serve
  middlecon join web --name web1 --label zone=a --exec 'cat; hostname'
  echo reload | middlecon call web - --deadline 2s --need 66%
  middlecon send web web1 status
  middlecon offer web job-17
  middlecon members web --json
  middlecon watch web`,
		Version:       ddcos.Version(),
		SilenceErrors: true,
		SilenceUsage:  true,
		RunE:          func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	root.SetVersionTemplate("{{.Version}}\n")
	root.SetIn(stdin)
	root.SetOut(stdout)
	root.SetErr(stderr)
	root.AddCommand(upCommand(), tokenCommand(), caCommand(), serveCommand(), joinCommand(&s), callCommand(&s), sendCommand(&s), offerCommand(&s), hookCommand(&s), membersCommand(&s), watchCommand(&s), forgetCommand(&s), publishCommand(&s), statusCommand(&s), drainCommand(&s), policyCommand())
	cli.Finish(root, cli.Habits{
		Misuse: func(err error) error { return misuse{err} },
		Own:    map[string]string{"host": "its own"},
		Values: map[string][]string{
			"need":           {"all", "first"},
			"on-unreachable": {"allow", "deny"},
			"role":           protocol.Roles(),
			"use":            {string(tokens.Join), string(tokens.Session)},
		},
	})
	return root
}

// brokerFlags gives a subcommand --broker and --json.
func (s *shared) brokerFlags(cmd *cobra.Command) {
	s.broker = cmp.Or(os.Getenv("DDCOS_BROKER"), protocol.DefaultAddress)
	cmd.Flags().Var(cli.Addresses(&s.broker), "broker", "broker's `ADDRESS`: unix:///path, tls://host:port or tcp://host:port; several with commas, or repeated (environment: DDCOS_BROKER)")
	s.creds = creds.FromEnv(os.Getenv)
	for _, f := range s.creds.Flags() {
		cmd.Flags().StringVar(f.Value, f.Name, *f.Value, f.Text())
	}
	cmd.Flags().BoolVar(&s.json, "json", false, "machine-readable output")
}

// several tells whether more brokers than one are named.
func (s *shared) several() bool { return strings.Contains(s.broker, ",") }

// dial opens a session with the broker that the flags name.
func (s *shared) dial(cmd *cobra.Command) (*middlecon.Conn, error) {
	return s.dialWith(cmd, middlecon.Options{Reconnect: s.several()})
}

func (s *shared) dialWith(cmd *cobra.Command, options middlecon.Options) (*middlecon.Conn, error) {
	if _, err := protocol.ParseAddresses(s.broker); err != nil {
		return nil, misuse{err}
	}
	options.Software = "middlecon " + cmd.Name()
	var err error
	if options.TLS, options.Token, err = s.creds.For(s.broker); err != nil {
		return nil, err
	}
	conn, err := middlecon.Dial(cmd.Context(), s.broker, options)
	var told *protocol.Error
	switch {
	case err == nil:
		return conn, nil
	case interrupted(cmd):
		return nil, errInterrupted
	case errors.As(err, &told):
		return nil, err // a broker is there, and says why not
	case errors.Is(err, fs.ErrPermission):
		return nil, fmt.Errorf("%w: ask whoever serves it for access", err)
	}
	return nil, fmt.Errorf("%w; is 'middlecon serve' running there? (--broker or DDCOS_BROKER names another)", err)
}

// checked refuses a name that no broker would take.
func checked(what, name string) error {
	if err := protocol.CheckName(name); err != nil {
		return misuse{fmt.Errorf("%s: %w", what, err)}
	}
	return nil
}

// exactly wants so many arguments, and says which.
func exactly(n int) cobra.PositionalArgs { return between(n, n) }

func between(least, most int) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if len(args) < least || len(args) > most {
			return misuse{fmt.Errorf("usage: %s", cmd.UseLine())}
		}
		return nil
	}
}

// parseLabels reads the values of --label.
func parseLabels(pairs []string) (map[string]string, error) {
	return parsePairs("--label", pairs, protocol.CheckLabels)
}

// parseState reads the values of --state.
func parseState(pairs []string) (map[string]string, error) {
	return parsePairs("--state", pairs, protocol.CheckState)
}

func parsePairs(flag string, pairs []string, check func(map[string]string) error) (map[string]string, error) {
	parsed := make(map[string]string, len(pairs))
	for _, pair := range pairs {
		k, v, ok := strings.Cut(pair, "=")
		if !ok {
			return nil, misuse{fmt.Errorf("%s %q: want KEY=VALUE", flag, pair)}
		}
		parsed[k] = v
	}
	if err := check(parsed); err != nil {
		return nil, misuse{fmt.Errorf("%s: %w", flag, err)}
	}
	return parsed, nil
}
