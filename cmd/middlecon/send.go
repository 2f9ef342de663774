package main

import (
	"context"
	"errors"

	"github.com/spf13/cobra"

	"ddcos/middlecon"
)

func sendCommand(s *shared) *cobra.Command {
	var c calling
	cmd := &cobra.Command{
		Use:   "send ROOM MEMBER [PAYLOAD|-]",
		Short: "Reach one member of a room and tell what became of it",
		Long: `Send PAYLOAD (standard input with -; nothing without it) to MEMBER of ROOM, by
its name or by its id as 'middlecon members' shows it, and wait for its reply. It
has one of the outcomes of 'middlecon call'.

Exit status: 0 it answered ok, 1 it did not, it is absent or there is no such
member, 2 wrong use, 3 the broker cannot be reached.`,
		Example: `  middlecon send web web1 reload
  middlecon send web 00abcd.7 - --deadline 500ms --json < message`,
		Args: between(2, 3),
		RunE: func(cmd *cobra.Command, args []string) error {
			options, err := c.options()
			if err != nil {
				return err
			}
			if err := errors.Join(checked("room", args[0]), checked("member", args[1])); err != nil {
				return err
			}
			payload, err := payloadOf(cmd.Context(), cmd.InOrStdin(), args[2:])
			if err != nil {
				return err
			}
			return s.call(cmd, func(ctx context.Context, conn *middlecon.Conn) (*middlecon.Account, error) {
				return conn.Send(ctx, args[0], args[1], payload, options)
			}, printAccount)
		},
	}
	s.brokerFlags(cmd)
	c.flags(cmd)
	return cmd
}
