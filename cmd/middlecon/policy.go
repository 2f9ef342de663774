package main

import (
	"errors"
	"fmt"
	"io/fs"
	"strings"

	"github.com/spf13/cobra"

	"ddcos/middlecon/policy"
)

// policyFile is where a policy is looked for by who was told no other place.
const policyFile = "/etc/ddcos/policy.yaml"

func policyCommand() *cobra.Command {
	var s shared
	cmd := &cobra.Command{
		Use:   "policy",
		Short: "Look at a file of who may do what",
		Long: `A policy says which principal may do what in which room. 'middlecon serve --policy
FILE' and 'k2i serve --policy FILE' follow it, and read it anew at SIGHUP; one that
is wrong is told in the log then, and the one of before holds.

Without a file users of the host, and sessions without credentials where the
operator insisted on those, may do everything but drain; a certificate or a token
may what its role says: admin everything, client all but manage, drain and read_args,
agent join and claim. With a file nothing is allowed but what it allows; root and the
broker's own user may always drain it, since they may kill it.`,
		Example: `  middlecon policy example > policy.yaml
  middlecon policy check policy.yaml
  middlecon policy explain --file policy.yaml 'uid 1000' call deploy`,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(policyCheckCommand(&s), policyExplainCommand(&s), policyExampleCommand())
	return cmd
}

func policyCheckCommand(s *shared) *cobra.Command {
	cmd := &cobra.Command{
		Use:     "check FILE",
		Short:   "Tell what is wrong with a policy",
		Long:    "Read FILE as a broker would. All that is wrong is told with line numbers, and the exit\nstatus is 1 then. What may be a mistake is told beside it.",
		Example: "  middlecon policy check /etc/ddcos/policy.yaml",
		Args:    exactly(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			p, err := policy.Load(args[0])
			if err != nil {
				if s.json {
					printJSON(cmd.OutOrStdout(), map[string]any{"file": args[0], "ok": false, "errors": strings.Split(err.Error(), "\n")})
					return statusError(exitNotMet)
				}
				return err
			}
			roles, allow, deny := p.Counts()
			warnings := append([]string{}, p.Warnings()...)
			line := fmt.Sprintf("%s: %d roles, %d rules that allow, %d that deny", args[0], roles, allow, deny)
			for _, w := range warnings {
				line += "\n" + w
			}
			s.say(cmd.OutOrStdout(), line, map[string]any{"file": args[0], "ok": true, "roles": roles, "allow": allow, "deny": deny, "warnings": warnings})
			return nil
		},
	}
	cmd.Flags().BoolVar(&s.json, "json", false, "machine-readable output")
	return cmd
}

func policyExplainCommand(s *shared) *cobra.Command {
	var file, role string
	cmd := &cobra.Command{
		Use:   "explain PRINCIPAL VERB [ROOM]",
		Short: "Tell whether somebody may do something, and why",
		Long: `Decide as a broker would. PRINCIPAL is 'uid 1000', spiffe://ddcos/agent/web-1, 'token ci'
or an address. VERB is one of join, call, send, publish, offer, claim, watch, manage in a
ROOM, or status, drain, read, read_args without one. Exit status: 0 it is allowed, 1 it is not.`,
		Example: "  middlecon policy explain 'uid 1000' call deploy\n  middlecon policy explain 'token ci' --role client read_args",
		Args:    between(2, 3),
		RunE: func(cmd *cobra.Command, args []string) error {
			verb, err := policy.ParseVerb(args[1])
			if err != nil {
				return misuse{err}
			}
			subject := policy.Subject{Principal: args[0], Role: role}
			if err := policy.CheckPrincipal(subject.Principal); err != nil {
				return misuse{err}
			}
			in := strings.Join(args[2:], "")
			switch {
			case verb.OfRoom() != (len(args) == 3):
				return misuse{fmt.Errorf("%s: want a ROOM for what is about one, and none else", verb)}
			case verb.OfRoom():
				if err := checked("room", in); err != nil {
					return err
				}
			}
			p, from, err := policyOf(file)
			if err != nil {
				return err
			}
			d := p.Allows(subject, verb, in)
			s.explain(cmd, subject, p.Roles(subject), verb, in, d, from)
			if !d.Allowed {
				return statusError(exitNotMet)
			}
			return nil
		},
	}
	f := cmd.Flags()
	f.StringVar(&file, "file", "", "`FILE` of the policy ("+policyFile+", and without that what is built in)")
	f.StringVar(&role, "role", "", "`ROLE` that the token has")
	f.BoolVar(&s.json, "json", false, "machine-readable output")
	return cmd
}

// policyOf reads the policy that was named, or that of the host, or takes what is built in.
func policyOf(file string) (p *policy.Policy, from string, err error) {
	if file != "" {
		p, err = policy.Load(file)
		return p, file, err
	}
	p, err = policy.Load(policyFile)
	if errors.Is(err, fs.ErrNotExist) {
		return policy.Default(), "built in", nil
	}
	return p, policyFile, err
}

func (s *shared) explain(cmd *cobra.Command, who policy.Subject, roles []string, verb policy.Verb, in string, d policy.Decision, from string) {
	word := "forbidden"
	if d.Allowed {
		word = "allowed"
	}
	line := fmt.Sprintf("%s: %s %s", word, who.Principal, verb)
	if in != "" {
		line += fmt.Sprintf(" %q", in)
	}
	line += fmt.Sprintf(": %s (%s)", d.Why, from)
	if len(roles) > 0 {
		line += "; roles: " + strings.Join(roles, ", ")
	}
	s.say(cmd.OutOrStdout(), line, map[string]any{
		"principal": who.Principal, "roles": append([]string{}, roles...), "verb": verb.String(), "room": in,
		"allowed": d.Allowed, "why": d.Why, "line": d.Line, "policy": from,
	})
}

func policyExampleCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "example",
		Short:   "Print a policy with comments, to begin with",
		Example: "  middlecon policy example > policy.yaml",
		Args:    exactly(0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			_, err := fmt.Fprint(cmd.OutOrStdout(), policy.Example)
			return err
		},
	}
}
