package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"ddcos/middlecon"
)

func publishCommand(s *shared) *cobra.Command {
	var options middlecon.PublishOptions
	var labels, state []string
	cmd := &cobra.Command{
		Use:   "publish ROOM [PAYLOAD|-]",
		Short: "Send a message to a room and wait for nobody",
		Long: `Send PAYLOAD (standard input with -; nothing without it) to the members of ROOM,
in one order with all calls to it, and tell for how many it was queued. Nobody
replies, and what the members make of it is not known: use 'middlecon call' for that.

Exit status: 0 it was queued for every selected member, 1 it was not, 2 wrong use,
3 the broker cannot be reached.`,
		Example: "  middlecon publish web 'cache cleared'\n  middlecon publish web drain --label zone=a",
		Args:    between(1, 2),
		RunE: func(cmd *cobra.Command, args []string) error {
			var err error
			if options.Labels, err = parseLabels(labels); err != nil {
				return err
			}
			if options.State, err = parseState(state); err != nil {
				return err
			}
			if err := checked("room", args[0]); err != nil {
				return err
			}
			payload, err := payloadOf(cmd.Context(), cmd.InOrStdin(), args[1:])
			if err != nil {
				return err
			}
			conn, err := s.dial(cmd)
			if err != nil {
				return err
			}
			defer func() { _ = conn.Close() }()
			p, err := conn.Publish(cmd.Context(), args[0], payload, options)
			if err != nil {
				return err
			}
			s.say(cmd.OutOrStdout(), fmt.Sprintf("%s, view %d: handed to %d of %s", args[0], p.View, p.Handed, members(p.Selected)),
				map[string]any{"room": args[0], "view": p.View, "selected": p.Selected, "handed": p.Handed})
			if p.Handed < p.Selected {
				return statusError(exitNotMet)
			}
			return nil
		},
	}
	s.brokerFlags(cmd)
	cmd.Flags().StringArrayVar(&labels, "label", nil, "`KEY=VALUE` that selected members have; may be repeated")
	cmd.Flags().StringArrayVar(&state, "state", nil, "`KEY=VALUE` that selected members' state has; may be repeated")
	cmd.Flags().StringVar(&options.To, "to", "", "`MEMBER` that it is for, by name or id, instead of all")
	return cmd
}
