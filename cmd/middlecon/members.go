package main

import (
	"cmp"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"ddcos/middlecon"
	"ddcos/protocol"
)

func membersCommand(s *shared) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "members ROOM",
		Short: "List the members of a room, and those that it has lost",
		Long: `List the members of ROOM in the order of their joining, and after them those that
are absent: lost, not left, within the last day and not back.`,
		Example: `  middlecon members web
  middlecon members k2i --json | jq -r '.members[].name'`,
		Args: exactly(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := checked("room", args[0]); err != nil {
				return err
			}
			conn, err := s.dial(cmd)
			if err != nil {
				return err
			}
			defer func() { _ = conn.Close() }()
			view, err := conn.Members(cmd.Context(), args[0])
			if err != nil {
				return err
			}
			if s.json {
				printJSON(cmd.OutOrStdout(), map[string]any{
					"room": view.Room, "view": view.Number, "members": membersOf(view.Joined), "absent": absentOf(view.Absent),
				})
				return nil
			}
			_, _ = fmt.Fprintf(cmd.OutOrStdout(), "%s, view %d: %s\n", view.Room, view.Number, members(view.Size))
			printMembers(cmd.OutOrStdout(), view)
			return nil
		},
	}
	s.brokerFlags(cmd)
	return cmd
}

func printMembers(w io.Writer, view *middlecon.View) {
	t := tabwriter.NewWriter(w, 0, 8, 2, ' ', 0)
	stated := slices.ContainsFunc(view.Joined, func(m protocol.Member) bool { return m.Version > 0 })
	state := func(text string) string {
		if stated {
			return "\t" + text
		}
		return ""
	}
	if len(view.Joined) > 0 {
		_, _ = fmt.Fprintln(t, "NAME\tHOST\tPID\tMEMBER\tLABELS"+state("STATE"))
	}
	for _, m := range view.Joined {
		_, _ = fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s%s\n", m.Name, m.Host, pid(int(m.PID)), m.ID, labelText(m.Labels), state(labelText(m.State)))
	}
	_ = t.Flush()
	printAbsent(w, view.Absent)
}

func labelText(labels map[string]string) string {
	var pairs []string
	for _, k := range slices.Sorted(maps.Keys(labels)) {
		pairs = append(pairs, k+"="+labels[k])
	}
	return cmp.Or(strings.Join(pairs, ","), "-")
}
