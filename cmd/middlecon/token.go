package main

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"ddcos/middlecon/tokens"
	"ddcos/protocol"
)

// maxTTL is how long a token may live at most.
const maxTTL = 366 * 24 * time.Hour

// tokenWish is what 'token new' was told.
type tokenWish struct {
	name, role, use string
	ttl             time.Duration
	uses            int
}

func (t *tokenWish) check() error {
	switch {
	case t.ttl < time.Second || t.ttl > maxTTL:
		return misuse{fmt.Errorf("--ttl %v: want 1s to %v", t.ttl, maxTTL)}
	case t.uses < 0:
		return misuse{fmt.Errorf("--uses %d: want 1 or more, or 0 for any number", t.uses)}
	case t.use != string(tokens.Join) && t.uses > 0:
		return misuse{errors.New("--uses: only a token to join with has a number of uses")}
	}
	if t.name == "" {
		t.name = t.use + "-" + random()
	}
	return nil
}

// random is six digits that no other token's name has, most likely; they are no secret.
func random() string {
	var b [3]byte
	_, _ = rand.Read(b[:]) // it never fails
	return hex.EncodeToString(b[:])
}

type tokenJSON struct {
	Name    string    `json:"name"`
	Use     string    `json:"use"`
	Role    string    `json:"role"`
	State   string    `json:"state"`
	Created time.Time `json:"created"`
	Expires time.Time `json:"expires"`
	Uses    int       `json:"uses"` // that it is good for; 0: any number
	Used    int       `json:"used"`

	Token string `json:"token,omitempty"` // when it was made, and never again
	Join  string `json:"join,omitempty"`
}

func tokenOf(t tokens.Token, now time.Time) tokenJSON {
	state := "valid"
	switch err := t.Holds(now); {
	case errors.Is(err, tokens.ErrRevoked):
		state = "revoked"
	case errors.Is(err, tokens.ErrExpired):
		state = "expired"
	case errors.Is(err, tokens.ErrUsedUp):
		state = "used up"
	}
	return tokenJSON{Name: t.Name, Use: string(t.Use), Role: t.Role, State: state, Created: t.Created, Expires: t.Expires, Uses: t.Uses, Used: t.Used}
}

func tokenCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "token",
		Short: "Make, list and revoke the tokens that hosts join with",
		Long: `Tokens are secrets that are worth a certificate (to join with), or a session over
TLS without one. They stand in --dir, hashed; what is revoked is refused at once, and
sessions that live by it end within seconds. Run it on the broker's host.`,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(tokenNewCommand(), tokenListCommand(), tokenRevokeCommand())
	return cmd
}

func tokenNewCommand() *cobra.Command {
	var p place
	var s shared
	var t tokenWish
	cmd := &cobra.Command{
		Use:   "new",
		Short: "Make a token, and print the line to join with",
		Long: `Make a token, and print what to run on another host: k2i join ADDRESS --token
TOKEN --ca-hash HASH. One for sessions is printed alone. It is shown this once, and
kept as a hash.`,
		Example: `  middlecon token new
  middlecon token new --role agent --ttl 15m --uses 3
  middlecon token new --role client --uses 1
  middlecon token new --use session --role client --name ci --ttl 720h > ci.token`,
		Args: exactly(0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := t.check(); err != nil {
				return err
			}
			made, err := makeToken(&p, t)
			if err != nil {
				return err
			}
			line := made.Join
			if line == "" {
				line = made.Token
			}
			s.say(cmd.OutOrStdout(), line, made)
			return nil
		},
	}
	f := cmd.Flags()
	p.add(f)
	f.StringVar(&t.role, "role", protocol.RoleAgent, "`ROLE` that it is worth: agent, client, admin or broker; for sessions any that the policy knows")
	f.StringVar(&t.use, "use", string(tokens.Join), "`USE` it is for: join or session")
	f.StringVar(&t.name, "name", "", "`NAME` to list and revoke it by, and of a session's principal; made up without it")
	f.DurationVar(&t.ttl, "ttl", time.Hour, "`DURATION` that it is good for")
	f.IntVar(&t.uses, "uses", 0, "`N` hosts that may join with it; 0: any number")
	f.BoolVar(&s.json, "json", false, "machine-readable output")
	return cmd
}

// makeToken makes one, and the line to join by where it is for that.
func makeToken(p *place, t tokenWish) (tokenJSON, error) {
	if t.use != string(tokens.Join) {
		one, secret, err := p.newToken(t)
		made := tokenOf(one, time.Now())
		made.Token = secret
		return made, err
	}
	a, err := p.authority()
	if err != nil {
		return tokenJSON{}, err
	}
	at, err := p.about()
	if err != nil {
		return tokenJSON{}, err
	}
	pin, err := a.Pin()
	if err != nil {
		return tokenJSON{}, err
	}
	one, secret, err := p.newToken(t)
	made := tokenOf(one, time.Now())
	made.Token, made.Join = secret, joinLine(at.Address, secret, pin, t.role)
	return made, err
}

func tokenListCommand() *cobra.Command {
	var p place
	var s shared
	cmd := &cobra.Command{
		Use:     "list",
		Short:   "List the tokens",
		Example: "  middlecon token list\n  middlecon token list --json | jq -r '.[].name'",
		Args:    exactly(0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			store, err := tokens.Open(p.tokens())
			if err != nil {
				return readable(err)
			}
			all := []tokenJSON{}
			for _, t := range store.List() {
				all = append(all, tokenOf(t, time.Now()))
			}
			if s.json {
				printJSON(cmd.OutOrStdout(), all)
				return nil
			}
			out := tabwriter.NewWriter(cmd.OutOrStdout(), 0, 0, 2, ' ', 0)
			fmt.Fprintln(out, "NAME\tUSE\tROLE\tSTATE\tEXPIRES\tUSED")
			for _, t := range all {
				used := fmt.Sprint(t.Used)
				if t.Uses > 0 {
					used = fmt.Sprintf("%d of %d", t.Used, t.Uses)
				}
				fmt.Fprintf(out, "%s\t%s\t%s\t%s\t%s\t%s\n", t.Name, t.Use, t.Role, t.State, t.Expires.Format(time.RFC3339), used)
			}
			return out.Flush()
		},
	}
	p.add(cmd.Flags())
	cmd.Flags().BoolVar(&s.json, "json", false, "machine-readable output")
	return cmd
}

func tokenRevokeCommand() *cobra.Command {
	var p place
	var s shared
	cmd := &cobra.Command{
		Use:   "revoke NAME",
		Short: "End the use of a token",
		Long: `End the use of a token at once. Certificates that were fetched with it stay good:
see 'middlecon ca revoke'.`,
		Example: "  middlecon token revoke join-3fa9c1",
		Args:    exactly(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			err := tokens.Update(p.tokens(), func(l tokens.List) (tokens.List, error) { return l.Revoke(args[0], time.Now()) })
			if err != nil {
				return readable(err)
			}
			s.say(cmd.OutOrStdout(), "revoked "+args[0], map[string]string{"revoked": args[0]})
			return nil
		},
	}
	p.add(cmd.Flags())
	cmd.Flags().BoolVar(&s.json, "json", false, "machine-readable output")
	return cmd
}
