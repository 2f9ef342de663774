package main

import (
	"errors"
	"fmt"

	"github.com/spf13/cobra"
)

func forgetCommand(s *shared) *cobra.Command {
	var all bool
	cmd := &cobra.Command{
		Use:   "forget ROOM {NAME | --all}",
		Short: "Forget members that a room has lost",
		Long: `Take NAME, or with --all everybody, off the list of members that ROOM has lost:
they are not told as absent any more. By itself a room forgets after a day, or when
the name joins again.`,
		Example: "  middlecon forget web web3\n  middlecon forget web --all",
		Args:    between(1, 2),
		RunE: func(cmd *cobra.Command, args []string) error {
			if all == (len(args) == 2) {
				return misuse{errors.New("want either a NAME or --all")}
			}
			name := ""
			if !all {
				name = args[1]
				if err := checked("member", name); err != nil {
					return err
				}
			}
			if err := checked("room", args[0]); err != nil {
				return err
			}
			conn, err := s.dial(cmd)
			if err != nil {
				return err
			}
			defer func() { _ = conn.Close() }()
			n, err := conn.Forget(cmd.Context(), args[0], name)
			if err != nil {
				return err
			}
			s.say(cmd.OutOrStdout(), fmt.Sprintf("%s: %s forgotten", args[0], members(n)), map[string]any{"room": args[0], "forgotten": n})
			return nil
		},
	}
	s.brokerFlags(cmd)
	cmd.Flags().BoolVar(&all, "all", false, "forget everybody that the room has lost")
	return cmd
}
