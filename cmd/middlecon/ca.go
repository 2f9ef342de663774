package main

import (
	"fmt"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"ddcos/middlecon/authority"
)

func caCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "ca",
		Short: "Look after the authority that hosts' certificates come from",
		Long: `The authority that 'middlecon up' made stands in --dir. Run it on the broker's host;
a broker that runs takes what changed within seconds, and needs no word.`,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(caShowCommand(), caRotateCommand(), caNamesCommand(),
		caNameCommand("revoke", "Give a name no further certificate",
			"Give a name no further certificate. The one that it has is good until it ends; a deny of\nits principal in the policy ends its sessions at once.", (*authority.Authority).Revoke),
		caNameCommand("release", "Let another key have a name",
			"Forget who holds a name, or that it was revoked: the next host that asks for it with a\ntoken has it. Whoever held it cannot renew.", (*authority.Authority).Release))
	return cmd
}

type caJSON struct {
	Hash    string     `json:"ca_hash"`
	Dir     string     `json:"dir"`
	Until   time.Time  `json:"until"`
	Overlap *time.Time `json:"overlap_until"` // null where no authority before it is trusted
}

func describeCA(p *place) (caJSON, error) {
	a, err := p.authority()
	if err != nil {
		return caJSON{}, err
	}
	text, err := a.Roots()
	if err != nil {
		return caJSON{}, err
	}
	roots, err := authority.ParseCertificates(text)
	if err != nil {
		return caJSON{}, err
	}
	overlap, err := a.Overlap()
	j := caJSON{Hash: authority.PinOf(roots[0]), Dir: p.options(0).Dir, Until: roots[0].NotAfter}
	if !overlap.IsZero() {
		j.Overlap = &overlap
	}
	return j, err
}

func (j caJSON) String() string {
	line := fmt.Sprintf("%s, in %s, until %s", j.Hash, j.Dir, j.Until.Format(time.RFC3339))
	if j.Overlap != nil {
		line += fmt.Sprintf("; the one before is trusted until %s", j.Overlap.Format(time.RFC3339))
	}
	return line
}

func caShowCommand() *cobra.Command {
	var p place
	var s shared
	cmd := &cobra.Command{
		Use:     "show",
		Short:   "Print the authority's hash, and until when it is good",
		Example: "  middlecon ca show\n  middlecon ca show --json | jq -r .ca_hash",
		Args:    exactly(0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			j, err := describeCA(&p)
			if err != nil {
				return err
			}
			s.say(cmd.OutOrStdout(), j.String(), j)
			return nil
		},
	}
	p.add(cmd.Flags())
	cmd.Flags().BoolVar(&s.json, "json", false, "machine-readable output")
	return cmd
}

func caRotateCommand() *cobra.Command {
	var p place
	var s shared
	overlap, now := 2*authority.DefaultLife, false
	cmd := &cobra.Command{
		Use:   "rotate",
		Short: "Make a new authority, and trust the one before for a while",
		Long: `Make a new authority. For --overlap both are trusted, and the new one is vouched for
by the one before, whose key is destroyed: hosts take the new one when they renew, and
no session notices. So the overlap has to be longer than a certificate's life.

With --now the one before is worth nothing at once, as after a theft of its key: every
host has to join again.`,
		Example: `  middlecon ca rotate
  middlecon ca rotate --now`,
		Args: exactly(0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if overlap < time.Minute || overlap > 4*authority.MostLife {
				return misuse{fmt.Errorf("--overlap %v: want 1m to %v; or --now", overlap, 4*authority.MostLife)}
			}
			a, err := p.authority()
			if err != nil {
				return err
			}
			if now {
				overlap = 0
			}
			if err := a.Rotate(overlap); err != nil {
				return readable(err)
			}
			j, err := describeCA(&p)
			if err != nil {
				return err
			}
			s.say(cmd.OutOrStdout(), j.String(), j)
			return nil
		},
	}
	p.add(cmd.Flags())
	cmd.Flags().DurationVar(&overlap, "overlap", overlap, "`DURATION` that the one before is trusted")
	cmd.Flags().BoolVar(&now, "now", false, "trust the one before no more from now on")
	cmd.Flags().BoolVar(&s.json, "json", false, "machine-readable output")
	return cmd
}

type nameJSON struct {
	Name    string    `json:"name"`
	Until   time.Time `json:"until"`
	Revoked bool      `json:"revoked"`
}

func caNamesCommand() *cobra.Command {
	var p place
	var s shared
	cmd := &cobra.Command{
		Use:     "names",
		Short:   "List who has a certificate, and whose name was revoked",
		Example: "  middlecon ca names\n  middlecon ca names --json | jq -r '.[].name'",
		Args:    exactly(0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			a, err := p.authority()
			if err != nil {
				return err
			}
			holders, err := a.Holders()
			if err != nil {
				return readable(err)
			}
			all := []nameJSON{}
			for _, h := range holders {
				all = append(all, nameJSON{h.Name.String(), h.Until, h.Revoked})
			}
			if s.json {
				printJSON(cmd.OutOrStdout(), all)
				return nil
			}
			out := tabwriter.NewWriter(cmd.OutOrStdout(), 0, 0, 2, ' ', 0)
			fmt.Fprintln(out, "NAME\tUNTIL\tREVOKED")
			for _, n := range all {
				fmt.Fprintf(out, "%s\t%s\t%t\n", n.Name, n.Until.Format(time.RFC3339), n.Revoked)
			}
			return out.Flush()
		},
	}
	p.add(cmd.Flags())
	cmd.Flags().BoolVar(&s.json, "json", false, "machine-readable output")
	return cmd
}

// caNameCommand is one that does something about one name.
func caNameCommand(use, short, long string, do func(*authority.Authority, authority.Name) error) *cobra.Command {
	var p place
	var s shared
	cmd := &cobra.Command{
		Use:     use + " ROLE/HOST",
		Short:   short,
		Long:    long,
		Example: "  middlecon ca " + use + " agent/web-1",
		Args:    exactly(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			name, err := authority.ParseName(args[0])
			if err != nil {
				return misuse{err}
			}
			a, err := p.authority()
			if err != nil {
				return err
			}
			if err := do(a, name); err != nil {
				return readable(err)
			}
			s.say(cmd.OutOrStdout(), use+"d "+name.String(), map[string]string{use + "d": name.String()})
			return nil
		},
	}
	p.add(cmd.Flags())
	cmd.Flags().BoolVar(&s.json, "json", false, "machine-readable output")
	return cmd
}
