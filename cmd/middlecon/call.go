package main

import (
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"ddcos/middlecon"
	"ddcos/protocol"
)

func callCommand(s *shared) *cobra.Command {
	var need string
	var labels []string
	deadline := middlecon.DefaultDeadline
	cmd := &cobra.Command{
		Use:   "call ROOM [PAYLOAD|-]",
		Short: "Reach every member of a room and account for each",
		Long: `Send PAYLOAD (standard input with -; nothing without it) to the members of ROOM
and wait until each of them is settled, the rule is met or the deadline passes.

Every selected member has exactly one outcome: ok, app_error, refused, timeout
(received, no reply), no_receipt (sent, no receipt), overflow, not_sent,
lost_after_send (effect unknown), left, unreachable_broker or cancelled.

Exit status: 0 the rule is met, 1 it is not, 2 wrong use, 3 the broker cannot be
reached.`,
		Example: `  middlecon call web reload
  middlecon call web reload --need 66% --label zone=a --deadline 500ms
  tar c conf | middlecon call web - --json | jq .counts`,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) < 1 || len(args) > 2 {
				return misuse{fmt.Errorf("usage: %s", cmd.UseLine())}
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			options := middlecon.CallOptions{Deadline: deadline}
			var err error
			if options.Need, err = protocol.ParseRule(need); err != nil {
				return misuse{fmt.Errorf("--need: %w", err)}
			}
			if options.Labels, err = parseLabels(labels); err != nil {
				return err
			}
			payload, err := payloadOf(cmd.InOrStdin(), args[1:])
			if err != nil {
				return err
			}
			return s.call(cmd, args[0], payload, options)
		},
	}
	s.brokerFlags(cmd)
	cmd.Flags().DurationVar(&deadline, "deadline", deadline, fmt.Sprintf("by when the account is complete, %v to %v", protocol.MinDeadline, protocol.MaxDeadline))
	cmd.Flags().StringVar(&need, "need", "all", "who has to answer ok: all, a number of members, or a share such as 66%")
	cmd.Flags().StringArrayVar(&labels, "label", nil, "KEY=VALUE that selected members have; may be repeated")
	return cmd
}

func (s *shared) call(cmd *cobra.Command, room string, payload []byte, options middlecon.CallOptions) error {
	if options.Deadline < protocol.MinDeadline || options.Deadline > protocol.MaxDeadline {
		return misuse{fmt.Errorf("--deadline %v: want %v to %v", options.Deadline, time.Duration(protocol.MinDeadline), time.Duration(protocol.MaxDeadline))}
	}
	if err := protocol.CheckName(room); err != nil {
		return misuse{fmt.Errorf("room: %w", err)}
	}
	conn, err := s.dial(cmd)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close() }()
	account, err := conn.Call(cmd.Context(), room, payload, options)
	if err != nil {
		if over := conn.Err(); over != nil {
			return fmt.Errorf("%w any more, the outcome is unknown for all: %w", middlecon.ErrUnreachable, over)
		}
		return err
	}
	if s.json {
		printJSON(cmd.OutOrStdout(), accountOf(account))
	} else {
		printAccount(cmd.OutOrStdout(), account)
	}
	if !account.Met {
		return statusError(exitNotMet)
	}
	return nil
}

// payloadOf takes the message from the arguments or from standard input.
func payloadOf(stdin io.Reader, args []string) ([]byte, error) {
	if len(args) == 0 {
		return nil, nil
	}
	payload := []byte(args[0])
	if args[0] == "-" {
		var err error
		if payload, err = io.ReadAll(io.LimitReader(stdin, protocol.MaxPayload+1)); err != nil {
			return nil, fmt.Errorf("standard input: %w", err)
		}
	}
	if len(payload) > protocol.MaxPayload {
		return nil, misuse{errors.New("the payload is too long: " + fmt.Sprintf("%d bytes are allowed", protocol.MaxPayload))}
	}
	return payload, nil
}
